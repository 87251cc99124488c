"""Five thousand runs on two hundred simulated nodes, against as many hand-written Jobs of the same pods.

Both arms have a control plane of their own with nothing else to do, started anew; pods are played alike
(`tests/benchmarks/played.py`). The operator runs as shipped, by its own ServiceAccount, on a real Swift. Everything
shares one machine, so what is compared is work: a run's share of it over a bare Job's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.apiserver import ApiServer
from tests.benchmarks import played
from tests.benchmarks.bench import record
from tests.benchmarks.client import Api, Object, Watcher, path
from tests.benchmarks.conftest import gone, run_body, until_feed
from tests.benchmarks.writes import LOG, audit_options, writes_in
from tests.controller.operator_process import Operator
from tests.controller.tenant import plugin
from tests.installation import give_rights, install
from tests.kubeclient import condition
from tests.simulated_cluster import simulated_cluster
from tests.swift_server import running_swift

from chris_operator.storage import Storage

pytestmark = [pytest.mark.bench, pytest.mark.apiserver, pytest.mark.swift]
RUNS = 5_000
NODES = 200
CONNECTIONS = 16
PATIENCE = 900.0
REMOVED = 100
"""So many runs are removed in the end, to count what that writes."""
NAMESPACE = USER = "crowd"
PLUGIN = "pl-simulated"
EARLY, STEP = 2_000, 1_000
"""Memory is looked at after each STEP runs that ended; it has its shape after EARLY."""


class Ends(Watcher):
    """Counts what has ended well, and calls `counted` with each new count."""

    def __init__(self, api: Api, kind: str, condition_type: str, counted: Callable[[int], None]) -> None:
        super().__init__(api, NAMESPACE, (kind,))
        self._type, self._counted = condition_type, counted
        self.failed: list[Object] = []
        self.on(kind, self._look)

    def _look(self, heard: float, _what: str, item: Object) -> None:
        name = item["metadata"]["name"]
        found = condition(item, self._type).get("status")
        if found == "True" and ("ended", name) not in self.moments:
            self.note("ended", name, heard)
            self._counted(len(self.moments))
        elif found == "False" and self._type == "Succeeded":
            self.failed.append(condition(item, self._type))

    async def rate(self, began: float) -> float:
        """Ends per second, when the last has come."""
        words = f"after {PATIENCE:g} s not all of {RUNS} ended"
        await self.until(lambda: self.failed or len(self.moments) == RUNS, PATIENCE, words)
        assert not self.failed, self.failed[0]
        return RUNS / (max(self.moments.values()) - began)


async def crowd(count: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Do something for each number, so many at a time."""
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


@asynccontextmanager
async def connected(server: ApiServer) -> AsyncIterator[tuple[Api, Api]]:
    """A client to write with, and one to listen with."""
    kubeconfig = server.kubeconfig()
    async with Api.connected(kubeconfig, CONNECTIONS) as api, Api.connected(kubeconfig, 0) as ears:
        labels = {"chrisproject.org/user": USER}
        meta = {"name": NAMESPACE, "labels": labels}
        await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        yield api, ears


async def until_numbered(api: Api) -> int:
    """A Feed for all runs; its number, when the operator has given it one."""
    meta = {"name": "feed", "namespace": NAMESPACE}
    spec = {"title": "A crowd"}
    await api.create(
        {"apiVersion": "chrisproject.org/v1alpha1", "kind": "Feed", "metadata": meta, "spec": spec}
    )
    await until_feed(api, NAMESPACE)
    feed = await api.request("GET", path("Feed", NAMESPACE, "feed"))
    return int(feed["status"]["id"])


class Memory:
    """The operator's resident memory after each thousand runs, in MiB."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.after: dict[int, float] = {}

    def look(self, ended: int) -> None:
        """So many runs have ended."""
        if ended % STEP == 0:
            self.after[ended] = self._operator.memory()["VmRSS"]


async def ours(server: ApiServer, operator: Operator, storage: Storage, audit: Path) -> tuple[float, Object]:
    """Our rate; and one of the Jobs that were made."""
    memory = Memory(operator)
    async with connected(server) as (api, ears):
        feed = await until_numbered(api)
        # A fresh cluster over a fresh Swift counts its runs from 1.
        await asyncio.to_thread(played.write_manifests, storage, USER, feed, range(1, RUNS + 1))
        async with Ends(ears, "PluginInstance", "Succeeded", memory.look).running() as ends:
            began, before = time.perf_counter(), operator.cpu_seconds()
            await crowd(
                RUNS, lambda number: api.create(run_body(NAMESPACE, f"run-{number}", PLUGIN, cache="off"))
            )
            rate = await ends.rate(began)
            record(kwok_operator_cpu_ms_per_run=(operator.cpu_seconds() - before) * 1000 / RUNS)
        job = await api.request("GET", path("Job", NAMESPACE, "run-0-1"))
        writes = len(writes_in(audit, NAMESPACE)) / RUNS + await removing(api, audit)
    record(
        kwok_api_writes_per_run=writes,
        kwok_rss_mib=memory.after[RUNS],
        kwok_rss_growth_mib=memory.after[RUNS] - memory.after[EARLY],
    )
    return rate, job


async def removing(api: Api, audit: Path) -> float:
    """What we write to remove a run with its Job and Secret."""
    before = len(writes_in(audit, NAMESPACE))
    for number in range(REMOVED):
        await api.request("DELETE", path("PluginInstance", NAMESPACE, f"run-{number}"))
    for number in range(REMOVED):
        await gone(api, path("PluginInstance", NAMESPACE, f"run-{number}"))
    return (len(writes_in(audit, NAMESPACE)) - before) / REMOVED


def by_hand(job: Object, number: int) -> Object:
    """A Job with the same pod that nobody but Kubernetes looks after."""
    spec = {key: value for key, value in job["spec"].items() if key not in {"selector", "template"}}
    template = job["spec"]["template"]
    kept = {"labels": {"app": "by-hand"}, "annotations": template["metadata"].get("annotations", {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"job-{number}", "namespace": NAMESPACE},
        "spec": spec | {"template": {"metadata": kept, "spec": template["spec"]}},
    }


async def raw(server: ApiServer, job: Object) -> float:
    """The rate of Jobs."""
    async with (
        connected(server) as (api, ears),
        Ends(ears, "Job", "Complete", lambda _count: None).running() as ends,
    ):
        began = time.perf_counter()
        await crowd(RUNS, lambda number: api.create(by_hand(job, number)))
        return await ends.rate(began)


def test_five_thousand_runs_on_simulated_nodes(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path):
    stages = played.stages()
    with (
        running_swift(tmp_path_factory.mktemp("swift")) as swift,
        simulated_cluster(NODES, stages, *audit_options(tmp_path)) as server,
        server.client() as admin,
    ):
        install(admin)
        give_rights(admin)
        admin.apply(plugin(PLUGIN))
        operator = Operator("operator-kwok", server, swift.credentials, tmp_path, {})
        operator.start()
        try:
            mine, job = asyncio.run(ours(server, operator, Storage(swift.credentials), tmp_path / LOG))
        finally:
            operator.kill()
    with simulated_cluster(NODES, stages) as server, server.client() as admin:
        install(admin)
        theirs = asyncio.run(raw(server, job))
    record(
        kwok_vs_raw_jobs=mine / theirs,
        kwok_runs=RUNS,
        kwok_nodes=NODES,
        kwok_runs_per_s=mine,
        kwok_raw_jobs_per_s=theirs,
    )
