"""Runs on a cluster with a Swift of its own: two real API servers, two real Swifts; nothing of ours stays there."""

from collections.abc import Iterator

import pytest
from tests.controller.elsewhere import Elsewhere, compute, secret, swift_secret
from tests.controller.gateway import Gateway
from tests.controller.mirrors import Mirrored, files_of, output_of
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client, Object
from tests.swift_server import running_swift

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
NAME = "cloud"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another cluster."""
    with Elsewhere.running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def far(admin: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirrored]:
    """Its Swift."""
    with running_swift(tmp_path_factory.mktemp("far")) as server:
        yield Mirrored.of(admin, NAME, server)


@pytest.fixture(scope="module")
def cloud(admin: Client, operator_process: Operator, elsewhere: Elsewhere, far: Mirrored) -> Iterator[Object]:
    """The ComputeResource that leads there."""
    if not operator_process.running:
        operator_process.start()
    secret(admin, NAME, elsewhere.kubeconfig())
    swift_secret(admin, f"{NAME}-swift", far.server.credentials)
    item = compute(admin, NAME, swiftSecret=f"{NAME}-swift")
    admin.wait_condition(item, "Ready", status="True")
    yield item
    admin.delete(item)


@pytest.fixture
def there(tenant: Tenant, cloud: Object) -> Tenant:
    """A tenant, once the other cluster and its Swift can be used."""
    tenant.admin.wait_condition(cloud, "Ready", status="True")
    return tenant


def _run(tenant: Tenant, name: str = "scan", plugin: str = "pl-fs", *previous: str, **spec: object) -> Run:
    return tenant.run(name, plugin, previous, computeResource=NAME, **spec)


def test_from_push_to_sweep(there: Tenant, elsewhere: Elsewhere, far: Mirrored, gateway: Gateway):
    root = there.done("root")
    root.await_clean()
    before = len(gateway.writes_about(there.namespace))
    run = _run(there, "child", "pl-ds", "root")
    attempt = elsewhere.attempt(run)
    order = attempt.stage_job
    assert order.swift.url == far.server.url
    (source,) = order.inputs
    name = far.storage.name(source.manifest)
    assert files_of(far.storage, name) == FILES
    assert source.digest == root.status["output"]["digest"]
    assert far.names(there.user) == [name, name.replace("manifest", "pack-0")], "no log, no second manifest"
    attempt.runs()
    run.until("Running")
    attempt.succeeds({"out.txt": b"gamma"})
    assert run.until("Completed", "True") == "1 files, 5 bytes"
    assert output_of(run) == {"out.txt": b"gamma"}
    far.await_gone(there.user)
    elsewhere.await_clean(run)
    assert gateway.writes_about(there.namespace)[before:] == [
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "POST events",
    ]
