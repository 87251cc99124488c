"""A real API server with our CRDs and policies, one for all controller tests."""

from collections.abc import Iterator

import pytest
from tests.apiserver import ApiServer
from tests.installation import install
from tests.kubeclient import Client


@pytest.fixture(scope="session")
def apiserver() -> Iterator[ApiServer]:
    """etcd and kube-apiserver with our CRDs and admission policies in force; no controllers, no kubelet."""
    with ApiServer.running() as server, server.client() as admin:
        install(admin)
        yield server


@pytest.fixture
def admin(apiserver: ApiServer) -> Iterator[Client]:
    """A client that may do anything."""
    with apiserver.client() as client:
        yield client
