import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pl_testprobe.algorithm import content, log_lines, names

BIN = Path(sys.executable).parent


def run(program, *words):
    return subprocess.run([str(BIN / program), *map(str, words)], capture_output=True, text=True, check=False)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def inputdir(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"one")
    return folder


@pytest.mark.parametrize(
    ("words", "code", "files"),
    [
        pytest.param([], 0, 1, id="nothing said"),
        pytest.param(["--exitCode", 3], 3, 1, id="exit code, output kept"),
        pytest.param(["--killSelf"], -signal.SIGKILL, 1, id="SIGKILL, output kept"),
        pytest.param(["--writeNothing"], 0, 0, id="writes nothing"),
        pytest.param(["--files", 101, "--bytes", 10], 0, 101, id="many files"),
        pytest.param(["--allocate", 20, "--burn", 0.05, "--sleep", 0.01], 0, 1, id="memory, CPU, time"),
    ],
)
def test_does_as_told(words, code, files, out):
    answer = run("testsource", *words, out)
    assert answer.returncode == code, answer.stderr
    assert len(tree(out)) == files


def test_files_have_the_size_and_are_the_same_every_time(out, tmp_path):
    run("testsource", "--files", 3, "--bytes", 5000, out)
    run("testsource", "--files", 3, "--bytes", 5000, tmp_path / "again")
    assert (
        tree(out) == tree(tmp_path / "again") == {name: content(i, 5000) for i, name in enumerate(names(3))}
    )


@pytest.mark.parametrize("size", [0, 1, 100, 12345])
def test_log(size):
    assert len("".join(log_lines(size))) == size


def test_log_reaches_standard_output(out):
    assert run("testsource", "--logBytes", 1000, out).stdout.startswith("log line 000000000 ...")


def test_hostile_output(out):
    run("testsource", "--hostile", out)
    entries = {os.fsencode(path.name) for path in out.iterdir()}
    assert {b"link-to-passwd", b"link-to-root", b"fifo", b"not-utf-8-\xff.txt"} < entries


def test_report_tells_what_the_program_sees(inputdir, out):
    assert run("testprobe", "--report", inputdir, out).returncode == 0
    report = json.loads((out / "report.json").read_text())
    assert report["uid"] == os.getuid()
    assert report["input"] == {"a": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"}
    assert report["serviceAccountToken"] is False


def test_parameters_as_they_arrive(inputdir, out):
    words = ["--linkedDir", inputdir, "--dir", inputdir, "-r", "x y", "--whole", "-3", "--on", "--off"]
    answer = run("testparams", *words, out)
    assert answer.returncode == 0, answer.stderr
    written = json.loads((out / "arguments.json").read_text())
    assert written["words"] == [*map(str, words), str(out)]
    assert written["values"] == {
        "requireParam": "x y",
        "dir": str(inputdir),
        "linkedDir": str(inputdir),
        "text": "some text",
        "whole": -3,
        "ratio": 0.5,
        "on": True,
        "off": False,
    }
    assert written["input"] == ["a"]


def test_a_missing_parameter_is_named(inputdir, out):
    answer = run("testparams", "--dir", inputdir, "--linkedDir", inputdir, out)
    assert answer.returncode == 2
    assert "--requireParam" in answer.stderr
