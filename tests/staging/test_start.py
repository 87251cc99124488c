"""The three containers start in any order, or together, and any of them may fail or be removed before the program runs."""

import itertools
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.ports import free_ports
from tests.staging.pod import Pod, catches, first_process, wait_for, waits_in_open

from chris_operator.storage import NotFound, Storage

pytestmark = pytest.mark.swift
STEPS = ("stage-in", "publish", "plugin")
ORDERS = {"-then-".join(order): order for order in itertools.permutations(STEPS)}

PROGRAM = ["/bin/sh", "-c", 'echo x > "$OUT/f"']


@pytest.fixture
def pod(storage: Storage, tmp_path: Path, request: pytest.FixtureRequest) -> Pod:
    name = request.node.name.replace("[", "/").strip("]")
    storage.delete_prefix(f"start/{name}/")
    return Pod(tmp_path / "pod", storage, f"start/{name}/")


def start(pod: Pod, step: str) -> subprocess.Popen[bytes]:
    """A container's process, as far as it gets without the others."""
    if step != "plugin":
        return pod.start_staging(step)
    plugin = pod.start_plugin(PROGRAM)
    first_process(plugin)
    return plugin


def ends(pod: Pod, order: Sequence[str]) -> dict[str, int]:
    """Exit codes of containers that start in this order."""
    started = {step: start(pod, step) for step in order}
    return {step: pod.end(step, process).code for step, process in started.items()}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_any_order_of_start(pod: Pod, order: Sequence[str]):
    assert ends(pod, order) == {"stage-in": 0, "publish": 0, "plugin": 0}
    assert [entry.path for entry in pod.manifest()[1]] == ["f"]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_failed_staging_ends_all_in_any_order(pod: Pod, order: Sequence[str]):
    pod.read_input("start/none", "sha256:0", "start/")
    assert ends(pod, order) == {"stage-in": 75, "publish": 75, "plugin": 75}
    with pytest.raises(NotFound):
        pod.manifest()
    assert list(pod.outgoing.iterdir()) == [], "the program did not run"


def test_a_program_that_comes_long_after_staging_failed_ends_too(pod: Pod):
    """Its image was hard to get; nobody waits for it any more."""
    pod.read_input("start/none", "sha256:0", "start/")
    assert pod.stage_in().code == 75
    assert pod.end("plugin", pod.start_plugin(PROGRAM)).code == 75


@pytest.fixture
def staging_for_ever(pod: Pod) -> dict[str, subprocess.Popen[bytes]]:
    """All three, while stage-in waits for a Swift that does not answer."""
    pod.read_input("start/none", "sha256:0", "start/")
    (port,) = free_ports(1)
    pod.sign(url=f"http://127.0.0.1:{port}")
    started = {step: start(pod, step) for step in STEPS}
    wait_for((pod.state / "staging").exists)
    wait_for(lambda: (pod.state / "staging").stat().st_size)
    run = first_process(started["plugin"])
    wait_for(lambda: waits_in_open(run))
    wait_for(lambda: catches(started["publish"].pid, signal.SIGTERM))
    return started


def test_stage_in_killed_outright_is_noticed(pod: Pod, staging_for_ever: dict[str, subprocess.Popen[bytes]]):
    """As by the out-of-memory killer: it leaves no word, but the kernel gives its lock back."""
    staging_for_ever["stage-in"].kill()
    staging_for_ever["stage-in"].wait()
    published = pod.end("publish", staging_for_ever["publish"])
    assert published.code == 75
    assert published.report
    assert published.report.code == "StageInFailed"
    plugin = pod.end("plugin", staging_for_ever["plugin"])
    assert plugin.code == 75
    assert "see the container stage-in" in plugin.log


def test_a_pod_removed_while_staging_ends_at_once(
    pod: Pod, staging_for_ever: dict[str, subprocess.Popen[bytes]]
):
    os.kill(first_process(staging_for_ever["plugin"]), signal.SIGTERM)
    for step in ("publish", "stage-in"):
        staging_for_ever[step].terminate()
    codes = {step: pod.end(step, process).code for step, process in staging_for_ever.items()}
    assert codes == {"stage-in": 143, "publish": 143, "plugin": 143}
    assert pod.objects() == []


def test_second_start_of_stage_in_begins_anew(pod: Pod):
    """A rebooted node runs the init container again over the same volumes."""
    assert pod.stage_in().code == 0
    (pod.incoming / "half").mkdir()
    (pod.incoming / "half" / "file").write_text("left")
    assert pod.stage_in().code == 0
    assert list(pod.incoming.iterdir()) == []
