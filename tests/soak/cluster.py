"""The cluster under the soak: an API client that outlives the API server, and what can be killed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import requests
from localcluster import cluster
from localcluster.containerd import Containerd
from localcluster.deploy import Kubectl
from localcluster.errors import ClusterError
from tests.kubeclient import ApiError, Client, Object
from tests.node import Node

from chris_operator.cli import access
from chris_operator.cli.kubectl import Kubectl as UsersKubectl
from chris_operator.models.base import API_VERSION
from chris_operator.storage import Storage

ACCOUNT = "chris-soak"
PATIENCE = 180.0
_PAUSE = 0.5
_GONE, _TAKEN, _BROKEN = 404, 409, 500
_PASSING = frozenset({401, 403, 429})
T = TypeVar("T")


@dataclass(frozen=True)
class Eyes:
    """What is asked for, looked at and judged: an API server, which may be away for a while, and a Swift."""

    client: Client
    storage: Storage

    def patiently(self, act: Callable[[], T]) -> T:
        """Do something again while the API server is away; TimeoutError when it stays so."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except (requests.RequestException, ApiError) as error:
                # An API server that has just started does not know everybody's rights at once.
                if isinstance(error, ApiError) and error.code not in _PASSING and error.code < _BROKEN:
                    raise
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the API server stays away: {error}") from error
            time.sleep(_PAUSE)

    def list(self, kind: str, namespace: str | None = None, **selectors: str) -> list[Object]:
        """All objects of a kind."""
        return self.patiently(lambda: self.client.list(kind, namespace, **selectors))

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """An object; None where there is none."""
        try:
            return self.patiently(lambda: self.client.get(kind, name, namespace))
        except ApiError as error:
            if error.code == _GONE:
                return None
            raise

    def create(self, item: Object) -> None:
        """Create an object; one that is there was created by a request whose answer was lost."""
        try:
            self.patiently(lambda: self.client.create(item))
        except ApiError as error:
            if error.code != _TAKEN:
                raise

    def change(self, item: Object, change: Object) -> None:
        """Merge a change into an object, where it still exists."""
        self._unless_gone(lambda: self.client.patch(item, change))

    def delete(self, item: Object, grace_seconds: int | None = None) -> None:
        """Delete an object and, in the background, what it owns."""
        meta = item["metadata"]
        params = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            params["gracePeriodSeconds"] = str(grace_seconds)

        def act() -> Object:
            path = self.client.resource(item["kind"]).path(meta.get("namespace"), meta["name"])
            return self.client.request("DELETE", path, params=params)

        self._unless_gone(act)

    def _unless_gone(self, act: Callable[[], Any]) -> None:
        try:
            self.patiently(act)
        except ApiError as error:
            if error.code != _GONE:
                raise


@dataclass(frozen=True)
class Cluster(Eyes):
    """The cluster of `make up`, and ways to it."""

    node: Node
    kubectl: Kubectl
    connect: Callable[[], Client]

    def again(self) -> "Cluster":
        """The same for another thread: a connection of its own."""
        return replace(self, client=self.connect())

    @property
    def containerd(self) -> Containerd:
        """The node's container runtime."""
        return Containerd(self.node.box, cluster.bin_dir())


def instance(name: str, namespace: str | None = None, kind: str = "PluginInstance") -> Object:
    """How an object of ours is named to `Cluster`'s methods."""
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta}


@contextmanager
def connected() -> Iterator[Cluster]:
    """The running cluster of this checkout, as an administrator; ClusterError where there is none."""
    config, box = cluster.require()
    kubectl = Kubectl(str(cluster.bin_dir() / "kubectl"), str(config.kubeconfig))
    _administrator(kubectl)
    token = kubectl("-n", "kube-system", "create", "token", ACCOUNT, "--duration=12h").strip()
    address = kubectl("-n", "chris-swift", "get", "service", "swift", "-o", "jsonpath={.spec.clusterIP}")
    storage = Storage(
        access.credentials(UsersKubectl(""), {}) | {"ST_AUTH": f"http://{address}:8080/auth/v1.0"}
    )
    try:
        connect = partial(Client, config.api_url, config.pki / "ca.crt", token)
        yield Cluster(connect(), storage, Node(config, box), kubectl, connect)
    finally:
        kubectl.ask("delete", "clusterrolebinding", ACCOUNT, "--ignore-not-found")
        kubectl.ask("-n", "kube-system", "delete", "serviceaccount", ACCOUNT, "--ignore-not-found")


def _administrator(kubectl: Kubectl) -> None:
    """An account for the soak: bearer tokens outlive restarts of the API server, and end with the account."""
    kubectl.ask("-n", "kube-system", "create", "serviceaccount", ACCOUNT)
    binding = ("--clusterrole=cluster-admin", f"--serviceaccount=kube-system:{ACCOUNT}")
    done = kubectl.ask("create", "clusterrolebinding", ACCOUNT, *binding)
    if done.returncode and "already exists" not in done.stderr:
        raise ClusterError(f"the soak gets no account: {done.stderr}")
