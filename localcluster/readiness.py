"""When a cluster is usable: the node says Ready before Services and DNS work, so each is asked."""

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localcluster import processes
from localcluster.box import Box
from localcluster.config import ClusterConfig
from localcluster.errors import ClusterError
from localcluster.processes import Component
from localcluster.shell import run, succeeds, wait_until

SECONDS = 180
CONNECT_SECONDS = 2.0
REQUEST_SECONDS = 10


@dataclass(frozen=True)
class Gate:
    """One thing that must hold before the first pod."""

    what: str
    check: Callable[[], bool]
    log: str
    """Whose log tells why it does not."""


def gates(config: ClusterConfig, inside: Box, tools: Path) -> tuple[Gate, ...]:
    """All gates, in an order in which the later need the earlier."""
    kubectl: list[str | Path] = [
        tools / "kubectl",
        "--kubeconfig",
        config.kubeconfig,
        f"--request-timeout={REQUEST_SECONDS}s",
    ]
    node = str(config.node_address)
    first_service = f"{config.service_range[1]}/32"
    base = config.settings / "base.json"
    return (
        Gate(
            "API server is ready", lambda: succeeds([*kubectl, "get", "--raw", "/readyz"]), "kube-apiserver"
        ),
        Gate("cluster carries its mark", lambda: _applied(kubectl, base), "kube-apiserver"),
        Gate("node is ready", lambda: _node_ready(kubectl), "kubelet"),
        Gate("kubelet listens", lambda: _listens(node, 10250), "kubelet"),
        Gate(
            "kube-proxy has synced",
            lambda: first_service in inside.run(["iptables-save", "-t", "nat"]),
            "kube-proxy",
        ),
        Gate("DNS is ready", lambda: _answers(f"http://{node}:8181/ready"), "coredns"),
        Gate(
            "default service account exists",
            lambda: succeeds([*kubectl, "get", "serviceaccount", "default"]),
            "kube-controller-manager",
        ),
    )


def wait(config: ClusterConfig, inside: Box, tools: Path) -> None:
    """Wait for every gate; ClusterError naming the one that stays shut, or a daemon that ended meanwhile."""
    for gate in gates(config, inside, tools):
        _wait_for(gate, config, inside, processes.components(config))


def wait_for_api(config: ClusterConfig, inside: Box, tools: Path) -> None:
    """Wait for the API server alone, before its clients are started."""
    early = processes.components(config)[: processes.EARLY]
    _wait_for(gates(config, inside, tools)[0], config, inside, early)


def _wait_for(gate: Gate, config: ClusterConfig, inside: Box, started: tuple[Component, ...]) -> None:
    wait_until(
        lambda: gate.check() or _fail_if_dead(config, inside, started),
        seconds=SECONDS,
        what=gate.what,
        hint=f"Its log: {config.logs / gate.log}.log",
    )


def _fail_if_dead(config: ClusterConfig, inside: Box, started: tuple[Component, ...]) -> bool:
    """Waiting for a daemon that is gone would only hide its last words."""
    for component in (part for part in started if not processes.alive(config, inside, part)):
        log = config.logs / f"{component.name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise ClusterError(
            f"{component.name}: ended while the cluster was starting; the end of {log}:\n{tail}"
        )
    return False


def _applied(kubectl: list[str | Path], file: Path) -> bool:
    return succeeds([*kubectl, "apply", "--server-side", "--force-conflicts", "-f", file])


def _node_ready(kubectl: list[str | Path]) -> bool:
    try:
        nodes = json.loads(run([*kubectl, "get", "nodes", "-o", "json"]))["items"]
    except (ClusterError, subprocess.SubprocessError):
        return False
    conditions = [condition for node in nodes for condition in node["status"].get("conditions", [])]
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS):  # noqa: S310 - our own http address
            return True
    except OSError:
        return False
