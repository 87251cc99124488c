"""The node is drained, or loses its power: another attempt follows, and the user is not charged for it."""

import pytest
from tests.controller.tenant import Tenant
from tests.world.cluster import PATIENCE, SOURCE, World

pytestmark = pytest.mark.cluster
DEAD_SECONDS = 150.0
"""Grace of the pod, and what the operator adds."""


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


def test_a_node_without_power(world: World, tenant: Tenant):
    """Its pods are deleted as the node controller does it; of the only node it would not, as all might be the fault of its own."""
    run = tenant.run("scan", SOURCE, parameters={"sleep": 4.0})
    run.until("Running", seconds=PATIENCE)
    world.node.cut_power()
    try:
        world.kubectl(
            "-n", tenant.namespace, "delete", "pod", "-l", "chrisproject.org/run=scan", "--wait=false"
        )
        message = run.until("NodeLost", seconds=DEAD_SECONDS)
        second = run.attempt(2)
    finally:
        world.node.give_power()
    words = "its pod hangs in deletion on node node, which does not answer"
    assert message == f"attempt 1: {words}; attempt 2 follows"
    run.heard("Warning", "NodeLost", message)
    run.until("Completed", "True", seconds=PATIENCE)
    status = run.status
    assert status["failures"] == {"NodeLost": 1}
    assert status["output"]["attempt"] == 2
    written = [
        name for name in tenant.objects() if "/attempts/" in name
    ]  # the copy of the manifest comes later
    assert written == [f"{second.prefix}{name}" for name in ("log", "manifest", "pack-000001.tar")]
