"""API server, kubelet and container runtime end while a program runs: it goes on, and nobody starts it again."""

import pytest
from tests.controller.tenant import Run, Tenant
from tests.kubeclient import condition
from tests.world.cluster import PATIENCE, SOURCE, World, wait_for

pytestmark = pytest.mark.cluster


def sleeping(tenant: Tenant, seconds: float) -> Run:
    """A run whose program sleeps, while it does."""
    run = tenant.run("scan", SOURCE, parameters={"sleep": seconds})
    run.until("Running", seconds=PATIENCE)
    return run


def completes(run: Run) -> None:
    """Return when it has; a watch from the run's creation on would be too old for an API server that is new."""
    run.admin.wait(
        "PluginInstance",
        run.name,
        run.tenant.namespace,
        until=lambda item: condition(item, "Succeeded").get("reason") == "Completed",
        seconds=PATIENCE,
    )


def ran_once(run: Run) -> None:
    status = run.status
    assert (status["attempt"]["number"], status["output"]["files"]) == (1, 1)
    assert "failures" not in status
    run.told(("Normal", "Completed", "1 files, 1024 bytes"))


def test_the_api_server_is_away_when_the_program_ends(world: World, tenant: Tenant):
    run = sleeping(tenant, 5.0)
    status = run.status
    manifest = f"home/{tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}/attempts/1/manifest"
    world.node.kill("kube-apiserver")
    try:
        wait_for(lambda: manifest in tenant.objects(), "the output is published without an API server")
    finally:
        world.node.heal()
    completes(run)
    ran_once(run)


@pytest.mark.parametrize("daemon", ["kubelet", "containerd"])
def test_a_daemon_of_the_node_ends(world: World, tenant: Tenant, daemon: str):
    run = sleeping(tenant, 5.0)
    before = world.pod(run)
    world.node.kill(daemon)
    world.node.heal()
    run.until("Completed", "True", seconds=PATIENCE)
    ran_once(run)
    after = world.pod(run)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert {each["restartCount"] for each in after["status"]["containerStatuses"]} == {0}
