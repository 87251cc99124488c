"""The node is drained, or loses its power: another attempt follows, and the user is not charged for it."""

from collections.abc import Iterator

import pytest
from tests.controller.tenant import Tenant
from tests.world.cluster import PATIENCE, SOURCE, World

pytestmark = pytest.mark.cluster
TOLERATION = ("--default-not-ready-toleration-seconds=3", "--default-unreachable-toleration-seconds=3")
GRACE = "--node-monitor-grace-period=10s"
DEAD_SECONDS = 150.0
"""Grace of the node, toleration, grace of the pod, and what the operator adds."""


def test_a_drained_node(world: World, tenant: Tenant):
    run = tenant.run("scan", SOURCE, parameters={"sleep": 5.0})
    run.until("Running", seconds=PATIENCE)
    try:
        world.kubectl(
            "drain", "node", "--pod-selector=chrisproject.org/run=scan", "--delete-emptydir-data", "--force",
            f"--timeout={PATIENCE:.0f}s",
        )  # fmt: skip
        message = run.until("Preempted", seconds=PATIENCE)
        waiting = run.until("Unschedulable", seconds=PATIENCE)
    finally:
        world.kubectl("uncordon", "node")
    assert message == "attempt 1: its pod was evicted: Eviction API: evicting; attempt 2 follows"
    assert "unschedulable" in waiting
    run.until("Completed", "True", seconds=PATIENCE)
    assert run.status["failures"] == {"Preempted": 1}
    assert run.status["output"]["attempt"] == 2
    run.told(
        ("Warning", "Preempted", message),
        ("Normal", "Unschedulable", waiting),
        ("Normal", "Completed", "1 files, 1024 bytes"),
    )


@pytest.fixture
def hasty(world: World) -> Iterator[World]:
    """A control plane that gives a silent node up within seconds instead of minutes."""
    world.node.restart("kube-apiserver", *TOLERATION)
    world.node.restart("kube-controller-manager", GRACE)
    world.node.heal()
    yield world
    world.node.kill("kube-apiserver", "kube-controller-manager")
    world.node.heal()


def test_a_node_without_power(hasty: World, tenant: Tenant):
    run = tenant.run("scan", SOURCE, parameters={"sleep": 4.0})
    run.until("Running", seconds=PATIENCE)
    hasty.node.cut_power()
    try:
        message = run.until("NodeLost", seconds=DEAD_SECONDS)
        second = run.attempt(2)
        run.until("Unschedulable", seconds=PATIENCE)
    finally:
        hasty.node.heal()
    words = "its pod hangs in deletion on node node, which does not answer"
    assert message == f"attempt 1: {words}; attempt 2 follows"
    run.heard("Warning", "NodeLost", message)
    run.until("Completed", "True", seconds=PATIENCE)
    status = run.status
    assert status["failures"] == {"NodeLost": 1}
    assert status["output"]["attempt"] == 2
    assert tenant.objects() == [
        *(f"{second.prefix}{name}" for name in ("log", "manifest", "pack-0")),
        second.prefix.replace("attempts/2/", "manifest"),
    ]
