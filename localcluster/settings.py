"""Configuration files of the components, as text: pure functions of the cluster's configuration."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.config import MARK, ClusterConfig

PAUSE_IMAGE = "localhost/chris/pause:1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class Machine:
    """What containerd uses of the machine it runs on."""

    root: Path
    """containerd's own directory: images and snapshots outlive the cluster, so that the next one starts sooner."""
    runc: str
    cni_plugins: str
    apparmor: bool


def files(config: ClusterConfig, machine: Machine) -> dict[str, str]:
    """Name and text of every file under the cluster's `settings` directory."""
    return {
        "containerd.toml": containerd_toml(config, machine),
        "cni/10-chris.conflist": json.dumps(cni(config), indent=1),
        "kubelet.json": json.dumps(kubelet(config), indent=1),
        "audit-policy.json": json.dumps(AUDIT_POLICY, indent=1),
        "Corefile": corefile(config),
        "base.json": json.dumps(base_objects(config), indent=1),
    }


def containerd_toml(config: ClusterConfig, machine: Machine) -> str:
    """Version 2.3 of containerd: snapshots on overlayfs, images by import or from a registry named in certs.d."""
    cri = "plugins.'io.containerd.cri.v1"
    return f"""version = 3
root = "{machine.root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs", "io.containerd.nri.v1.nri",
]
[grpc]
  address = "{CONTAINERD_SOCKET}"
[{cri}.images']
  snapshotter = "overlayfs"
[{cri}.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[{cri}.images'.registry]
  config_path = "{config.settings / "certs.d"}"
[{cri}.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = {json.dumps(not machine.apparmor)}
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
[{cri}.runtime'.cni]
  bin_dirs = ["{machine.cni_plugins}"]
  conf_dir = "{config.settings / "cni"}"
[{cri}.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{machine.runc}"
  SystemdCgroup = false
"""


def cni(config: ClusterConfig) -> dict[str, Any]:
    """Pods on point-to-point links: all their traffic is routed, so Services work without br_netfilter."""
    pods = next(config.pod_range.subnets(new_prefix=24))
    return {
        "cniVersion": "0.4.0",
        "name": "chris",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "ranges": [[{"subnet": str(pods)}]],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(config: ClusterConfig) -> dict[str, Any]:
    """KubeletConfiguration. Images are never collected: what was imported cannot be pulled again."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "x509": {"clientCAFile": str(config.pki / "ca.crt")},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "address": str(config.node_address),
        "healthzBindAddress": "127.0.0.1",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{config.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "clusterDNS": [str(config.node_address)],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1Gi",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1Gi",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "registerWithTaints": [],
    }


AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def corefile(config: ClusterConfig) -> str:
    """DNS for cluster.local and the pods' reverse names; nothing outside is resolved."""
    return f""".:53 {{
    errors
    ready :8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {config.settings / "coredns.kubeconfig"}
        pods insecure
    }}
    cache 30
}}
"""


def base_objects(config: ClusterConfig) -> dict[str, Any]:
    """Objects every local cluster carries: its mark, and what CoreDNS may read."""
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": MARK, "namespace": "kube-system"},
                "data": {"cluster": config.name, "madeBy": "localcluster"},
            },
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "system:coredns"},
                "rules": rules,
            },
            {
                "apiVersion": f"{rbac}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "system:coredns"},
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:coredns"},
                "subjects": [{"apiGroup": rbac, "kind": "User", "name": "system:coredns"}],
            },
        ],
    }
