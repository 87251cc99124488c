import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pl_testprobe import hostility
from pl_testprobe.algorithm import ODD_NAMES, content, log_blocks, names

BIN = Path(sys.executable).parent


def run(program, *words):
    return subprocess.run([str(BIN / program), *map(str, words)], capture_output=True, text=True, check=False)


def ignored_signals(process):
    return int(
        re.search(r"^SigIgn:\s*(\w+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)[1], 16
    )


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


@pytest.mark.parametrize("size", [0, 1, 100, 12345, 200_000])
def test_log(size):
    assert len("".join(log_blocks(size))) == size


def test_log_reaches_standard_output(out):
    assert run("testsource", "--logBytes", 1000, out).stdout.startswith("log line 000000000 ...")


def test_hostile_output(out):
    run("testsource", "--hostile", out)
    assert {"link-to-passwd", "link-to-root", "link-up", "fifo", "socket"} < {
        path.name for path in out.iterdir()
    }


def test_odd_names(out):
    run("testsource", "--oddNames", out)
    assert set(ODD_NAMES) < {os.fsencode(path.name) for path in out.iterdir()}


def test_filling_and_sparse_files(out):
    run("testsource", "--fill", 2, "--sparse", 1 << 20, out)
    full, sparse = (out / "fill.bin").stat(), (out / "sparse.bin").stat()
    assert (full.st_size, sparse.st_size) == (2 << 20, 1 << 40)
    assert sparse.st_blocks * 512 < full.st_size <= full.st_blocks * 512


@pytest.mark.parametrize("what", hostility.TAMPERINGS)
def test_tampering_spoils_what_it_says(what, tmp_path):
    for name in ("alive", "log", "usage", "ready"):
        (tmp_path / name).write_text("as it was")
    hostility.tamper(what, tmp_path)
    spoilt = tmp_path / what
    assert not spoilt.exists() or spoilt.is_dir() or spoilt.read_text(errors="replace") != "as it was"


def test_an_unknown_tampering_is_named():
    assert "alive, everything, log, ready, usage" in run("testsource", "--tamper", "x", "/nowhere").stderr


def test_orphans_outlive_the_program(out):
    command = [str(BIN / "testsource"), "--orphans", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.wait(30) == 0
        words = process.stdout.readline().split()
        left = [int(word) for word in words if word.isdigit()]
        ignored = [ignored_signals(child) for child in left]
        for child in left:
            os.kill(child, signal.SIGKILL)
    assert len(left) == 2
    assert all(mask & 1 << (signal.SIGTERM - 1) for mask in ignored)


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
