"""What distinguishes one local cluster from another: its name, directories and address ranges."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
MODULES = Path(__file__).resolve().parent / "modules"
KUBERNETES_VERSION = "v1.36.2"
MAIN = "main"
MARK = "chris-localcluster"
"""Name of the ConfigMap in kube-system that says: this cluster may be disturbed by tests."""

MAX_CLUSTERS = 6
"""Node ranges end where service ranges begin: 10.90 … 10.95 against 10.96."""


def cache_dir() -> Path:
    """Directory shared by all checkouts of this user: binaries, image archives, the build store."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "chris-on-kubernetes"


@dataclass(frozen=True)
class ClusterConfig:
    """One cluster. `index` numbers the clusters of this machine and chooses all its ranges."""

    name: str
    index: int
    checkout: Path
    cache: Path

    @property
    def state(self) -> Path:
        """Everything this cluster writes; removed by `down` except for the logs."""
        build = self.checkout / "build"
        return build / "cluster" if self.name == MAIN else build / "clusters" / self.name

    @property
    def logs(self) -> Path:
        """One file per component, and the API server's audit log."""
        return self.state / "log"

    @property
    def run(self) -> Path:
        """Process ids, as seen inside the box."""
        return self.state / "run"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def settings(self) -> Path:
        """Configuration files and kubeconfigs of the components."""
        return self.state / "settings"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def env_file(self) -> Path:
        """Shell file that says how to reach the cluster."""
        return self.checkout / "build" / "env" if self.name == MAIN else self.state / "env"

    @property
    def link(self) -> str:
        """The host's end of the veth pair; its existence claims the index on this machine."""
        return f"chris{self.index}"

    @property
    def cgroup(self) -> str:
        """The cgroup below which the box and all its pods live."""
        return f"chris{self.index}"

    @property
    def node_range(self) -> IPv4Network:
        """Addresses of the node and of the host's end of the veth pair."""
        return IPv4Network(f"10.{90 + self.index}.0.0/24")

    @property
    def pod_range(self) -> IPv4Network:
        """Addresses of pods."""
        return IPv4Network(f"10.{244 + self.index}.0.0/16")

    @property
    def service_range(self) -> IPv4Network:
        """ClusterIPs."""
        return IPv4Network(f"10.{96 + self.index}.0.0/16")

    @property
    def node_address(self) -> IPv4Address:
        """Where the API server, the kubelet and DNS listen."""
        return self.node_range[1]

    @property
    def host_address(self) -> IPv4Address:
        """How the machine itself is reached from inside the box."""
        return self.node_range[254]

    @property
    def api_url(self) -> str:
        """Address of the API server, from the host and from pods."""
        return f"https://{self.node_address}:6443"

    @property
    def ranges(self) -> tuple[IPv4Network, IPv4Network, IPv4Network]:
        """All addresses the cluster takes: node, pods, services."""
        return (self.node_range, self.pod_range, self.service_range)
