"""A cluster whose every part a test may break: a node in a box; Swift and the operator are processes beside it.

So breaking the node does not break what must notice it, and nobody else's test is disturbed.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster import cluster, images
from localcluster.config import ClusterConfig
from tests.controller.operator_process import TIMES, Operator
from tests.controller.tenant import Run, Tenant
from tests.kubeclient import Client, Object
from tests.node import Node
from tests.swift_server import SwiftServer, running_swift

from chris_operator.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
NAME = "world"
PATIENCE = 90.0
POLL_SECONDS = 0.1
SOURCE, PROBE = "pl-testsource", "pl-testprobe"
"""Programs that do what they are told, without and with an input."""
IMAGES = ("staging", "pl-testprobe")
INSTALLED = ("crds", "manifests/base/policies")
ALONE = ("manifests/base/namespace.yaml", "manifests/base/rbac.yaml", "manifests/base/priorities.yaml")
PROBES = "tests/e2e/plugins/pl-testprobe/plugin.yaml"
ADMINISTRATOR = "world-tests"
QUICK = {"syncFrequency": "2s", "nodeLeaseDurationSeconds": 8}
"""The kubelet looks at its pods' Secrets more often than each minute, and tells every two seconds that it lives."""


def wait_for(look: Callable[[], object], what: str) -> None:
    """Return when `look` is true; AssertionError that says what was awaited."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not so after {PATIENCE:.0f} s")
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class World:
    """All parts, running."""

    config: ClusterConfig
    node: Node
    admin: Client
    swift: SwiftServer
    storage: Storage
    operator: Operator

    def tenant(self) -> Tenant:
        """A namespace with a user of its own, under the strictest Pod Security."""
        name = self.admin.namespace()
        made = Tenant(self.admin, self.storage, name, f"user-{name}")
        labels = {"chrisproject.org/user": made.user, "pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.admin.patch(namespace, {"metadata": {"labels": labels}})
        return made

    def kubectl(self, *words: str) -> str:
        """Run kubectl as administrator and return what it prints; RuntimeError with its words if it fails."""
        return _kubectl(self.config, *words)

    def pod(self, run: Run, number: int = 1) -> Object:
        """The pod of an attempt; LookupError where there is none."""
        labels = f"chrisproject.org/run-uid={run.uid},chrisproject.org/attempt={number}"
        found = self.admin.list("Pod", run.tenant.namespace, labelSelector=labels)
        if not found:
            raise LookupError(f"{run.name}: attempt {number} has no pod")
        return found[0]

    def log(self, run: Run, container: str) -> str:
        """What a container of a run's first attempt has said so far; empty while it cannot be had."""
        try:
            name = self.pod(run)["metadata"]["name"]
            return self.kubectl("-n", run.tenant.namespace, "logs", name, "-c", container)
        except (RuntimeError, LookupError):
            return ""

    def says(self, run: Run, container: str, words: str) -> None:
        """Return when a container of a run's first attempt has said something."""
        wait_for(lambda: words in self.log(run, container), f"{run.name}: {container} says {words!r}")

    def restart_operator(self) -> None:
        """Stop the operator and start it again, with the environment that it has now."""
        self.operator.stop()
        self.operator.start()

    @contextmanager
    def cordoned(self) -> Iterator[None]:
        """Meanwhile no pod gets the node: it stays in the queue."""
        self.kubectl("cordon", "node")
        try:
            yield
        finally:
            self.kubectl("uncordon", "node")


@dataclass(frozen=True)
class _ServiceAccount:
    """How the operator speaks to the API server: with the rights that it has in a cluster, and no more."""

    config: ClusterConfig
    directory: Path

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig for the operator's ServiceAccount."""
        token = _token(self.config, "chris-system", f"chris-{user}")
        path = self.directory / "kubeconfig"
        authority = str(self.config.pki / "ca.crt")
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "world",
            "clusters": [
                {
                    "name": "world",
                    "cluster": {"server": self.config.api_url, "certificate-authority": authority},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "world", "context": {"cluster": "world", "user": user}}],
        }
        path.write_text(json.dumps(content))
        return path


def _kubectl(config: ClusterConfig, *words: str) -> str:
    command = [str(cluster.bin_dir() / "kubectl"), "--kubeconfig", str(config.kubeconfig), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


def _token(config: ClusterConfig, namespace: str, account: str) -> str:
    return _kubectl(config, "-n", namespace, "create", "token", account, "--duration=3h").strip()


def _install(config: ClusterConfig) -> None:
    """What `kubectl apply -k manifests/base` installs, but for the operator's Deployment."""
    for directory in INSTALLED:
        _kubectl(config, "apply", "--server-side", "-k", directory)
    _kubectl(config, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    for file in (*ALONE, PROBES):
        _kubectl(config, "apply", "-f", file)
    _kubectl(config, "-n", "kube-system", "create", "serviceaccount", ADMINISTRATOR)
    binding = ("--clusterrole=cluster-admin", f"--serviceaccount=kube-system:{ADMINISTRATOR}")
    _kubectl(config, "create", "clusterrolebinding", ADMINISTRATOR, *binding)


def _quicken(config: ClusterConfig, node: Node) -> None:
    file = config.settings / "kubelet.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | QUICK, indent=1))
    node.kill("kubelet")
    node.heal()


@contextmanager
def running(directory: Callable[[str], Path]) -> Iterator[World]:
    """Make everything, and remove it without a trace; `directory` makes a folder of its own."""
    os.environ.pop("MAKEFLAGS", None)
    cluster.down(NAME)
    config = cluster.up(NAME)
    try:
        node = Node(config, cluster.require(NAME)[1])
        _quicken(config, node)
        images.provide(IMAGES, NAME)
        _install(config)
        admin_token = _token(config, "kube-system", ADMINISTRATOR)
        with (
            running_swift(directory("swift"), str(config.host_address)) as swift,
            Client(config.api_url, config.pki / "ca.crt", admin_token) as admin,
        ):
            place = directory("operator")
            environment = TIMES | {"CHRIS_STAGING_IMAGE": "localhost/chris/staging:dev"}
            door = _ServiceAccount(config, place)
            operator = Operator("operator-w", door, swift.credentials, place, environment)
            operator.start()
            try:
                yield World(config, node, admin, swift, Storage(swift.credentials), operator)
            finally:
                operator.kill()
    finally:
        cluster.down(NAME)
