"""How long an equal run's output takes to serve: no pod, so all of it is ours."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.benchmarks.bench import record
from tests.benchmarks.client import Api, path
from tests.benchmarks.conftest import PATIENCE, probe, tenant
from tests.benchmarks.figures import percentile
from tests.benchmarks.test_runs import Stopwatch
from tests.kubeclient import condition

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
HITS = 40
_POLL = 0.2


@asynccontextmanager
async def program(api: Api) -> AsyncIterator[str]:
    """A Plugin of its own, whose tag was never seen to lead to another image than today's."""
    name = f"pl-bench-{uuid.uuid4().hex[:8]}"
    body = probe()
    version = body["spec"]["version"]
    plugin = {
        "apiVersion": body["apiVersion"],
        "kind": "Plugin",
        "metadata": {"name": f"{name}-{version}"},
        "spec": {**body["spec"], "name": name},
    }
    await api.create(plugin)
    try:
        yield name
    finally:
        await api.request("DELETE", path("Plugin", "", f"{name}-{version}"))


async def until_cacheable(api: Api, name: str) -> None:
    """Return when the operator trusts the Plugin's image."""
    async with asyncio.timeout(PATIENCE):
        while True:
            plugin = await api.request("GET", path("Plugin", "", name))
            if condition(plugin, "Cacheable").get("status") == "True":
                return
            await asyncio.sleep(_POLL)


async def test_an_equal_run_serves(kubeconfig: Path):
    async with Api.connected(kubeconfig, 0) as api, tenant(api) as namespace, program(api) as name:
        async with Stopwatch(api, namespace).running() as watch:
            await watch.run(api, "first", namespace, name)
            await until_cacheable(api, f"{name}-1.0.0")
            times = [
                await watch.run(api, f"hit-{number}", namespace, name, cache="use") * 1000
                for number in range(HITS)
            ]
        for number in range(HITS):
            run = await api.request("GET", path("PluginInstance", namespace, f"hit-{number}"))
            assert condition(run, "Succeeded")["reason"] == "CacheHit"
        record(cache_hit_ms_p50=percentile(times, 0.5), cache_hit_ms_p95=percentile(times, 0.95))
