"""Data on their real way: uploads linked and staged, logs kept, a Swift that restarts in between."""

import subprocess
from typing import Any

import pykube
import pytest
from tests.e2e.outputs import content, output, place_of
from tests.e2e.tenant import API_VERSION, Tenant, manifest

from chris_operator.storage import Storage

pytestmark = pytest.mark.cluster

UPLOADS = {
    "scan/a.txt": b"first",
    "scan/deep/b c.txt": b"second, with a blank in its name",
    "scan/ünï.txt": b"dritte",
}


def upload(swift: Storage, user: str) -> None:
    for name, data in UPLOADS.items():
        swift.put(f"home/{user}/uploads/{name}", data)
    # Another folder whose name begins alike: it must never be taken for a part of the first.
    swift.put(f"home/{user}/uploads/scan10/other.txt", b"not asked for")


def test_uploads_are_linked_without_a_pod_and_read_by_the_next_run(tenant: Tenant, swift: Storage):
    upload(swift, tenant.user)
    tenant.run("scan", "pl-dircopy", "2.1.2", parameters={"dir": f"home/{tenant.user}/uploads/scan"})
    tenant.run("copy", "pl-simpledsapp", "2.1.3", previous=["scan"], parameters={"prefix": "x-"})
    linked = output(swift, tenant, "scan")
    assert [entry.link for entry in linked if entry.link] == [f"home/{tenant.user}/uploads/scan"]
    assert tenant.all("Pod", run="none") == [
        pod for pod in tenant.all("Pod") if "scan-1" in pod["metadata"]["name"]
    ]
    copied = {entry.path.rpartition("/")[2]: content(swift, entry) for entry in output(swift, tenant, "copy")}
    assert copied == {f"x-{name.rpartition('/')[2]}": data for name, data in UPLOADS.items()}


def test_a_path_parameter_brings_its_contents_beside_the_parents(tenant: Tenant, swift: Storage):
    upload(swift, tenant.user)
    kind = pykube.object_factory(tenant.api, API_VERSION, "Plugin")
    spec: dict[str, Any] = dict(kind.objects(tenant.api).get(name="pl-simpledsapp-2.1.3").obj["spec"])
    parameter = {"name": "more", "type": "path", "flag": "--pftelDB", "optional": False, "uiExposed": True}
    others = [p for p in spec["parameters"] if p["name"] != "pftelDB"]
    tenant.create(
        manifest(
            "Plugin",
            "pl-simpledsapp-2.1.9",
            None,
            spec | {"version": "2.1.9", "parameters": [*others, parameter]},
        )
    )
    try:
        tenant.run("first", "pl-testsource")
        more = {"more": f"home/{tenant.user}/uploads/scan", "prefix": "y-"}
        tenant.run("both", "pl-simpledsapp", "2.1.9", previous=["first"], parameters=more)
        names = {entry.path.rpartition("/")[2] for entry in output(swift, tenant, "both")}
        own = {entry.path.rpartition("/")[2] for entry in output(swift, tenant, "first")}
        wanted = {name.rpartition("/")[2] for name in UPLOADS} | own
        assert names == {f"y-{name}" for name in wanted}
    finally:
        kind.objects(tenant.api).get(name="pl-simpledsapp-2.1.9").delete()


def test_the_log_and_the_usage_are_published_with_the_run(tenant: Tenant, swift: Storage):
    tenant.run("talks", "pl-testsource", parameters={"logBytes": 100_000, "burn": 1.0, "allocate": 30})
    status = tenant.reaches("talks", "Completed", "True")["status"]
    log, _ = swift.get(f"{place_of(status)}attempts/1/log")
    assert len(log) >= 100_000
    assert status["usage"]["exitCode"] == 0
    assert 1.0 <= status["usage"]["cpuSeconds"] < 10.0
    assert status["usage"]["peakMemoryBytes"] > 30 << 20
    assert set(status["phases"]) >= {"queued", "stageIn", "plugin", "publish", "ours"}


@pytest.mark.disturbs
def test_data_survive_a_restart_of_swift(tenant: Tenant, swift: Storage):
    tenant.run("before", "pl-testsource", parameters={"files": 20})
    kept = output(swift, tenant, "before")
    words = ["kubectl", "-n", "chris-swift"]
    subprocess.run([*words, "rollout", "restart", "deployment/swift"], check=True, capture_output=True)
    subprocess.run(
        [*words, "rollout", "status", "deployment/swift", "--timeout=120s"], check=True, capture_output=True
    )
    tenant.run("after", "pl-testprobe", previous=["before"])
    status = tenant.reaches("after", "Completed", "True")["status"]
    assert status["output"]["files"] >= 1
    assert len(kept) == 20
