"""The example `hours-to-minutes` at its real size: what sharing the work gains, and that the result is the same.

Its runs are created one after another, so that none takes another's processor; on two processors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from tests.benchmarks.bench import record
from tests.benchmarks.client import Api, Object, Watcher, path
from tests.benchmarks.conftest import ROOT, tenant
from tests.kubeclient import condition

pytestmark = [pytest.mark.bench, pytest.mark.cluster]
EXAMPLE = ROOT / "examples" / "hours-to-minutes"
LONGEST = 1800.0
WORKERS = 2
"""As many as this machine has processors for."""


@dataclass(frozen=True)
class Span:
    """When a program worked: from its beginning, when its input was there, to its end; seconds of the epoch."""

    start: float
    end: float


@dataclass(frozen=True)
class Told:
    """A run that succeeded."""

    wall: float
    """From its creation to its success, by the API server's clock."""
    spans: tuple[Span, ...]
    """Of each worker."""
    digest: str
    created: float
    completed: float

    @property
    def window(self) -> float:
        """From the first worker's start to the last worker's end."""
        return max(span.end for span in self.spans) - min(span.start for span in self.spans)


def seconds(text: str) -> float:
    """A time of the API server, seconds of the epoch."""
    return datetime.fromisoformat(text).timestamp()


def span(pod: Object) -> Span | None:
    """When a pod's program worked; None if it has not ended well."""
    status = pod["status"]
    named = {
        each["name"]: each.get("state", {}).get("terminated")
        for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    }
    program, staged = named.get("plugin"), named.get("stage-in")
    if not program or program["exitCode"] != 0:
        return None
    ready = [program["startedAt"], *([staged["finishedAt"]] if staged else [])]
    return Span(max(map(seconds, ready)), seconds(program["finishedAt"]))


def spans_of(pods: list[Object]) -> Iterator[Span]:
    """When the programs of pods worked, those left out that have failed."""
    for pod in pods:
        found = span(pod)
        if found:
            yield found


def runs(name: str, namespace: str) -> Iterator[Object]:
    """The runs of one of the example's files, as a benchmark's tenant has them."""
    for document in yaml.safe_load_all((EXAMPLE / name).read_text(encoding="utf-8")):
        if document["kind"] == "PluginInstance":
            document["metadata"]["namespace"] = namespace
            document["spec"] |= {"feed": "feed"} if "feed" in document["spec"] else {}
            yield document


async def told(api: Api, watch: Watcher, run: Object) -> Told:
    """Create a run, wait for its success, and read off its pods when they worked."""
    name, namespace = run["metadata"]["name"], run["metadata"]["namespace"]
    await api.create(run)
    await watch.until(lambda: ("ended", name) in watch.moments, LONGEST, f"run {name} does not end")
    found = await api.request("GET", path("PluginInstance", namespace, name))
    succeeded = condition(found, "Succeeded")
    assert succeeded["status"] == "True", succeeded
    label = f"chrisproject.org/run-uid={found['metadata']['uid']}"
    pods = (await api.request("GET", path("Pod", namespace), None, labelSelector=label))["items"]
    created, completed = (
        seconds(found["metadata"]["creationTimestamp"]),
        seconds(found["status"]["completionTime"]),
    )
    digest = found["status"]["output"]["digest"]
    return Told(completed - created, tuple(spans_of(pods)), digest, created, completed)


async def story(api: Api, name: str) -> dict[str, Told]:
    """All runs of one of the example's files, one after another."""
    async with tenant(api) as namespace:
        watch = Watcher(api, namespace, ("PluginInstance",))

        def ended(heard: float, _what: str, item: Object) -> None:
            if condition(item, "Succeeded").get("status") in {"True", "False"}:
                watch.note("ended", item["metadata"]["name"], heard)

        watch.on("PluginInstance", ended)
        async with watch.running():
            return {run["metadata"]["name"]: await told(api, watch, run) for run in runs(name, namespace)}


async def test_a_series_in_slabs(kubeconfig: Path):
    async with Api.connected(kubeconfig, 0) as api:
        found = await story(api, "denoise.yaml")
    one = found["by-one"]
    assert found["merged-two"].digest == one.digest
    assert found["merged-four"].digest == one.digest
    record(
        fanout_serial_s=one.window,
        fanout_serial_wall_s=one.wall,
        fanout_efficiency=one.window / (WORKERS * found["by-two"].window),
        fanout_wall_vs_serial=(found["merged-two"].completed - found["by-two"].created) / one.wall,
    )
    for words in ("two", "four"):
        shared, merged = found[f"by-{words}"], found[f"merged-{words}"]
        record(
            **{
                f"fanout_{words}_s": shared.window,
                f"fanout_{words}_wall_s": merged.completed - shared.created,
            }
        )


async def test_a_group_by_folders(kubeconfig: Path):
    async with Api.connected(kubeconfig, 0) as api:
        found = await story(api, "group.yaml")
    one, shared = found["by-one"], found["by-twelve"]
    assert len(shared.spans) == 12
    record(
        group_serial_s=one.window,
        group_serial_wall_s=one.wall,
        group_two_s=shared.window,
        group_two_wall_s=shared.wall,
        group_longest_s=max(span.end - span.start for span in shared.spans),
    )
