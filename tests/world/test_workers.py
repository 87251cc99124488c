"""Several workers share a run: the real Job controller counts them, runs them again, and lets go of evicted ones."""

import time
from typing import Any

import pytest
from tests.controller.tenant import Run, Tenant, plugin
from tests.kubeclient import Object
from tests.world.cluster import PATIENCE, SOURCE, World, wait_for

from chris_operator.core.observe import INDEX_LABEL

pytestmark = pytest.mark.cluster
SHELL: dict[str, Any] = {
    "dockImage": "localhost/chris/pl-testprobe:1.0.0",
    "selfpath": "/bin",
    "selfexec": "sh",
    "minCpuLimit": "100m",
    "maxNumberOfWorkers": 100,
    "parameters": [{"name": "script", "type": "str", "flag": "-c"}],
}
"""Makes a program of the shell: its script gets the directories as $0 and, where it has an input, $1."""
PLUGINS = {
    "divides": plugin("pl-divides", split="index", **SHELL),
    "tolerates": plugin("pl-tolerates", split="index", partialSuccess=True, **SHELL),
    "by-file": plugin("pl-by-file", "ds", split="files", **SHELL),
}
WRITE = 'echo "$CHRIS_SHARD_INDEX of $CHRIS_SHARD_COUNT" >"$0/$CHRIS_SHARD_INDEX"'


@pytest.fixture(autouse=True)
def _registered(world: World) -> None:
    for body in PLUGINS.values():
        world.admin.apply(body)


def place(run: Run) -> str:
    """The run's directory in Swift."""
    status = run.status
    return f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}/"


def files(run: Run) -> dict[str, bytes]:
    """What the run wrote."""
    swift = run.tenant.storage
    _, entries = swift.read_manifest(f"{place(run)}attempts/1/manifest")
    return {
        entry.path: b"".join(swift.get(p.object)[0][p.offset : p.offset + p.size] for p in entry.pieces)
        for entry in entries
    }


def pods(world: World, run: Run, phase: str = "") -> list[Object]:
    """The run's pods, or those in this phase."""
    labels = f"chrisproject.org/run-uid={run.uid}"
    found = world.admin.list("Pod", run.tenant.namespace, labelSelector=labels)
    return [pod for pod in found if phase in ("", pod["status"].get("phase"))]


def test_each_file_goes_to_one_worker(tenant: Tenant):
    source = tenant.run("source", SOURCE, parameters={"files": 5, "bytes": 1000})
    source.until("Completed", "True", seconds=PATIENCE)
    script = 'test "$(find "$0" -type f | wc -l)" = 1 && cp -r "$0/." "$1/"'
    run = tenant.run("each", "pl-by-file", ["source"], workers="auto", parameters={"script": script})
    assert run.until("Completed", "True", seconds=PATIENCE) == "5 files, 5000 bytes"
    status = run.status
    assert status["output"]["digest"] == source.status["output"]["digest"], "the union is the whole"
    assert status["workers"] == {"count": 5, "succeeded": 5, "failed": 0}
    assert status["usage"]["cpuSeconds"] > 0
    assert set(status["phases"]) == {"queued", "stageIn", "plugin", "publish", "ours"}
    assert files(run).keys() == files(source).keys()


def test_three_workers_one_of_which_dies_three_of_five_times(world: World, tenant: Tenant):
    """Kubernetes waits 10, 20 and 40 seconds before a worker's second, third and fourth try: the last comes after 70."""
    until = int(time.time()) + 55
    script = f'[ "$CHRIS_SHARD_INDEX" = 1 ] && [ "$(date +%s)" -lt {until} ] && kill -9 $$; {WRITE}'
    run = tenant.run("scan", "pl-divides", workers=3, retriesPerIndex=4, parameters={"script": script})
    assert run.until("Completed", "True", seconds=2 * PATIENCE) == "3 files, 21 bytes"
    assert files(run) == {str(index): f"{index} of 3\n".encode() for index in range(3)}
    assert run.status["attempt"]["number"] == 1
    assert "failures" not in run.status
    died = [pod["metadata"]["labels"][INDEX_LABEL] for pod in pods(world, run, "Failed")]
    assert died == ["1", "1", "1"]


def test_a_worker_that_always_dies_ends_the_others(tenant: Tenant):
    script = 'echo on it; [ "$CHRIS_SHARD_INDEX" = 2 ] && exit 3; sleep 600'
    run = tenant.run("scan", "pl-divides", workers=3, parameters={"script": script})
    words = run.until("PluginFailed", "False", seconds=PATIENCE)
    assert words.startswith(
        "worker 2 of 3, attempt 1: the program ended with exit code 3; no further attempt"
    )
    assert run.status["workers"] == {"count": 3, "succeeded": 0, "failed": 1}
    log, _ = tenant.storage.get(f"{place(run)}attempts/1/log")
    assert log.endswith(b"--- the end of the log of worker 2\non it\n")


def test_some_may_die_where_the_plugin_allows_it(tenant: Tenant):
    script = f'[ "$CHRIS_SHARD_INDEX" = 1 ] && exit 3; {WRITE}'
    run = tenant.run("scan", "pl-tolerates", workers=3, parameters={"script": script})
    words = run.until("PartlyCompleted", "True", seconds=PATIENCE)
    assert words == "2 files, 14 bytes; 1 of 3 workers failed (1)"
    assert sorted(files(run)) == ["0", "2"]


def test_workers_that_write_the_same_path_are_refused(tenant: Tenant):
    run = tenant.run("scan", "pl-divides", workers=2, parameters={"script": 'echo x >"$0/same"'})
    run.until("OutputsClash", "False", seconds=PATIENCE)
    log, _ = tenant.storage.get(f"{place(run)}attempts/1/log")
    assert b"path 'same' was written by workers 0 and 1\n" in log


@pytest.mark.parametrize("way", ["deleted", "evicted"])
def test_a_worker_that_is_taken_away_is_run_again_and_charged_to_nobody(
    world: World, tenant: Tenant, way: str
):
    run = tenant.run("scan", "pl-divides", workers=2, parameters={"script": f"sleep 8; {WRITE}"})
    run.until("Running", seconds=PATIENCE)
    wait_for(lambda: len(pods(world, run, "Running")) == 2, "both workers run")
    victim = pods(world, run, "Running")[0]
    meta = victim["metadata"]
    if way == "deleted":
        world.admin.delete(victim)
    else:
        path = world.admin.resource("Pod").path(meta["namespace"], meta["name"], "eviction")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": meta["name"]}}
        world.admin.request("POST", path, json=eviction)
    assert run.until("Completed", "True", seconds=PATIENCE) == "2 files, 14 bytes"
    assert sorted(files(run)) == ["0", "1"]
    assert run.status["attempt"]["number"] == 1
