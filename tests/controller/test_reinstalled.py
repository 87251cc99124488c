"""The cluster is lost and installed anew over the old Swift: refused, then adopted; no number and no byte is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.apiserver import ApiServer
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import CATALOGUE, FILES, Tenant
from tests.installation import give_rights, install
from tests.kubeclient import Client
from tests.swift_server import SwiftServer

from chris_operator.controller.root import OWNER
from chris_operator.storage import Storage

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


@contextmanager
def _installed() -> Iterator[tuple[Client, Gateway]]:
    """Another cluster, empty but for what an installation puts there."""
    with ApiServer.running() as server, server.client() as admin:
        install(admin)
        give_rights(admin)
        for plugin in CATALOGUE:
            admin.apply(plugin)
        with Gateway.running(server) as gateway:
            yield admin, gateway


@pytest.fixture
def abandoned(operator: Operator, storage: Storage, tenant: Tenant) -> Iterator[Operator]:
    """The operator of the first cluster, to be stopped by the test; afterwards Swift is as it left it."""
    owner = storage.get_json(OWNER)
    yield operator
    storage.put_json(OWNER, owner)
    ours = {f"feed_{feed['status']['id']}" for feed in tenant.admin.list("Feed", tenant.namespace)}
    for name in tenant.objects():
        if name.split("/")[3] not in ours:
            storage.delete(name)


def test_a_new_cluster_over_old_data(
    tenant: Tenant, abandoned: Operator, swift: SwiftServer, storage: Storage, tmp_path: Path
):
    old = tenant.done("scan")
    old.await_clean()
    lost = tenant.admin.get("Namespace", "kube-system")["metadata"]["uid"]
    kept = {each.name: each.etag for each in storage.list(f"home/{tenant.user}/")}
    abandoned.stop()
    with _installed() as (admin, gateway):
        here = admin.get("Namespace", "kube-system")["metadata"]["uid"]
        again = Tenant(admin, storage, admin.namespace(tenant.user), tenant.user)
        run = again.run("scan")
        operator = Operator("operator-new", gateway, swift.credentials, tmp_path)
        operator.start()
        words = (
            f"this Swift container belongs to cluster {lost}, and this is cluster {here}: if that "
            f"cluster is gone, start the operator with --adopt-swift-root={lost}"
        )
        code, said = operator.await_exit()
        assert code == 1
        assert said.endswith(words)
        assert not run.status
        operator.start(f"--adopt-swift-root={lost}")
        try:
            run.attempt().succeeds(FILES)
            run.until("Completed", "True")
            run.told(("Normal", "Completed", "2 files, 9 bytes"))
            assert run.status["id"] > old.status["id"]
            assert run.status["feedId"] > old.status["feedId"]
        finally:
            operator.stop()
        operator.start()  # it is its own now
        try:
            again.done("later")
        finally:
            operator.stop()
    now = {each.name: each.etag for each in storage.list(f"home/{tenant.user}/")}
    assert {name: now.get(name) for name in kept} == kept
    assert storage.get_json(OWNER) == {"cluster": here, "adoptedFrom": lost}
