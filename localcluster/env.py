"""The shell file that tells tests and users how to reach the cluster."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from localcluster import files
from localcluster.config import CHECKOUT, MARK, ClusterConfig


@dataclass(frozen=True)
class Access:
    """How a cluster is reached, whatever made it."""

    name: str
    kind: str
    kubeconfig: Path
    state: Path
    node: str = ""
    """This and what follows is empty where it is not ours to know."""
    host: str = ""
    """How pods and the container runtime reach servers of this machine."""
    pods: str = ""
    services: str = ""
    certs_d: Path | None = None
    """containerd's directory of registry hosts, where it can be written from here."""


def of(config: ClusterConfig) -> Access:
    """Access to a cluster in a box."""
    return Access(
        config.name,
        "localcluster",
        config.kubeconfig,
        config.state,
        str(config.node_address),
        str(config.host_address),
        str(config.pod_range),
        str(config.service_range),
        config.settings / "certs.d",
    )


def text(access: Access, binaries: Path | None) -> str:
    """Contents of build/env: our plugin of kubectl is on PATH, and `binaries` unless the user's own are to be used."""
    values = {
        "KUBECONFIG": str(access.kubeconfig),
        "CLUSTER_NAME": access.name,
        "CLUSTER_KIND": access.kind,
        "CLUSTER_MARK": MARK,
        "CLUSTER_STATE": str(access.state),
        "CLUSTER_LOGS": str(access.state / "log"),
        "AUDIT_LOG": str(access.state / "log" / "audit.log"),
        "NODE_ADDRESS": access.node,
        "HOST_ADDRESS": access.host,
        "POD_CIDR": access.pods,
        "SERVICE_CIDR": access.services,
        "REGISTRY_HOSTS": str(access.certs_d or ""),
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    path = ":".join(shlex.quote(str(each)) for each in (CHECKOUT / "bin", binaries) if each)
    return "\n".join([*lines, f'export PATH={path}:"$PATH"', ""])


def write(access: Access, file: Path, binaries: Path | None) -> None:
    """Write the file atomically."""
    files.write(file, text(access, binaries))
