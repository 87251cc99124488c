"""Where nodes mount no images, containers start in turn and stage-in lays the tools out; on real nodes, as everywhere."""

from collections.abc import Iterator

import pytest
from tests.controller.tenant import Run, Tenant
from tests.world.cluster import PATIENCE, PROBE, SOURCE, World

pytestmark = pytest.mark.cluster


@pytest.fixture
def in_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator with its setting off."""
    with monkeypatch.context() as changed:
        changed.setitem(world.operator.environment, "CHRIS_FAST_START", "off")
        world.restart_operator()
        yield
    world.restart_operator()


def places(world: World, run: Run) -> dict[str, list[str]]:
    """Names of a pod's containers, by where they stand."""
    spec = world.pod(run)["spec"]
    return {
        place: [each["name"] for each in spec.get(place, ())] for place in ("initContainers", "containers")
    }


@pytest.mark.usefixtures("in_turn")
def test_a_run_and_its_child_start_in_turn(world: World, tenant: Tenant):
    parent = tenant.run("parent", SOURCE, parameters={"sleep": 3.0})
    parent.until("Running", seconds=PATIENCE)
    assert places(world, parent) == {"initContainers": ["stage-in"], "containers": ["publish", "plugin"]}
    child = tenant.run("child", PROBE, ["parent"], parameters={"report": True})
    for run, files in ((parent, 1), (child, 2)):
        run.until("Completed", "True", seconds=PATIENCE)
        assert run.status["output"]["files"] == files
        assert run.status["attempt"]["number"] == 1
        assert "failures" not in run.status
    told = child.until("Completed", "True")
    child.told(("Normal", "Completed", told))
