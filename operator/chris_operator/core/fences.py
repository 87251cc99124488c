"""What a tenant's runs may reach over the network: Swift and the cluster's DNS, unless the Plugin says more.

NetworkPolicies add up, so there are two: one that fences all runs in, and one that opens the world to
the pods of plugins that declare `network: egress`. Nobody reaches a run from outside. A cluster whose
network does not enforce policies ignores them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .names import EGRESS_LABEL, RUN_UID_LABEL

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fence:
    """Where Swift and DNS answer, as the packets see it: behind a Service, its pods' own ports."""

    swift_ports: Sequence[int]
    swift_cidrs: Sequence[str] = ()
    """Address ranges of Swift; none: its ports are open to any address."""
    dns_ports: Sequence[int] = (53,)


def policies(fence: Fence) -> tuple[Manifest, ...]:
    """The NetworkPolicies of a tenant's namespace."""
    dns = {
        "ports": [{"protocol": how, "port": port} for port in fence.dns_ports for how in ("UDP", "TCP")],
        "to": [{"namespaceSelector": {}}],
    }
    swift: Manifest = {"ports": [{"protocol": "TCP", "port": port} for port in fence.swift_ports]}
    if fence.swift_cidrs:
        swift["to"] = [{"ipBlock": {"cidr": each}} for each in fence.swift_cidrs]
    runs = {"matchExpressions": [{"key": RUN_UID_LABEL, "operator": "Exists"}]}
    return (
        _policy("chris-runs", runs, ["Ingress", "Egress"], [dns, swift]),
        _policy("chris-runs-egress", {"matchLabels": {EGRESS_LABEL: "egress"}}, ["Egress"], [{}]),
    )


def _policy(name: str, whom: Manifest, kinds: list[str], egress: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "chris-operator"}},
        "spec": {"podSelector": whom, "policyTypes": kinds, "egress": egress},
    }
