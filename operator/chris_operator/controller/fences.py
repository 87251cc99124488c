"""Keeps the NetworkPolicies of tenants' namespaces: written before a run starts there, and now and then again."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from chris_operator.cluster import NETWORK_POLICIES, Cluster
from chris_operator.core.fences import Fence, policies

from .settings import NetworkSettings

_AGAIN = timedelta(minutes=10)
_PORTS = {"http": 80, "https": 443}


class Fences:
    """Writes the policies of one namespace at most every ten minutes, not with every run."""

    def __init__(self, cluster: Cluster, network: NetworkSettings) -> None:
        self._cluster, self._network = cluster, network
        self._written: dict[str, datetime] = {}

    async def ensure(self, namespace: str, swift_url: str, now: datetime) -> None:
        """Put up the fences of a namespace; what somebody changed or removed there is put back."""
        last = self._written.get(namespace)
        if last is not None and now - last < _AGAIN:
            return
        for policy in policies(fence(self._network, swift_url)):
            await self._cluster.apply(NETWORK_POLICIES, policy, namespace)
        self._written = {name: when for name, when in self._written.items() if now - when < _AGAIN}
        self._written[namespace] = now


def fence(network: NetworkSettings, swift_url: str) -> Fence:
    """The fence for a Swift at this address.

    >>> fence(NetworkSettings(), "https://swift.example.org").swift_ports
    (443,)
    """
    parts = urlsplit(swift_url)
    ports = network.swift_ports or (parts.port or _PORTS[parts.scheme],)
    return Fence(ports, network.swift_cidrs, network.dns_ports)
