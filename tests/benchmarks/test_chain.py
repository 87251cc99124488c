"""Ten runs, each the child of the one before, applied at once: how long a tree stands still between its nodes."""

from itertools import pairwise
from pathlib import Path

import pytest
from tests.benchmarks.bench import record
from tests.benchmarks.client import Api
from tests.benchmarks.conftest import run_body, tenant
from tests.benchmarks.test_runs import RESOURCES, Stopwatch

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
NODES = 10
CHAINS = 3
PATIENCE = 300.0


def names(chain: int) -> list[str]:
    """The runs of a chain, parents first."""
    return [f"chain-{chain}-{number}" for number in range(NODES)]


async def chained(api: Api, watch: Stopwatch, namespace: str, chain: int) -> float:
    """Milliseconds for which a chain waited for us, per node."""
    runs = names(chain)
    above = {child: parent for parent, child in pairwise(runs)}
    for name in runs:
        program = "pl-testprobe" if name in above else "pl-testsource"
        previous = {"previous": [above[name]]} if name in above else {}
        body = run_body(namespace, name, program, resources=RESOURCES, cache="off", **previous)
        await api.create(body)
    await watch.until(lambda: ("ended", runs[-1]) in watch.moments, PATIENCE, f"{runs[-1]} does not end")
    assert all(("succeeded", name) in watch.moments for name in runs)
    return sum(watch.ours(name, above.get(name)) for name in runs) / NODES


async def test_a_chain_of_ten(kubeconfig: Path):
    async with Api.connected(kubeconfig, 0) as api, tenant(api) as namespace:
        async with Stopwatch(api, namespace).running() as watch:
            await watch.run(api, "warm", namespace)  # the first finds nothing cached
            idle = [await chained(api, watch, namespace, chain) for chain in range(CHAINS)]
        record(idle_ms_per_node=sorted(idle)[CHAINS // 2], idle_ms_per_node_most=max(idle))
