"""A program that runs longer than it may is stopped inside its pod, so that its log and what it wrote are published."""

import time
from pathlib import Path

import pytest
from tests.staging.pod import Pod, first_process, wait_for, waits_in_open

from chris_operator.staging.contract import EXIT_DEADLINE
from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
WRITES = 'echo begun; echo x > "$OUT/f"; '
FOR_EVER = "while :; do sleep 1000; done"


@pytest.fixture
def pod(storage: Storage, tmp_path: Path, request: pytest.FixtureRequest) -> Pod:
    name = request.node.name.replace("[", "/").strip("]")
    storage.delete_prefix(f"deadline/{name}/")
    return Pod(tmp_path / "pod", storage, f"deadline/{name}/")


STOPPED: dict[str, tuple[str, bytes]] = {
    "ends-by-sigterm": (f"{WRITES} exec sleep 1000", b"begun\n"),
    "tidies-up": (f"{WRITES} trap 'echo bye; exit 0' TERM; sleep 1000 & wait", b"begun\nbye\n"),
    "ignores-sigterm": (f"{WRITES} trap '' TERM; {FOR_EVER}", b"begun\n"),
    "leaves-children": (f"{WRITES} (trap '' TERM; {FOR_EVER}) & exec sleep 1000", b"begun\n"),
}


@pytest.mark.parametrize(("script", "log"), STOPPED.values(), ids=STOPPED)
def test_it_is_stopped_and_what_it_left_is_published(pod: Pod, script: str, log: bytes):
    plugin, published = pod.run("/bin/sh", "-c", script, deadline=("1", "1"))
    assert (plugin.code, published.code) == (EXIT_DEADLINE, 1)
    assert published.report
    assert published.report.exit_code == EXIT_DEADLINE
    header, entries = pod.manifest()
    assert (header.partial, [entry.path for entry in entries]) == (True, ["f"])
    assert pod.published_log() == log


@pytest.mark.parametrize("code", [0, 3])
def test_one_that_ends_in_time_is_not_held_up(pod: Pod, code: int):
    plugin, published = pod.run("/bin/sh", "-c", f"{WRITES} exit {code}", deadline=("1000", "1000"))
    assert (plugin.code, published.code) == (code, 1 if code else 0)


def test_the_time_that_its_input_takes_is_not_counted(pod: Pod):
    begun = time.monotonic()
    plugin = pod.start_plugin(["/bin/sh", "-c", WRITES], deadline=("1", "1"))
    run = first_process(plugin)
    wait_for(lambda: waits_in_open(run))
    wait_for(lambda: time.monotonic() > begun + 1.5)
    publish = pod.start_staging("publish")
    assert pod.stage_in().code == 0
    assert (pod.end("plugin", plugin).code, pod.end("publish", publish).code) == (0, 0)
