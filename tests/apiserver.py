"""A real etcd and kube-apiserver for tests, without kubelet, scheduler and controllers: nothing happens by itself.

    with ApiServer.running() as server:
        admin = server.client()
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "alice"}})

The binaries are those of the local cluster, from its cache. `server.kubeconfig("operator")` is for programs.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests
from localcluster import binaries
from localcluster.config import cache_dir
from localcluster.toolchain import toolchain
from tests.kubeclient import Client
from tests.ports import free_ports

START_SECONDS = 240.0
POLL_SECONDS = 0.05
PROGRAMS = ("etcd", "kube-apiserver")

USERS = {
    "admin": ("admin", "system:masters"),
    "operator": (
        "system:serviceaccount:chris-system:chris-operator",
        "system:serviceaccounts,system:serviceaccounts:chris-system",
    ),
    "alice": ("alice", "tests"),
    "bob": ("bob", "tests"),
}
"""Token: user name and groups. Only `admin` may do anything before a test or a manifest grants it."""


class ServerError(RuntimeError):
    """The server could not be started; the message ends with its log."""


def binary_directory() -> Path:
    """Where etcd and kube-apiserver are; they are built by `make up`, never by a test."""
    cache = cache_dir()
    # An empty cache is told before the compiler is looked up, which might have to be fetched for that.
    built = any((cache / "bin").glob(f"{binaries.KUBERNETES.name}-*"))
    directory = (
        binaries.directory(cache, binaries.KUBERNETES, toolchain(cache).version) if built else cache / "bin"
    )
    missing = [name for name in PROGRAMS if not (directory / name).exists()]
    if missing:
        raise ServerError(
            f"{', '.join(missing)}: not in {directory}; build them with `make up` or `python3 -m localcluster binaries`"
        )
    return directory


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that dies with the test run, however that ends."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], stdout=output, stderr=output
        ) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


@dataclass(frozen=True)
class ApiServer:
    """A running server. It can be stopped and continued, to play a network that is silently dead."""

    url: str
    directory: Path
    processes: tuple[subprocess.Popen[bytes], ...]
    etcd: str
    """Where etcd answers, without asking for credentials."""

    @classmethod
    @contextmanager
    def running(cls, *options: str) -> Iterator[Self]:
        """Start etcd and the API server with further options, answer when ready, remove everything afterwards."""
        directory = Path(tempfile.mkdtemp(prefix="chris-apiserver-"))
        try:
            with ExitStack() as stack:
                yield cls._start(stack, binary_directory(), directory, options)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @classmethod
    def _start(cls, stack: ExitStack, programs: Path, directory: Path, options: Sequence[str]) -> Self:
        store, peer, port = free_ports(3)
        (directory / "tokens.csv").write_text(
            "".join(f'{token},{user},{token},"{groups}"\n' for token, (user, groups) in USERS.items())
        )
        commands = {
            "etcd": _etcd_command(programs, directory, store, peer),
            "kube-apiserver": [*_apiserver_command(programs, directory, store, port), *options],
        }
        started = tuple(
            stack.enter_context(process(command, directory / f"{name}.log"))
            for name, command in commands.items()
        )
        server = cls(f"https://127.0.0.1:{port}", directory, started, f"http://127.0.0.1:{store}")
        server.await_ready()
        return server

    @property
    def ca(self) -> Path:
        """The certificate that the server made for itself."""
        return self.directory / "certs" / "apiserver.crt"

    def await_ready(self) -> None:
        """Return when the server says so; raise ServerError with its log if it dies or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            dead = any(each.poll() is not None for each in self.processes)
            if dead or time.monotonic() > deadline:
                raise ServerError(f"kube-apiserver {'died' if dead else 'is not ready'}:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def _is_ready(self) -> bool:
        if not self.ca.exists():
            return False
        headers = {"Authorization": "Bearer admin"}
        try:
            return requests.get(f"{self.url}/readyz", headers=headers, verify=str(self.ca), timeout=5).ok
        except (requests.ConnectionError, requests.Timeout, OSError):
            return False

    def log_tail(self, lines: int = 15) -> str:
        """The end of every server's log."""
        tails = (
            path.read_text(errors="replace").splitlines()[-lines:] for path in self.directory.glob("*.log")
        )
        return "\n".join(line for tail in tails for line in tail)

    def client(self, user: str = "admin") -> Client:
        """A client that speaks as one of USERS; close it or use it as a context manager."""
        return Client(self.url, self.ca, user)

    def kubeconfig(self, user: str = "admin") -> Path:
        """A kubeconfig for a program that speaks as one of USERS."""
        path = self.directory / f"{user}.kubeconfig"
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority-data": authority}}
            ],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }
        path.write_text(json.dumps(content))
        return path

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server neither answers nor hangs up meanwhile."""
        server = self.processes[-1]
        os.kill(server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server.pid, signal.SIGCONT)


def _etcd_command(programs: Path, directory: Path, store: int, peer: int) -> list[str]:
    client_url, peer_url = f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peer}"
    return [
        str(programs / "etcd"),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver_command(programs: Path, directory: Path, store: int, port: int) -> list[str]:
    certificates = directory / "certs"
    # The server makes its own certificate; its key serves for ServiceAccount tokens too, so nothing else is needed.
    key = certificates / "apiserver.key"
    return [
        str(programs / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        f"--cert-dir={certificates}",
        f"--token-auth-file={directory / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={key}",
        f"--service-account-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Nobody makes the namespaces' default ServiceAccounts here, yet tests create Pods.
        "--disable-admission-plugins=ServiceAccount",
        "--profiling=false",
    ]
