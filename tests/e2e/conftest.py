"""The real cluster of `make up`, one tenant per test, and the eyes to look into its Swift."""

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pykube
import pytest
from tests.e2e.tenant import Tenant, namespace
from tests.fresh_cluster import FreshCluster, fresh_cluster

from chris_operator.cli.access import credentials, reachable
from chris_operator.cli.kubectl import Kubectl
from chris_operator.storage import Storage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def api() -> pykube.HTTPClient:
    """A client for the cluster; only one that carries `make up`'s mark is ever disturbed."""
    if "KUBECONFIG" not in os.environ:
        pytest.fail("no cluster: run `make e2e`, which makes one and reads build/env")
    client = pykube.HTTPClient(pykube.KubeConfig.from_env())
    mark = os.environ.get("CLUSTER_MARK", "")
    if pykube.ConfigMap.objects(client, namespace="kube-system").get_or_none(name=mark) is None:
        pytest.fail(
            f"this cluster has no ConfigMap kube-system/{mark}: these tests run only on one of `make up`"
        )
    return client


@pytest.fixture(scope="session", autouse=True)
def probes(api: pykube.HTTPClient) -> None:  # noqa: ARG001  the mark is checked before anything is applied
    """The plugins that misbehave as told."""
    for path in (ROOT / "tests" / "e2e" / "plugins").glob("*/plugin.yaml"):
        subprocess.run(["kubectl", "apply", "-f", str(path)], check=True, capture_output=True)


@pytest.fixture(scope="session")
def swift(api: pykube.HTTPClient) -> Iterator[Storage]:
    """The operator's own view of Swift, which outlives Swift's pods where Services are reached directly."""
    if os.environ.get("CLUSTER_KIND") == "localcluster":
        service = pykube.Service.objects(api, namespace="chris-swift").get(name="swift")
        address = f"http://{service.obj['spec']['clusterIP']}:8080/auth/v1.0"
        yield Storage(credentials(Kubectl(""), {}) | {"ST_AUTH": address})
        return
    with reachable(Kubectl(""), credentials(Kubectl(""), {})) as values:
        yield Storage(values)


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshCluster]:
    """A second cluster with nothing of ours on it; each module that uses it leaves it so."""
    if os.geteuid() != 0:
        pytest.skip("a second cluster, to install on, needs root; the Docker engine's kind is the only one")
    with fresh_cluster("readme", tmp_path_factory.mktemp("fresh")) as cluster:
        yield cluster


@pytest.fixture
def tenant(api: pykube.HTTPClient, request: pytest.FixtureRequest, swift: Storage) -> Iterator[Tenant]:
    """A tenant of its own; afterwards nothing of it may be left in the cluster or in Swift."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    name += f"-{uuid.uuid4().hex[:6]}"  # an earlier run's namespace may still be on its way out
    with namespace(
        api, name, {"chrisproject.org/user": name, "pod-security.kubernetes.io/enforce": "restricted"}
    ):
        made = Tenant(api, name, name)
        yield made
        made.clear()
    left = [info.name for info in swift.list(f"home/{name}/feeds/")]
    assert left == [], f"Swift still holds {len(left)} objects of {name}"
