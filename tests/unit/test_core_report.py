"""What a pod tells about itself, in the words and fields of the status."""

import pytest
from tests.runs import Object, ended, pod

from chris_operator.core import report
from chris_operator.core.observe import Ended, PodFacts, Stage
from chris_operator.models.plugininstance import Output

FAILED: Object = {
    "ok": False,
    "code": "ChecksumMismatch",
    "object": "pack-1",
    "line": 12,
    "message": "sha256",
}


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, ""), (3, ""), (128, ""), (137, "SIGKILL"), (143, "SIGTERM"), (139, "SIGSEGV"), (255, ""), (-1, "")],
    ids=str,
)
def test_signals_have_names(code: int, words: str):
    assert (words in report.signal_words(code)) if words else report.signal_words(code) == ""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (FAILED, "stage-in failed with ChecksumMismatch at object pack-1, manifest line 12: sha256"),
        ({"ok": False, "code": "NoSpace"}, "stage-in failed with NoSpace"),
        ({"ok": False, "code": "X", "line": 0}, "stage-in failed with X, manifest line 0"),
        ({}, "stage-in ended with exit code 75 (OOMKilled)"),
    ],
    ids=["whole", "code-only", "first-line", "silent"],
)
def test_a_failed_step_names_code_and_place(message: Object, expected: str):
    assert report.step_words("stage-in", Ended(75, "OOMKilled", message=message)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (PodFacts(), set()),
        (pod(Stage.STAGING_IN, image_id=""), set()),
        (pod(Stage.RUNNING), {"image", "start_time"}),
        (ended(), {"image", "start_time", "usage"}),
    ],
    ids=["no-pod", "staging-in", "running", "ended"],
)
def test_only_what_is_known_is_told(facts: PodFacts, expected: set[str]):
    assert set(report.facts(facts)) == expected


def test_the_kubelets_exit_code_counts_more_than_publishs():
    """The state directory is the plugin's to tamper with."""
    usage = report.usage(ended(3, report={"ok": True, "exitCode": 0, "cpuSeconds": 2.0}))
    assert usage is not None
    assert (usage.exit_code, usage.cpu_seconds, usage.peak_memory_bytes) == (3, 2.0, None)


@pytest.mark.parametrize(
    ("files", "skipped", "words"),
    [
        (3, 0, "3 files, 99 bytes"),
        (3, 2, "3 files, 99 bytes; left out, as only regular files are kept: 2"),
        (0, 0, "the program ended well but wrote no files"),
        (0, 1, "the program ended well but wrote no files; left out, as only regular files are kept: 1"),
    ],
    ids=["files", "files-and-links", "nothing", "links-only"],
)
def test_what_was_written_and_what_was_left_out(files: int, skipped: int, words: str):
    output = Output(attempt=1, digest="sha256:1", files=files, bytes=33 * files)
    assert report.output_words(output, ended(report={"ok": True, "skipped": skipped})) == words
