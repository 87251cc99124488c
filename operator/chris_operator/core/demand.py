"""What the containers of a pod ask the cluster for, and how much of it they may use.

A run of priority `slack` takes what others claimed and do not use: it claims no CPU and no memory, so it fits on a
node that is fully claimed, gets the CPU time that is left (its weight is the least there is), and is what the kubelet
evicts and the kernel kills first. Its limits are everybody's, so it takes no more than the program needs. Disk is
claimed as ever: it cannot be taken back, and it bounds how many such pods a node gets.
"""

from dataclasses import dataclass
from typing import Any, Literal

MIB = 1 << 20
GIB = 1 << 30
_STAGING_MEMORY = 256 * MIB
_NOTHING = {"cpu": "0", "memory": "0"}
Manifest = dict[str, Any]
Priority = Literal["urgent", "normal", "slack"]


@dataclass(frozen=True, slots=True)
class Resources:
    """What the plugin's container gets: millicores, bytes, whole GPUs."""

    cpu_millis: int = 1000
    memory_bytes: int = 200 * MIB
    gpus: int = 0
    disk_bytes: int = 10 * GIB


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """How GPUs are asked for in this installation."""

    resource: str = "nvidia.com/gpu"
    """Name of the extended resource that a device plugin counts."""
    claim_template: str = ""
    """Name of a ResourceClaimTemplate for one GPU, in every tenant's namespace; empty: GPUs are counted."""


def priority_class(priority: Priority) -> str:
    """Name of the PriorityClass; it comes with our manifests."""
    return f"chris-{priority}"


def staging(priority: Priority, disk: int) -> Manifest:
    """The resources of stage-in and publish."""
    claimed = _NOTHING if priority == "slack" else {"cpu": "100m", "memory": str(64 * MIB)}
    return {
        "requests": claimed | {"ephemeral-storage": str(16 * MIB)},
        "limits": {"cpu": "2", "memory": str(_STAGING_MEMORY), "ephemeral-storage": str(disk)},
    }


def plugin(priority: Priority, resources: Resources, disk: int, gpu: GpuSettings) -> Manifest:
    """The resources of the program's container; GPUs are whole, so slack or not they are claimed."""
    most = {"cpu": f"{resources.cpu_millis}m", "memory": str(resources.memory_bytes)}
    counted = {gpu.resource: str(resources.gpus)} if resources.gpus and not gpu.claim_template else {}
    claimed = (_NOTHING if priority == "slack" else most) | counted
    claims = [{"name": each["name"]} for each in gpu_claims(resources, gpu)]
    return {
        "requests": claimed | {"ephemeral-storage": str(min(disk, GIB))},
        "limits": most | counted | {"ephemeral-storage": str(disk)},
    } | ({"claims": claims} if claims else {})


def gpu_claims(resources: Resources, gpu: GpuSettings) -> list[Manifest]:
    """The pod's claims by dynamic resource allocation: one for each GPU."""
    if not gpu.claim_template:
        return []
    return [
        {"name": f"gpu-{number}", "resourceClaimTemplateName": gpu.claim_template}
        for number in range(resources.gpus)
    ]
