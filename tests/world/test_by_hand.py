"""Somebody deletes what is the operator's own: an attempt is lost at most, nothing of the run is."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.controller.tenant import Run, Tenant
from tests.world.cluster import PATIENCE, SOURCE, World

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Deed:
    """What is deleted while the program runs, and what the run says of the attempt; empty where it loses nothing."""

    kind: str
    words: str = ""


DEEDS = (
    Deed("pod", "its pod was removed before the program's end"),
    Deed("job", "its Job was deleted from outside"),
    Deed("secret"),
)


def delete(world: World, run: Run, kind: str) -> None:
    words = ("delete", kind, "-l", f"chrisproject.org/run-uid={run.uid}", "--wait=false")
    world.kubectl("-n", run.tenant.namespace, *words)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.kind)
def test_deleted_while_the_program_runs(world: World, tenant: Tenant, deed: Deed):
    run = tenant.run("scan", SOURCE, parameters={"sleep": 4.0})
    run.until("Running", seconds=PATIENCE)
    delete(world, run, deed.kind)
    if deed.words:
        message = run.until("NodeLost", attempt=1, seconds=PATIENCE)
        assert message == f"attempt 1: {deed.words}; attempt 2 follows"
        run.heard("Warning", "NodeLost", message)
    run.until("Completed", "True", seconds=PATIENCE)
    status = run.status
    assert status.get("failures", {}) == ({"NodeLost": 1} if deed.words else {})
    assert status["output"]["attempt"] == (2 if deed.words else 1)


def _secret(world: World, run: Run) -> None:
    delete(world, run, "secret")


def _job(world: World, run: Run) -> None:
    delete(world, run, "job")


def _pod(world: World, run: Run) -> None:
    delete(world, run, "pod")


@pytest.mark.parametrize("act", [_secret, _job, _pod], ids=lambda act: act.__name__.strip("_"))
def test_deleted_while_the_pod_waits_for_its_node(
    world: World, tenant: Tenant, act: Callable[[World, Run], None]
):
    with world.cordoned():
        run = tenant.run("scan", SOURCE)
        run.until("Unschedulable", seconds=PATIENCE)
        act(world, run)
    run.until("Completed", "True", seconds=PATIENCE)
    lost = run.status.get("failures", {})
    assert lost == ({} if act is _secret else {"NodeLost": 1})
    assert run.status["output"]["files"] == 1
