import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "simpledsapp"


def run(*words):
    return subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True, check=False)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def inputdir(tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"one")
    (folder / "sub" / "b.bin").write_bytes(bytes(range(256)))
    (folder / "link").symlink_to("a.txt")
    return folder


def test_copies_regular_files_under_prefixed_names(inputdir, tmp_path):
    answer = run("--prefix", "x-", inputdir, tmp_path / "out")
    assert answer.returncode == 0, answer.stderr
    assert tree(tmp_path / "out") == {"x-a.txt": b"one", "sub/x-b.bin": bytes(range(256))}


def test_an_empty_input_gives_an_empty_output(tmp_path):
    (tmp_path / "in").mkdir()
    assert run(tmp_path / "in", tmp_path / "out").returncode == 0
    assert tree(tmp_path / "out") == {}


def test_ignoring_the_input_writes_the_parameters(inputdir, tmp_path):
    answer = run("--ignoreInputDir", "--dummyInt", 7, "--dummyFloat", 0.5, inputdir, tmp_path / "out")
    assert answer.returncode == 0, answer.stderr
    written = tree(tmp_path / "out")
    assert list(written) == ["simpledsapp.json"]
    assert json.loads(written["simpledsapp.json"]) == {
        "prefix": "",
        "b_ignoreInputDir": True,
        "sleepLength": "0",
        "dummyInt": 7,
        "dummyFloat": 0.5,
        "pftelDB": "",
    }


@pytest.mark.parametrize(
    ("words", "explanation"),
    [
        pytest.param(["--sleepLength", "soon"], "--sleepLength 'soon' is not a time", id="time"),
        pytest.param(["--prefix", "a/b"], "--prefix 'a/b'", id="prefix"),
        pytest.param(["--dummyInt", "1.5"], "--dummyInt", id="integer"),
        pytest.param(["--nothing"], "--nothing", id="unknown"),
    ],
)
def test_a_wrong_parameter_ends_with_2_and_an_explanation(words, explanation, inputdir, tmp_path):
    answer = run(*words, inputdir, tmp_path / "out")
    assert answer.returncode == 2
    assert explanation in answer.stderr
    assert tree(tmp_path / "out") == {} if (tmp_path / "out").exists() else True
