"""One cluster to be broken for all tests of this folder, and a tenant for each; afterwards nothing of it is left."""

from collections.abc import Iterator

import pytest
from localcluster import kind
from tests.controller.tenant import Tenant
from tests.world import cluster
from tests.world.cluster import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The cluster; it takes half a minute."""
    if kind.engine_answers():
        pytest.skip("a Docker engine answers: the node is kind's, whose daemons it restarts itself")
    with cluster.running(tmp_path_factory.mktemp) as found:
        yield found


@pytest.fixture
def tenant(world: World) -> Iterator[Tenant]:
    """A tenant; after a test that passed, no Job, Secret, pod or object of its runs may be left when they go."""
    if not world.operator.running:
        world.operator.start()
    found = world.tenant()
    yield found
    print(world.operator.log_tail(30))  # noqa: T201  pytest shows it with a failure
    runs = world.admin.list("PluginInstance", found.namespace)
    for feed in world.admin.list("Feed", found.namespace):
        found.remove(feed)
    for run in runs:
        world.admin.wait_gone(run, seconds=90)
    for kind_ in ("Job", "Secret", "Pod"):
        for item in world.admin.list(kind_, found.namespace):
            world.admin.wait_gone(item, seconds=90)
    assert found.objects() == []
    found.remove({"kind": "Namespace", "metadata": {"name": found.namespace}})
