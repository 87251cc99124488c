"""A real API server with our CRDs and policies, a real Swift, and the real operator, one each for all tests."""

from collections.abc import Callable, Iterator

import pytest
from tests.apiserver import ApiServer
from tests.controller.cloud import cloud, there
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import CATALOGUE, Tenant
from tests.installation import give_rights, install
from tests.kubeclient import Client
from tests.staging.fixtures import swift
from tests.swift_server import SwiftServer

from chris_operator.storage import Storage

__all__ = ["cloud", "swift", "there"]
_LATE = ("test_nothing_is_left", "test_ids")
"""The first looks back at what the others did; the second tears everything down."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the bare API server first: afterwards the operator would answer their resources."""

    def place(item: pytest.Item) -> tuple[bool, int]:
        name = item.path.stem
        late = _LATE.index(name) + 1 if name in _LATE else 0
        return "operator" in getattr(item, "fixturenames", ()), late

    items.sort(key=place)


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """etcd and kube-apiserver with our CRDs and admission policies in force; no controllers, no kubelet."""
    with ApiServer.running() as server, server.client() as admin:
        install(admin)
        yield server


@pytest.fixture(scope="session")
def admin(apiserver: ApiServer) -> Iterator[Client]:
    """A client that may do anything; one for all, since it has to ask the server for its kinds first."""
    with apiserver.client() as client:
        yield client


@pytest.fixture(scope="session")
def gateway(apiserver: ApiServer, admin: Client) -> Iterator[Gateway]:
    """What the operator speaks through, with the rights that it has in a cluster."""
    give_rights(admin)
    with Gateway.running(apiserver) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def storage(swift: SwiftServer) -> Storage:
    """The test's own view of Swift."""
    return Storage(swift.credentials)


@pytest.fixture(scope="session")
def operator_process(
    admin: Client, gateway: Gateway, swift: SwiftServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """The operator that serves all tests; some of them stop it and start it again."""
    operator = Operator("operator-a", gateway, swift.credentials, tmp_path_factory.mktemp("operator"))
    for plugin in CATALOGUE:
        admin.apply(plugin)
    operator.start()
    try:
        yield operator
    finally:
        operator.kill()


@pytest.fixture
def operator(operator_process: Operator) -> Iterator[Operator]:
    """The operator, running; a test that fails shows the end of its log."""
    if not operator_process.running:
        operator_process.start()
    yield operator_process
    print(operator_process.log_tail(40))  # noqa: T201  pytest shows it with a failure


@pytest.fixture(scope="session")
def new_tenant(admin: Client, storage: Storage, tenants: list[Tenant]) -> Callable[[], Tenant]:
    """Make a namespace with a user of its own."""

    def make() -> Tenant:
        namespace = admin.namespace("user-{}")
        found = Tenant(admin, storage, namespace, f"user-{namespace}")
        tenants.append(found)
        return found

    return make


@pytest.fixture(scope="session")
def tenants() -> list[Tenant]:
    """All that were made so far."""
    return []


@pytest.fixture
def tenant(operator: Operator, new_tenant: Callable[[], Tenant]) -> Tenant:  # noqa: ARG001  it must run
    """A namespace with a user of its own, and an operator that looks after it."""
    return new_tenant()
