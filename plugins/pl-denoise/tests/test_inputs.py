import re

import pytest
from pl_denoise import inputs

SERIES = "sub-1_dwi.nii.gz"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("names", "image", "gradients"),
    [
        pytest.param([SERIES, "sub-1_dwi.bval", "sub-1_dwi.bvec"], SERIES, 2, id="with gradients"),
        pytest.param([SERIES], SERIES, 0, id="alone"),
        pytest.param([f"dwi/{SERIES}", "sub-1_dwi.bval"], f"dwi/{SERIES}", 0, id="gradients elsewhere"),
        pytest.param(["sub-1_dwi.nii"], "sub-1_dwi.nii", 0, id="not compressed"),
        pytest.param([SERIES, "sub-1_desc-denoised_dwi.nii"], SERIES, 0, id="a result beside it"),
        pytest.param([SERIES, "sub-1_T1w.nii.gz", "x.txt"], SERIES, 0, id="other files"),
    ],
)
def test_the_series_is_found(names, image, gradients, tmp_path):
    touch(tmp_path, *names)
    found = inputs.find_series(tmp_path)
    assert found.subject == "sub-1"
    assert found.image == tmp_path / image
    assert len(found.gradients) == gradients


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param([], "found none; the input has no files", id="empty"),
        pytest.param(["a.txt"], "found none; the input has 1: a.txt", id="no series"),
        pytest.param(
            [SERIES, f"b/{SERIES}"], "found 2: b/sub-1_dwi.nii.gz, sub-1_dwi.nii.gz; give", id="two"
        ),
        pytest.param([f"{n:02}.txt" for n in range(12)], "09.txt and 2 more", id="many files"),
    ],
)
def test_what_was_looked_for_and_what_was_there(names, message, tmp_path):
    touch(tmp_path, *names)
    with pytest.raises(inputs.InputError, match=re.escape(message)):
        inputs.find_series(tmp_path)


@pytest.mark.parametrize(
    ("index", "count", "message"),
    [
        pytest.param(
            "4", "4", "CHRIS_SHARD_INDEX=4, CHRIS_SHARD_COUNT=4: the index counts from 0", id="beyond"
        ),
        pytest.param("-1", "4", "CHRIS_SHARD_INDEX=-1, CHRIS_SHARD_COUNT=4: both must be", id="negative"),
        pytest.param("0", "0", "must be below the count", id="none at all"),
        pytest.param("0", None, "CHRIS_SHARD_COUNT=None: both must be", id="half"),
        pytest.param("one", "2", "CHRIS_SHARD_INDEX=one", id="no number"),
        pytest.param("", "2", "both must be whole numbers", id="empty"),
    ],
)
def test_a_wrong_share_is_explained(index, count, message):
    told = {"CHRIS_SHARD_INDEX": index, "CHRIS_SHARD_COUNT": count}
    with pytest.raises(inputs.InputError, match=re.escape(message)):
        inputs.shard({name: text for name, text in told.items() if text is not None})
