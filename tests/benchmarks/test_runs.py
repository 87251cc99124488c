"""One run at a time: what we add to the time that Kubernetes takes, and what we write."""

import json
import os
import statistics
import time
from pathlib import Path

import pytest
from tests.benchmarks.bench import cannot, record
from tests.benchmarks.client import Api, Object, Watcher, path
from tests.benchmarks.conftest import PATIENCE, gone, probe, run_body, tenant
from tests.benchmarks.figures import median_interval, percentile
from tests.benchmarks.writes import writes_in
from tests.kubeclient import condition

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
RUNS = 100
PAIRS = 30
COUNTED = 5
RESOURCES = {"cpu": "500m", "memory": "128Mi"}
"""Small enough that a pod whose end is not yet known keeps no room from the next."""


def bare_job(namespace: str, name: str, program: Object) -> Object:
    """What a hand would write to run the same program once: its image, its command, one container."""
    limits = RESOURCES | {"ephemeral-storage": "1Gi"}
    container = {
        "name": "plugin",
        "image": program["spec"]["dockImage"],
        "imagePullPolicy": "IfNotPresent",
        "command": [program["spec"]["selfexec"], "/share/outgoing"],
        "volumeMounts": [{"name": "outgoing", "mountPath": "/share/outgoing"}],
        "resources": {"requests": limits, "limits": limits},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "containers": [container],
        "volumes": [{"name": "outgoing", "emptyDir": {}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


class Stopwatch(Watcher):
    """Marks the moments of runs and bare Jobs, all by one clock."""

    def __init__(self, api: Api, namespace: str) -> None:
        super().__init__(api, namespace, ("PluginInstance", "Job", "Pod"))
        self.on("PluginInstance", self._run)
        self.on("Job", self._job)
        self.on("Pod", self._pod)

    def _run(self, heard: float, _what: str, item: Object) -> None:
        name = item["metadata"]["name"]
        self.note("created", name, heard)
        if condition(item, "Succeeded").get("status") in {"True", "False"}:
            self.note("ended", name, heard)
        if condition(item, "Succeeded").get("status") == "True":
            self.note("succeeded", name, heard)

    def _job(self, heard: float, _what: str, item: Object) -> None:
        name = item["metadata"]["name"]
        self.note("job", name, heard)
        if condition(item, "Complete").get("status") == "True":
            self.note("complete", name, heard)

    def _pod(self, heard: float, _what: str, item: Object) -> None:
        owner = item["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name", "")
        statuses = item.get("status", {}).get("containerStatuses") or []
        ended = [each["name"] for each in statuses if (each.get("state") or {}).get("terminated")]
        if "publish" in ended:
            self.note("published", owner, heard)

    async def run(
        self, api: Api, name: str, namespace: str, plugin: str = "pl-testsource", **spec: object
    ) -> float:
        """Seconds from a run's creation to its success."""
        began = time.perf_counter()
        await api.create(run_body(namespace, name, plugin, resources=RESOURCES, **spec))
        await self.until(lambda: ("ended", name) in self.moments, PATIENCE, f"run {name} does not end")
        if ("succeeded", name) not in self.moments:
            raise RuntimeError(f"run {name} failed")
        return self.moments["succeeded", name] - began

    async def job(self, api: Api, name: str, namespace: str, program: Object) -> float:
        """Seconds from a bare Job's creation to its completion."""
        began = time.perf_counter()
        await api.create(bare_job(namespace, name, program))
        await self.until(
            lambda: ("complete", name) in self.moments, PATIENCE, f"Job {name} does not complete"
        )
        return self.moments["complete", name] - began

    def ours(self, name: str, parent: str | None = None) -> float:
        """Milliseconds of a run that were ours: before its Job, once it could start, and after publish's end."""
        marks, job = self.moments, f"{name}-1"
        could_start = marks["succeeded", parent] if parent else marks["created", name]
        before = marks["job", job] - could_start
        after = marks["succeeded", name] - marks["published", job]
        return (before + after) * 1000


async def test_what_we_add_to_a_run(kubeconfig: Path):
    program = probe()
    async with Api.connected(kubeconfig, 0) as api, tenant(api) as namespace:
        async with Stopwatch(api, namespace).running() as watch:
            await watch.job(api, "warm-job", namespace, program)  # the first of each finds nothing cached
            await watch.run(api, "warm-run", namespace)
            ratios, times, bare = [], [], []
            for number in range(PAIRS):
                first_run = number % 2 == 0
                if first_run:
                    times.append(await watch.run(api, f"run-{number}", namespace))
                bare.append(await watch.job(api, f"bare-{number}", namespace, program))
                if not first_run:
                    times.append(await watch.run(api, f"run-{number}", namespace))
                ratios.append(times[-1] / bare[-1])
            times += [await watch.run(api, f"run-{number}", namespace) for number in range(PAIRS, RUNS)]
        ours = [watch.ours(f"run-{number}") for number in range(RUNS)]
        low, high = median_interval(ratios)
        record(
            ours_ms_p50=percentile(ours, 0.5),
            ours_ms_p95=percentile(ours, 0.95),
            run_vs_bare_job=statistics.median(ratios),
            run_vs_bare_job_low=low,
            run_vs_bare_job_high=high,
            run_s_p50=statistics.median(times),
            bare_job_s_p50=statistics.median(bare),
        )


def audit_log() -> Path:
    """The API server's; where there is none, the table says so instead of a number."""
    log = Path(os.environ.get("AUDIT_LOG") or "none")
    if not log.is_file():
        kind = os.environ.get("CLUSTER_KIND", "unknown")
        reason = (
            f"not measured: this cluster ({kind}) keeps no audit log, where the writes are counted; "
            "that of `make up` keeps one where no Docker engine answers"
        )
        cannot("api_writes_per_run", reason)
        pytest.skip(reason)
    return log


async def test_how_much_we_write(kubeconfig: Path):
    """A run's whole life, its removal and that of its Job and Secret included."""
    async with Api.connected(kubeconfig, 0) as api:
        async with tenant(api) as namespace, Stopwatch(api, namespace).running() as watch:
            sizes = []
            for number in range(COUNTED):
                await watch.run(api, f"run-{number}", namespace)
                sizes.append(await _stored(api, namespace, f"run-{number}"))
            for number in range(COUNTED):
                where = path("PluginInstance", namespace, f"run-{number}")
                await api.request("DELETE", where)
                await gone(api, where)
        record(etcd_bytes_per_run_at_end=statistics.median(sizes))
        record(api_writes_per_run=len(writes_in(audit_log(), namespace)) / COUNTED)


async def _stored(api: Api, namespace: str, name: str) -> int:
    """Bytes of all that a run has in etcd when it has just ended: itself, its Job, Secret, pod and Events."""
    run = await api.request("GET", path("PluginInstance", namespace, name))
    total = len(json.dumps(run, separators=(",", ":")))
    label = f"chrisproject.org/run-uid={run['metadata']['uid']}"
    for kind in ("Job", "Secret", "Pod", "Event"):
        query = {"labelSelector": label} if kind != "Event" else {}
        for item in (await api.request("GET", path(kind, namespace), None, **query))["items"]:
            about = (item.get("involvedObject") or {}).get("name") or item["metadata"]["name"]
            if about == name or about.startswith(f"{name}-1"):
                total += await api.size(path(kind, namespace, item["metadata"]["name"]))
    return total
