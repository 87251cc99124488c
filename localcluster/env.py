"""The shell file that tells tests and users how to reach the cluster."""

import os
import shlex
from pathlib import Path

from localcluster.config import MARK, ClusterConfig


def text(config: ClusterConfig, binaries: Path, kind: str = "localcluster") -> str:
    """Contents of build/env; HOST_ADDRESS is how pods and containerd reach servers of this machine."""
    values = {
        "KUBECONFIG": str(config.kubeconfig),
        "CLUSTER_NAME": config.name,
        "CLUSTER_KIND": kind,
        "CLUSTER_MARK": MARK,
        "CLUSTER_STATE": str(config.state),
        "CLUSTER_LOGS": str(config.logs),
        "API_URL": config.api_url,
        "NODE_ADDRESS": str(config.node_address),
        "HOST_ADDRESS": str(config.host_address),
        "POD_CIDR": str(config.pod_range),
        "SERVICE_CIDR": str(config.service_range),
        "REGISTRY_HOSTS": str(config.settings / "certs.d"),
        "AUDIT_LOG": str(config.logs / "audit.log"),
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    return "\n".join([*lines, f'export PATH={shlex.quote(str(binaries))}:"$PATH"', ""])


def write(config: ClusterConfig, binaries: Path) -> None:
    """Write the file atomically."""
    config.env_file.parent.mkdir(parents=True, exist_ok=True)
    draft = config.env_file.with_name("env.tmp")
    draft.write_text(text(config, binaries))
    os.replace(draft, config.env_file)
