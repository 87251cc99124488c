"""An upgrade: resources written under the first CRDs stay valid, ended runs stay as they are, waiting ones run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.apiserver import ApiServer
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.installation import ROOT, documents, give_rights, install, resources
from tests.kubeclient import Client, Object
from tests.swift_server import running_swift

from chris_operator.storage import Storage

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
FIRST = ROOT / "tests" / "golden" / "crds-v0"
ENDED = ("finished", "failed")
OUTPUT = "home/vera/feeds/feed_3/runs/8/attempts/1/"


@pytest.fixture(scope="module")
def cluster() -> Iterator[ApiServer]:
    """A cluster of its own: the others' CRDs must not go back in time."""
    with ApiServer.running() as server:
        yield server


@pytest.fixture(scope="module")
def old(cluster: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """The tenant `old` as the first operator left it: resources with their statuses, and data in Swift."""
    with running_swift(tmp_path_factory.mktemp("swift")) as swift, cluster.client() as admin:
        for crd in resources(FIRST):
            admin.apply(crd)
            admin.wait_condition(crd, "Established", status="True")
        tenant = Tenant(admin, Storage(swift.credentials), "old", "vera")
        labels = {"chrisproject.org/user": tenant.user}
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old", "labels": labels}})
        tenant.storage.ensure_container()
        header, _ = tenant.storage.put_manifest(f"{OUTPUT}manifest", [], prefixes=[OUTPUT])
        for item in documents(FIRST / "resources.yaml"):
            _write(admin, item, header.digest)
        yield tenant


def _write(admin: Client, item: Object, digest: str) -> None:
    """Create it and write its status, as user and operator did."""
    status = item.pop("status", None)
    created = admin.create(item)
    if item["kind"] == "PluginInstance":
        feed = admin.get("Feed", "look", "old")
        owner = {key: feed[key] for key in ("apiVersion", "kind")}
        owner |= {key: feed["metadata"][key] for key in ("name", "uid")}
        admin.patch(created, {"metadata": {"ownerReferences": [owner]}})
    if status:
        if "output" in status:
            status["output"]["digest"] = digest
        admin.set_status(created, status)


@pytest.fixture(scope="module")
def upgraded(cluster: ApiServer, old: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """Today's CRDs, policies and operator on that cluster."""
    install(old.admin)
    give_rights(old.admin)
    folder: Path = tmp_path_factory.mktemp("operator")
    with Gateway.running(cluster) as gateway:
        operator = Operator("operator-new", gateway, _credentials(old), folder)
        operator.start()
        try:
            operator.await_metric("chris_leading", 1.0)
            yield old
            print(operator.log_tail())  # noqa: T201  pytest shows it with a failure
        finally:
            operator.kill()


def _credentials(tenant: Tenant) -> dict[str, str]:
    return {name: tenant.storage._values[name] for name in ("ST_AUTH", "ST_USER", "ST_KEY")}


def _run(tenant: Tenant, name: str) -> Run:
    return Run(tenant, tenant.admin.get("PluginInstance", name, tenant.namespace))


def test_an_upgrade_loses_nothing_and_repeats_nothing(old: Tenant, request: pytest.FixtureRequest):
    before = {name: _run(old, name).status for name in ENDED}
    tenant: Tenant = request.getfixturevalue("upgraded")
    waiting, child = _run(tenant, "waiting"), _run(tenant, "child")
    waiting.attempt().succeeds(FILES)
    waiting.until("Completed", "True")
    order = child.attempt()
    assert OUTPUT in {grant.prefix.split("/", 4)[4] for grant in order.stage_job.get}
    order.succeeds(FILES)
    child.until("Completed", "True")
    assert {name: _run(tenant, name).status for name in ENDED} == before
    ended = {_run(tenant, name).uid for name in ENDED}
    jobs = tenant.admin.list("Job", tenant.namespace)
    assert [job for job in jobs if job["metadata"]["labels"]["chrisproject.org/run-uid"] in ended] == []
    assert min(waiting.status["id"], child.status["id"]) > max(status["id"] for status in before.values())


def test_everything_of_then_may_still_be_written(upgraded: Tenant):
    for kind in ("Plugin", "Feed", "PluginInstance"):
        namespace = None if kind == "Plugin" else upgraded.namespace
        for item in upgraded.admin.list(kind, namespace):
            upgraded.admin.patch(item, {"metadata": {"annotations": {"touched": "yes"}}})
    for item in documents(FIRST / "resources.yaml"):
        copy = {**item, "metadata": {**item["metadata"], "name": f"again-{item['metadata']['name']}"}}
        if item["kind"] != "Plugin":  # whose name follows from its spec
            upgraded.admin.create(copy, dry_run=True)
