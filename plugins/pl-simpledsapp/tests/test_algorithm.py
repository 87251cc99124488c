from pathlib import PurePosixPath

import pytest
from pl_simpledsapp.algorithm import prefixed, seconds


@pytest.mark.parametrize(
    ("files", "prefix", "expected"),
    [
        pytest.param([], "x", [], id="nothing"),
        pytest.param(["a"], "", [("a", "a")], id="no prefix"),
        pytest.param(["b", "a"], "x-", [("a", "x-a"), ("b", "x-b")], id="sorted"),
        pytest.param(
            ["d/e/f.nii.gz"], "x", [("d/e/f.nii.gz", "d/e/xf.nii.gz")], id="folders keep their names"
        ),
        pytest.param(["a b,ü"], "é ", [("a b,ü", "é a b,ü")], id="names stay as they are"),
    ],
)
def test_prefixed(files, prefix, expected):
    pairs = prefixed([PurePosixPath(file) for file in files], prefix)
    assert [(str(source), str(target)) for source, target in pairs] == expected


def test_a_prefix_cannot_move_files_to_other_folders():
    with pytest.raises(ValueError, match=r"--prefix '\.\./': .* cannot contain '/'"):
        prefixed([PurePosixPath("a")], "../")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("2.5", 2.5), (" 3 ", 3)])
def test_seconds(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf"])
def test_seconds_refuses(text):
    with pytest.raises(ValueError, match="is not a time in seconds"):
        seconds(text)
