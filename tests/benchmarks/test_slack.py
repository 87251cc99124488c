"""Slack on a node whose every processor is claimed and a fifth of it used; and what it costs whoever is urgent.

`slack_gain` is the CPU time that slack runs got until the last of them had succeeded, over that and what the machine,
which is the node, still had idle in that time. Everything of ours is in it: queueing, staging, publishing.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.benchmarks.bench import record
from tests.benchmarks.client import Api, Object, Watcher, path
from tests.benchmarks.conftest import PATIENCE, probe, run_body, tenant
from tests.kubeclient import condition

from chris_operator.models.quantity import parse_cpu

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
USED = 0.2
"""Of the whole node, by those who claimed all of it."""
BURN_SECONDS = 60
"""CPU time of one slack run."""
URGENT_SECONDS = 20
ROUNDS = 3
PERIOD = 0.1
ONE_CORE = {"cpu": "1", "memory": "64Mi"}
IDLER = """
import time
while True:
    end = time.perf_counter() + {busy}
    while time.perf_counter() < end:
        pass
    time.sleep({idle})
"""
"""Uses a share of one processor, as most of what claims a whole one does."""


async def node(api: Api) -> Object:
    """The node that all runs share; there is one."""
    (found,) = (await api.request("GET", path("Node", "")))["items"]
    return dict(found)


async def unclaimed(api: Api, where: Object) -> int:
    """Millicores of a node that no pod has claimed."""
    pods = (
        await api.request("GET", "/api/v1/pods", fieldSelector=f"spec.nodeName={where['metadata']['name']}")
    )["items"]
    living = [pod for pod in pods if pod["status"].get("phase") not in {"Succeeded", "Failed"}]
    return parse_cpu(where["status"]["allocatable"]["cpu"]) - sum(map(_claimed, living))


def _claimed(pod: Object) -> int:
    def asked(containers: list[Object]) -> list[int]:
        return [
            parse_cpu((each.get("resources", {}).get("requests") or {}).get("cpu", 0)) for each in containers
        ]

    spec = pod["spec"]
    return max(sum(asked(spec["containers"])), *asked(spec.get("initContainers") or []), 0)


@asynccontextmanager
async def claimed(api: Api, namespace: str, where: Object) -> AsyncIterator[None]:
    """Pods that claim all that is left of the node and use a fifth of it, each up to a processor's share."""
    processors = parse_cpu(where["status"]["capacity"]["cpu"]) // 1000
    script = IDLER.format(busy=USED * PERIOD, idle=(1 - USED) * PERIOD)
    left = await unclaimed(api, where)
    shares = [left // processors] * (processors - 1)
    bodies = [
        _claimer(namespace, number, share, script)
        for number, share in enumerate([*shares, left - sum(shares)])
    ]
    for body in bodies:
        await api.create(body)
    await _all_run(api, namespace, len(bodies))
    try:
        yield
    finally:
        for body in bodies:
            await api.request(
                "DELETE", path("Pod", namespace, body["metadata"]["name"]), gracePeriodSeconds="0"
            )


def _claimer(namespace: str, number: int, millis: int, script: str) -> Object:
    container = {
        "name": "claimer",
        "image": probe()["spec"]["dockImage"],
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/venv/bin/python3", "-c", script],
        "resources": {"requests": {"cpu": f"{millis}m", "memory": "32Mi"}},
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    meta = {"name": f"claimer-{number}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def _all_run(api: Api, namespace: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            pods = (await api.request("GET", path("Pod", namespace)))["items"]
            if sum(pod["status"].get("phase") == "Running" for pod in pods) == count:
                return
            await asyncio.sleep(0.2)


def idle_seconds() -> float:
    """CPU time, of all processors since the start, for which nobody on this machine had any work."""
    _, *fields = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
    return (int(fields[3]) + int(fields[4])) / os.sysconf("SC_CLK_TCK")


class Runs(Watcher):
    """What became of the runs of a namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, namespace, ("PluginInstance",))
        self.statuses: dict[str, Object] = {}
        self.reasons: dict[str, str] = {}
        self.on("PluginInstance", self._run)

    def _run(self, heard: float, _what: str, item: Object) -> None:
        name, found = item["metadata"]["name"], condition(item, "Succeeded")
        self.reasons[name] = found.get("reason", "")
        if found.get("status") == "True":
            self.statuses[name] = item["status"]
            self.note("succeeded", name, heard)

    async def done(self, *names: str) -> None:
        """Return when these have succeeded."""
        patience = PATIENCE + 4 * BURN_SECONDS
        await self.until(lambda: set(names) <= set(self.statuses), patience, f"not all of {names} succeed")


def burning(namespace: str, name: str, seconds: float, priority: str) -> Object:
    """A run that uses so much CPU time, on one processor at most."""
    spec = {"priority": priority, "resources": ONE_CORE, "parameters": {"burn": float(seconds)}}
    return run_body(namespace, name, "pl-testsource", **spec)


async def test_slack_takes_what_is_claimed_and_unused(kubeconfig: Path):
    async with Api.connected(kubeconfig, 0) as api, tenant(api) as namespace, tenant(api) as others:
        where = await node(api)
        processors = parse_cpu(where["status"]["capacity"]["cpu"]) // 1000
        names = [f"slack-{number}" for number in range(2 * processors)]
        async with claimed(api, others, where), Runs(api, namespace).running() as runs:
            await api.create(burning(namespace, "normal", 1, "normal"))
            await runs.until(lambda: runs.reasons.get("normal") == "Unschedulable", PATIENCE, "it finds room")
            began, idle = time.perf_counter(), idle_seconds()
            for name in names:
                await api.create(burning(namespace, name, BURN_SECONDS / 2, "slack"))
            await runs.done(*names)
            idle = idle_seconds() - idle
        seconds = max(runs.moments["succeeded", name] for name in names) - began
        worked = sum(runs.statuses[name]["usage"]["cpuSeconds"] for name in names)
        record(slack_gain=worked / (worked + idle), slack_cores=worked / seconds)


async def test_the_urgent_do_not_notice_slack(kubeconfig: Path):
    async with (
        Api.connected(kubeconfig, 0) as api,
        tenant(api) as namespace,
        Runs(api, namespace).running() as runs,
    ):
        processors = int(parse_cpu((await node(api))["status"]["capacity"]["cpu"]) / 1000)
        alone, beside = [], []
        for turn in range(ROUNDS):
            alone.append(await _urgent(api, runs, namespace, f"alone-{turn}"))
            async with _crowd(
                api, runs, namespace, [f"slack-{turn}-{each}" for each in range(2 * processors)]
            ):
                beside.append(await _urgent(api, runs, namespace, f"beside-{turn}"))
        slowdown = statistics.median(beside) / statistics.median(alone)
        record(urgent_slowdown=slowdown, urgent_alone_s=statistics.median(alone))


@asynccontextmanager
async def _crowd(api: Api, runs: Runs, namespace: str, names: list[str]) -> AsyncIterator[None]:
    """Slack runs that use whatever they get, for as long as the block runs."""
    for name in names:
        await api.create(burning(namespace, name, 10 * BURN_SECONDS, "slack"))
    await runs.until(lambda: all(runs.reasons.get(each) == "Running" for each in names), PATIENCE, "no slack")
    yield
    for name in names:
        await api.request("DELETE", path("PluginInstance", namespace, name))
    await _no_pods_of(api, namespace, tuple(names))


async def _urgent(api: Api, runs: Runs, namespace: str, name: str) -> float:
    """Seconds that an urgent run's program takes."""
    await api.create(burning(namespace, name, URGENT_SECONDS, "urgent"))
    await runs.done(name)
    return float(runs.statuses[name]["phases"]["plugin"])


async def _no_pods_of(api: Api, namespace: str, names: tuple[str, ...]) -> None:
    """Return when the pods of these runs are gone."""
    async with asyncio.timeout(PATIENCE):
        while True:
            pods = (await api.request("GET", path("Pod", namespace)))["items"]
            if not any(pod["metadata"]["name"].startswith(names) for pod in pods):
                return
            await asyncio.sleep(0.2)
