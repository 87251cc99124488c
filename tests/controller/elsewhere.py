"""Another cluster: a second API server with manifests/remote applied, at the end of a line that can be cut."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from tests.apiserver import ApiServer
from tests.controller.pods import Attempt
from tests.controller.tenant import Run
from tests.installation import ROOT, resources
from tests.kubeclient import ApiError, Client, Object
from tests.link import Link

from chris_operator.core.names import attempt_name
from chris_operator.models.base import API_VERSION

NAMESPACE = "chris-runs"
OPERATOR_NAMESPACE = "chris-system"
_SECONDS = 30.0


@dataclass(frozen=True)
class Elsewhere:
    """The other cluster, seen by its administrator."""

    server: ApiServer
    admin: Client
    link: Link

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Start it and give our ServiceAccount its rights there."""
        with ApiServer.running() as server, server.client() as admin:
            for item in resources(ROOT / "manifests" / "remote"):
                admin.apply(item)
            port = int(server.url.rpartition(":")[2])
            with Link.running(port) as link:
                yield cls(server, admin, link)

    @property
    def address(self) -> str:
        """Where it is reached over the line."""
        return f"https://127.0.0.1:{self.link.port}"

    @property
    def authority(self) -> str:
        """Its certificate authority as a kubeconfig has it."""
        return b64encode(self.server.ca.read_bytes()).decode()

    def token(self, account: str = "chris") -> str:
        """A token of one of its ServiceAccounts."""
        path = f"api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.admin.request("POST", path, json=body)["status"]["token"])

    def kubeconfig(self, cluster: Object | None = None, user: Object | None = None) -> Object:
        """A kubeconfig of our ServiceAccount there; fields can be changed, and taken out by None."""
        where = {"server": self.address, "certificate-authority-data": self.authority} | (cluster or {})
        who = {"token": self.token()} | (user or {})
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "there",
            "contexts": [{"name": "there", "context": {"cluster": "there", "user": "us"}}],
            "clusters": [{"name": "there", "cluster": _without_none(where)}],
            "users": [{"name": "us", "user": _without_none(who)}],
        }

    def attempt(self, run: Run, number: int = 1) -> Attempt:
        """An attempt of a run as soon as its Job exists there."""
        name = attempt_name(f"{run.tenant.namespace}.{run.name}", number)
        job = self.admin.wait("Job", name, NAMESPACE, until=bool)
        return Attempt(self.admin, job, self.admin.get("Secret", name, NAMESPACE))

    def of_run(self, run: Run) -> list[str]:
        """Kinds of what is there of a run."""
        selector = {"labelSelector": f"chrisproject.org/run-uid={run.uid}"}
        kinds = ("Job", "Secret")
        return [kind for kind in kinds if self.admin.list(kind, NAMESPACE, **selector)]

    def await_clean(self, run: Run) -> None:
        """Return when no Job and no Secret of a run is there."""
        deadline = time.monotonic() + _SECONDS
        while left := self.of_run(run):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run.name}: still there: {left}")
            time.sleep(0.05)


def _without_none(fields: Object) -> Object:
    return {name: value for name, value in fields.items() if value is not None}


def secret(admin: Client, name: str, kubeconfig: Any) -> Object:
    """Write the Secret that a ComputeResource names."""
    text = kubeconfig if isinstance(kubeconfig, str) else json.dumps(kubeconfig)
    return swift_secret(admin, name, {"kubeconfig": text})


def swift_secret(admin: Client, name: str, data: Mapping[str, str]) -> Object:
    """Write the Secret that it names for its Swift."""
    meta = {"name": name, "namespace": OPERATOR_NAMESPACE}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": dict(data)}
    try:
        return admin.create(body)
    except ApiError:
        return admin.patch(body, {"stringData": body["stringData"]})


def compute(admin: Client, name: str, **spec: Any) -> Object:
    """Create a ComputeResource whose Secret has its name; everybody may use it unless told otherwise."""
    base = {"kubeconfigSecret": name, "namespace": NAMESPACE, "users": ["*"]}
    return admin.create(
        {
            "apiVersion": API_VERSION,
            "kind": "ComputeResource",
            "metadata": {"name": name},
            "spec": base | spec,
        }
    )
