"""Slack, GPUs, queues and cancelling on a real kubelet, scheduler and Job controller."""

import json
import subprocess
from collections.abc import Iterator

import pykube
import pytest
from tests.e2e.outputs import file
from tests.e2e.shell import shell_plugin
from tests.e2e.tenant import API_VERSION, Tenant, manifest, succeeded

from chris_operator.storage import Storage

pytestmark = pytest.mark.cluster
KEEPS, COMPUTES = "pl-testkeeps", "pl-testcomputes"
COUNTS = """
cd "$CHRIS_CHECKPOINT_DIR"
[ ! -e count ] || { cp count "$0/count"; exit 0; }
trap 'echo 2 >new; mv new count; exit 143' TERM
echo 1 >count; echo begun
while :; do sleep 0.1; done
"""
"""Begun anew with a count it writes that down; else it counts to one, and to two when it is asked to end."""
GPU = "nvidia.com/gpu"


@pytest.fixture(scope="module", autouse=True)
def plugins(api: pykube.HTTPClient) -> Iterator[None]:
    """One that keeps its state, and one that may have GPUs."""
    kind = pykube.object_factory(api, API_VERSION, "Plugin")
    made = [kind(api, shell_plugin(KEEPS, checkpoint=True)), kind(api, shell_plugin(COMPUTES, maxGpuLimit=2))]
    for each in made:
        each.create()
    yield
    for each in made:
        each.delete()


def _kubectl(*words: str, stdin: str | None = None) -> str:
    return subprocess.run(["kubectl", *words], input=stdin, capture_output=True, check=True, text=True).stdout


def _has_begun(tenant: Tenant, job: str) -> bool:
    return "begun" in _kubectl("-n", tenant.namespace, "logs", f"job/{job}", "-c", "plugin")


def _evict(tenant: Tenant, pod: str) -> None:
    meta = {"name": pod, "namespace": tenant.namespace}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
    place = f"/api/v1/namespaces/{tenant.namespace}/pods/{pod}/eviction"
    _kubectl("create", "--raw", place, "-f", "-", stdin=json.dumps(body))


def test_an_evicted_slack_run_goes_on_from_its_checkpoint(tenant: Tenant, swift: Storage):
    tenant.run("slack", KEEPS, priority="slack", parameters={"script": COUNTS})
    tenant.reaches("slack", "Running", "Unknown")
    tenant.until(lambda: _has_begun(tenant, "slack-1"), "the program's first words")
    (pod,) = tenant.all("Pod")
    assert (pod["spec"]["priority"], pod["status"]["qosClass"]) == (-1000, "Burstable")
    _evict(tenant, pod["metadata"]["name"])
    told = tenant.told("slack", "Warning", "Preempted")[-1][2]
    assert told.endswith("; its checkpoint is saved (1 files, 2 bytes); attempt 2 follows")
    status = tenant.reaches("slack", "Completed", "True")["status"]
    assert status["failures"] == {"Preempted": 1}
    assert file(swift, tenant, "slack", "count") == b"2\n"


def _suspend(tenant: Tenant, job: str, wish: bool) -> None:
    change = json.dumps({"spec": {"suspend": wish}})
    _kubectl("-n", tenant.namespace, "patch", "job", job, "--type=merge", "-p", change)


def test_a_queue_admits_sends_back_and_admits_again(tenant: Tenant, swift: Storage):
    """Kueue's part is played; that of the Job controller is not."""
    spec = {"plugin": {"name": KEEPS, "version": "1.0.0"}, "parameters": {"script": COUNTS}}
    item = manifest("PluginInstance", "queued", tenant.namespace, spec)
    item["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "night"}
    tenant.create(item)
    tenant.reaches("queued", "Queued", "Unknown")
    assert tenant.all("Pod") == []
    _suspend(tenant, "queued-1", False)
    tenant.reaches("queued", "Running", "Unknown")
    tenant.until(lambda: _has_begun(tenant, "queued-1"), "the program's first words")
    _suspend(tenant, "queued-1", True)
    told = tenant.told("queued", "Warning", "Preempted")[-1][2]
    assert told.startswith("attempt 1: its queue took its place back; its checkpoint is saved")
    tenant.until(lambda: tenant.get("Job", "queued-2", "batch/v1"), "the second attempt")
    _suspend(tenant, "queued-2", False)
    tenant.reaches("queued", "Completed", "True")
    assert file(swift, tenant, "queued", "count") == b"2\n"


def test_cancel_reaches_all_that_descends(tenant: Tenant):
    tenant.run("root", "pl-testsource")
    tenant.run("child", "pl-testprobe", previous=["root"], parameters={"sleep": 600.0})
    tenant.run("grandchild", "pl-testprobe", previous=["child"])
    tenant.reaches("child", "Running", "Unknown")
    tenant.change("root", cancel=True)
    for name in ("child", "grandchild"):
        ended = tenant.reaches(name, "Cancelled", "False")
        assert succeeded(ended)["message"].startswith("cancelled with root, from which it descends")
    tenant.until(lambda: _pods_of(tenant, "child") == [], "the end of its pod", 45.0)
    tenant.reaches("root", "Completed", "True")


def _pods_of(tenant: Tenant, run: str) -> list[str]:
    found = tenant.all("Pod")
    return [each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith(f"{run}-")]


@pytest.fixture
def one_gpu(api: pykube.HTTPClient) -> Iterator[None]:
    """A node that counts one GPU, as a device plugin would have it."""
    node = next(iter(pykube.Node.objects(api))).name
    key = GPU.replace("/", "~1")
    places = [f"/status/{part}/{key}" for part in ("capacity", "allocatable")]

    def patch(*changes: dict[str, str]) -> None:
        _kubectl("patch", "node", node, "--subresource=status", "--type=json", "-p", json.dumps(changes))

    patch(*({"op": "add", "path": place, "value": "1"} for place in places))
    yield
    patch(*({"op": "remove", "path": place} for place in places))


def test_gpus_are_given_as_far_as_there_are_any(tenant: Tenant, one_gpu: None):  # noqa: ARG001  the node has it
    script = {"script": 'echo done >"$0/f"'}
    tenant.run("one", COMPUTES, parameters=script, resources={"gpu": 1})
    tenant.run("two", COMPUTES, parameters=script, resources={"gpu": 2})
    tenant.reaches("one", "Completed", "True")
    waits = tenant.reaches("two", "Unschedulable", "Unknown")
    assert f"Insufficient {GPU}" in succeeded(waits)["message"]
    tenant.change("two", cancel=True)
    tenant.reaches("two", "Cancelled", "False")
