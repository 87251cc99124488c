"""Three hundred runs at once, against a client that only writes the same.

Their pods ask for more memory than any node has, so nothing but the API server and we have work.
"""

import asyncio
import copy
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.benchmarks.bench import record
from tests.benchmarks.client import APPLY, MERGE, Api, Object, Watcher, path
from tests.benchmarks.conftest import PATIENCE, gone, probe, run_body, tenant

from chris_operator.models.base import API_VERSION

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
RUNS = 300
CONNECTIONS = 16
ROUNDS = 2
PLUGIN = "pl-benchburst"


def greedy() -> Object:
    """A Plugin whose runs fit on no node."""
    spec = probe()["spec"] | {"name": PLUGIN, "minMemoryLimit": "100000Mi", "maxMemoryLimit": "200000Mi"}
    body: Object = probe() | {"metadata": {"name": f"{PLUGIN}-1.0.0"}, "spec": spec}
    return body


class Jobs(Watcher):
    """Counts the Jobs of a namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, namespace, ("Job",))
        self.on("Job", lambda heard, _what, item: self.note("job", item["metadata"]["name"], heard))

    async def rate(self, began: float) -> float:
        """Runs per second, when the last has its Job."""
        await self.until(lambda: len(self.moments) == RUNS, PATIENCE, f"only {len(self.moments)} Jobs")
        return RUNS / (max(self.moments.values()) - began)


async def crowd(work: Callable[[int], object]) -> None:
    """Do something for each run, so many at a time."""
    numbers = iter(range(RUNS))

    async def one() -> None:
        for number in numbers:
            await work(number)  # type: ignore[misc]

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def ours(api: Api, ears: Api) -> tuple[float, list[Object]]:
    """Our rate; and all that was written for one of the runs, in order."""
    async with tenant(api) as namespace, Jobs(ears, namespace).running() as jobs:
        began = time.perf_counter()

        async def create(number: int) -> None:
            await api.create(run_body(namespace, f"run-{number}", PLUGIN))

        await crowd(create)
        rate = await jobs.rate(began)
        return rate, await written(api, namespace, "run-0")


async def written(api: Api, namespace: str, name: str) -> list[Object]:
    """The run with its status, its Secret and its Job, as somebody else would create them."""
    found = []
    for kind, each in (("PluginInstance", name), ("Secret", f"{name}-1"), ("Job", f"{name}-1")):
        item = await api.request("GET", path(kind, namespace, each))
        meta = item["metadata"]
        kept = {key: meta[key] for key in ("labels", "ownerReferences", "finalizers") if key in meta}
        item["metadata"] = kept
        if kind == "Job":
            item.pop("status", None)
            item["spec"].pop("selector", None)
            labels = item["spec"]["template"]["metadata"]["labels"]
            for label in [label for label in labels if "controller-uid" in label or "job-name" in label]:
                del labels[label]
            kept["labels"] = {**labels, "chrisproject.org/run-uid": "bare"}
            labels["chrisproject.org/run-uid"] = "bare"
        found.append(item)
    return found


async def bare(api: Api, ears: Api, templates: list[Object]) -> float:
    """The rate of a client that writes the same: the run, its claim, its status, its Secret, its Job."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    # A run whose owner is not there would be garbage, and be collected while we write.
    feed = {"apiVersion": API_VERSION, "kind": "Feed", "metadata": {"name": "feed", "namespace": namespace}}
    made = await api.create(feed)
    templates[0]["metadata"]["ownerReferences"][0] |= {"name": "feed", "uid": made["metadata"]["uid"]}
    try:
        async with Jobs(ears, namespace).running() as jobs:
            began = time.perf_counter()
            await crowd(lambda number: _write(api, namespace, f"run-{number}", templates))
            return await jobs.rate(began)
    finally:
        await crowd(lambda number: _release(api, namespace, f"run-{number}"))
        await api.request("DELETE", path("Namespace", "", namespace))
        await gone(api, path("Namespace", "", namespace))


async def _write(api: Api, namespace: str, name: str, templates: list[Object]) -> None:
    run, *others = templates
    made = await api.create(run_body(namespace, name, PLUGIN))
    where = path("PluginInstance", namespace, name)
    claim = {
        "resourceVersion": made["metadata"]["resourceVersion"],
        "finalizers": run["metadata"]["finalizers"],
        "ownerReferences": run["metadata"]["ownerReferences"],
    }
    claimed = await api.request("PATCH", where, {"metadata": claim}, MERGE, fieldManager="bench")
    version = claimed["metadata"]["resourceVersion"]
    status = {
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": version},
        "status": run["status"],
    }
    await api.request("PATCH", f"{where}/status", status, APPLY, fieldManager="bench", force="true")
    owner = others[0]["metadata"]["ownerReferences"][0] | {"name": name, "uid": made["metadata"]["uid"]}
    for template in others:
        item = copy.copy(template)
        item["metadata"] = template["metadata"] | {
            "name": f"{name}-1",
            "namespace": namespace,
            "ownerReferences": [owner],
        }
        await api.create(item)


async def _release(api: Api, namespace: str, name: str) -> None:
    where = path("PluginInstance", namespace, name)
    await api.request("PATCH", where, {"metadata": {"finalizers": None}}, MERGE)


def scale(replicas: int) -> None:
    """Start or stop the operator, which would otherwise answer the other arm's runs."""
    words = ["kubectl", "-n", "chris-system"]
    done = ["wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=chris-operator", "--timeout=120s"]
    if replicas:
        done = ["rollout", "status", "deployment/chris-operator", "--timeout=120s"]
    subprocess.run(
        [*words, "scale", "deployment/chris-operator", f"--replicas={replicas}"],
        check=True,
        capture_output=True,
    )
    subprocess.run([*words, *done], check=True, capture_output=True)


async def test_a_burst(kubeconfig: Path):
    plugin = path("Plugin", "", f"{PLUGIN}-1.0.0")
    async with Api.connected(kubeconfig, CONNECTIONS) as api, Api.connected(kubeconfig, 0) as ears:
        await api.create(greedy())
        rates, others = [], []
        try:
            for _ in range(ROUNDS):
                rate, templates = await ours(api, ears)
                rates.append(rate)
                await asyncio.to_thread(scale, 0)
                try:
                    others.append(await bare(api, ears, templates))
                finally:
                    await asyncio.to_thread(scale, 2)
        finally:
            await api.request("DELETE", plugin)
    mine, theirs = sum(rates) / ROUNDS, sum(others) / ROUNDS
    record(burst_vs_bare=mine / theirs, burst_runs_per_s=mine, burst_bare_per_s=theirs)
