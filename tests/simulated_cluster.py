"""A real control plane over simulated nodes: kwok plays every kubelet, by the clock and without a container.

    with simulated_cluster(200, played(program)) as server:
        server.client()

etcd, kube-apiserver, controller manager and scheduler are those of the local cluster, the last two with API limits
that do not hold them back. Unlike an `ApiServer` alone, Jobs get pods here, pods get nodes, and garbage is collected.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from localcluster import binaries
from localcluster.config import cache_dir
from tests.apiserver import ApiServer, ServerError, binary_directory, process
from tests.kubeclient import Client, Object

API_LIMITS = ("--kube-api-qps=2000", "--kube-api-burst=4000")
"""Far above what one machine can do; the defaults (20 and 50 a second) would be all that is measured."""
JOB_SYNCS = 50
PLAYERS = 16
NODE = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "2Ti", "pods": "110"}
"""What each node has: room for all pods at once, so that nobody waits for a place."""
READY_SECONDS = 120.0


@contextmanager
def simulated_cluster(nodes: int, stages: Sequence[Object], *apiserver_options: str) -> Iterator[ApiServer]:
    """A cluster whose nodes are ready; `stages` are what becomes of pods (kwok's own kind)."""
    programs = binary_directory()
    kwok = binaries.ensure(cache_dir(), binaries.KWOK) / "kwok"
    with ExitStack() as stack:
        server = stack.enter_context(ApiServer.running(*apiserver_options))
        kubeconfig = f"--kubeconfig={server.kubeconfig()}"
        commands = {
            "kube-controller-manager": [
                str(programs / "kube-controller-manager"),
                f"--concurrent-job-syncs={JOB_SYNCS}",
                *_ALONE,
            ],
            "kube-scheduler": [str(programs / "kube-scheduler"), *_ALONE],
            "kwok": [
                str(kwok),
                f"--config={_kwok_file(server.directory, stages)}",
                "--manage-all-nodes",
                "--v=WARN",
            ],
        }
        for name, command in commands.items():
            stack.enter_context(process([*command, kubeconfig], server.directory / f"{name}.log"))
        with server.client() as admin:
            try:
                add_nodes(admin, nodes)
            except TimeoutError as error:
                raise ServerError(f"{error}; the logs end:\n{server.log_tail()}") from error
        yield server


_ALONE = (*API_LIMITS, "--leader-elect=false", "--secure-port=0")
"""One process of each kind, and nobody asks it anything."""


def _kwok_file(directory: Path, stages: Sequence[Object]) -> Path:
    """kwok's configuration: how fast it plays, and what."""
    options = {
        "podPlayStageParallelism": PLAYERS,
        "nodePlayStageParallelism": PLAYERS,
        "nodeLeaseParallelism": 4,
        "nodeLeaseDurationSeconds": 40,  # as kubelets': a renewal every ten seconds
        "podsOnNodeSyncParallelism": 4,
    }
    configuration = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": options,
    }
    file = directory / "kwok.yaml"
    file.write_text("\n---\n".join(json.dumps(each) for each in (configuration, *_NODE_STAGES, *stages)))
    return file


def stage(
    name: str,
    kind: str,
    when: Sequence[tuple[str, str, Sequence[str]]],
    status: str = "",
    *,
    seconds: tuple[float, float] = (0, 0),
    **following: Any,
) -> Object:
    """What happens to objects of a kind about which `when` (jq path, operator, values) holds, so many seconds later."""
    least, most = (round(each * 1000) for each in seconds)
    expressions = [
        {"key": key, "operator": operator} | ({"values": list(values)} if values else {})
        for key, operator, values in when
    ]
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": expressions},
            "delay": {"durationMilliseconds": least, "jitterDurationMilliseconds": most},
            "next": following | ({"statusTemplate": status} if status else {}),
        },
    }


_READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
_NODE_CONDITIONS = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- {lastHeartbeatTime: {{ $now | Quote }}, lastTransitionTime: {{ $now | Quote }}, message: {{ .message | Quote }},
   reason: {{ .reason | Quote }}, status: {{ .status | Quote }}, type: {{ .type | Quote }}}
{{ end }}
phase: Running
"""
_NODE_STAGES = (stage("node-ready", "Node", [(_READY, "NotIn", ["True"])], _NODE_CONDITIONS),)


def add_nodes(admin: Client, count: int) -> None:
    """Nodes that are ready; their kubelets' Leases are kwok's to renew."""
    for number in range(count):
        name = f"node-{number:03}"
        admin.create(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "status": {"allocatable": NODE, "capacity": NODE},
            }
        )
    for number in range(count):
        admin.wait("Node", f"node-{number:03}", until=_usable, seconds=READY_SECONDS)


def _usable(node: Object) -> bool:
    """Whether the scheduler may use it: its kubelet says so, and the node controller has taken its taint off."""
    conditions = node.get("status", {}).get("conditions") or []
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node["spec"].get("taints")
