"""The cluster's daemons: their command lines, starting them in the box, telling whether they live."""

from dataclasses import dataclass, field
from pathlib import Path

from localcluster import files
from localcluster.box import Box
from localcluster.config import ClusterConfig

COMM_LENGTH = 15
"""The kernel keeps that many characters of a process's name."""

EARLY = 3
"""So many of the components do not depend on the API server's answering."""


@dataclass(frozen=True)
class Component:
    """One daemon of the cluster; `name` is its binary, its log and its process."""

    name: str
    flags: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)

    @property
    def comm(self) -> str:
        """What the kernel calls the process."""
        return self.name[:COMM_LENGTH]


def components(config: ClusterConfig) -> tuple[Component, ...]:
    """Every daemon, in the order in which they are started."""
    return (
        Component("etcd", _etcd(config)),
        Component("kube-apiserver", _apiserver(config)),
        Component("containerd", ("--config", str(config.settings / "containerd.toml"))),
        Component("kube-controller-manager", _controller_manager(config)),
        Component("kube-scheduler", _scheduler(config)),
        Component("kubelet", _kubelet(config)),
        Component("kube-proxy", _kube_proxy(config)),
        Component("coredns", ("-conf", str(config.settings / "Corefile"))),
    )


def start(config: ClusterConfig, box: Box, binaries: Path, component: Component) -> None:
    """Start one daemon; its log grows over restarts."""
    # containerd looks for its shim on PATH: the one built with it must come first.
    path = f"{binaries}:/usr/sbin:/usr/bin:/sbin:/bin"
    env = {"PATH": path, "HOME": "/root", **component.env}
    log = config.logs / f"{component.name}.log"
    pid = box.spawn([binaries / component.name, *component.flags], log, env)
    files.write(config.run / f"{component.name}.pid", str(pid))


def alive(config: ClusterConfig, box: Box, component: Component) -> bool:
    """Whether the daemon that was started last still runs."""
    try:
        pid = int((config.run / f"{component.name}.pid").read_text())
    except (FileNotFoundError, ValueError):
        return False
    return box.comm(pid) == component.comm


def dead(config: ClusterConfig, box: Box) -> list[Component]:
    """Daemons that do not run."""
    return [component for component in components(config) if not alive(config, box, component)]


def _etcd(config: ClusterConfig) -> tuple[str, ...]:
    return (
        f"--data-dir={config.state / 'etcd'}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        # A development cluster starts empty after every crash of the machine: no write needs to reach the disk.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _apiserver(config: ClusterConfig) -> tuple[str, ...]:
    pki = config.pki
    return (
        f"--advertise-address={config.node_address}",
        "--secure-port=6443",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--service-cluster-ip-range={config.service_range}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--endpoint-reconciler-type=master-count",
        "--kubelet-preferred-address-types=InternalIP",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--audit-policy-file={config.settings / 'audit-policy.json'}",
        f"--audit-log-path={config.logs / 'audit.log'}",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=3",
    )


def _controller_manager(config: ClusterConfig) -> tuple[str, ...]:
    kubeconfig = config.settings / "kube-controller-manager.kubeconfig"
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={config.pod_range}",
        f"--service-cluster-ip-range={config.service_range}",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--root-ca-file={config.pki / 'ca.crt'}",
        f"--service-account-private-key-file={config.pki / 'sa.key'}",
        f"--cluster-signing-cert-file={config.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={config.pki / 'ca.key'}",
    )


def _scheduler(config: ClusterConfig) -> tuple[str, ...]:
    kubeconfig = config.settings / "kube-scheduler.kubeconfig"
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    )


def _kubelet(config: ClusterConfig) -> tuple[str, ...]:
    return (
        f"--config={config.settings / 'kubelet.json'}",
        f"--kubeconfig={config.settings / 'kubelet.kubeconfig'}",
        "--root-dir=/var/lib/kubelet",
        "--cert-dir=/var/lib/kubelet/pki",
        "--hostname-override=node",
        f"--node-ip={config.node_address}",
    )


def _kube_proxy(config: ClusterConfig) -> tuple[str, ...]:
    return (
        f"--kubeconfig={config.settings / 'kube-proxy.kubeconfig'}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={config.pod_range}",
        "--conntrack-max-per-core=0",
        "--hostname-override=node",
        f"--bind-address={config.node_address}",
    )
