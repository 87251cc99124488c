"""Somebody deletes what is the operator's own: an attempt is lost at most, nothing of the run is."""

import re
from dataclasses import dataclass

import pytest
from tests.controller.tenant import Run, Tenant
from tests.world.cluster import PATIENCE, SOURCE, World

pytestmark = pytest.mark.cluster


ONE_FILE = ("Normal", "Completed", "1 files, 1024 bytes")


@dataclass(frozen=True)
class Deed:
    """What is deleted, and what the run says of the attempt (a regular expression); empty where it loses nothing."""

    kind: str
    words: str = ""


WHILE_RUNNING = (
    Deed("pod", "its pod was removed before the program's end"),
    Deed("job", "its Job was deleted from outside"),
    Deed("secret"),
)
WHILE_QUEUED = (
    Deed("pod", r"its pod (was deleted before it had a node|is gone \(Job has reached [a-z ]+\))"),
    Deed("job", "its Job was deleted from outside"),
    Deed("secret"),
)


def delete(world: World, run: Run, kind: str) -> None:
    words = ("delete", kind, "-l", f"chrisproject.org/run-uid={run.uid}", "--wait=false")
    world.kubectl("-n", run.tenant.namespace, *words)


def completes(run: Run, deed: Deed) -> None:
    """Return when it has, with the whole output of the attempt that lost nothing."""
    run.until("Completed", "True", seconds=PATIENCE)
    status = run.status
    assert status.get("failures", {}) == ({"NodeLost": 1} if deed.words else {})
    assert (status["output"]["attempt"], status["output"]["files"]) == (2 if deed.words else 1, 1)


@pytest.mark.parametrize("deed", WHILE_RUNNING, ids=lambda deed: deed.kind)
def test_deleted_while_the_program_runs(world: World, tenant: Tenant, deed: Deed):
    run = tenant.run("scan", SOURCE, parameters={"sleep": 4.0})
    run.until("Running", seconds=PATIENCE)
    delete(world, run, deed.kind)
    if deed.words:
        message = run.until("NodeLost", attempt=1, seconds=PATIENCE)
        assert re.fullmatch(f"attempt 1: {deed.words}; attempt 2 follows", message), message
        run.heard("Warning", "NodeLost", message)
    completes(run, deed)
    run.heard(*ONE_FILE)


@pytest.mark.parametrize("deed", WHILE_QUEUED, ids=lambda deed: deed.kind)
def test_deleted_while_the_pod_waits_for_its_node(world: World, tenant: Tenant, deed: Deed):
    """A Secret is missed by nobody before the pod has a node, and is made again then."""
    with world.cordoned():
        run = tenant.run("scan", SOURCE)
        told = [("Normal", "Unschedulable", run.until("Unschedulable", seconds=PATIENCE))]
        delete(world, run, deed.kind)
        if deed.words:
            message = run.until("NodeLost", attempt=1, seconds=PATIENCE)
            assert re.fullmatch(f"attempt 1: {deed.words}; attempt 2 follows", message), message
            told.append(("Warning", "NodeLost", message))
            again = run.until("Unschedulable", attempt=2, seconds=PATIENCE)
            told.append(("Normal", "Unschedulable", again))
    completes(run, deed)
    run.told(*told, ONE_FILE)
