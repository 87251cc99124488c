"""The heartbeat: our own Lease, as a watch shows it.

Whoever leads renews the Lease every few seconds, so a replica whose watches live sees it change that often, the
standby as well. That this process answers HTTP, or that its requests are answered, proves nothing of the kind:
a watch whose connection was forgotten on the way stays open and silent for ever.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from chris_operator.cluster import LEASES, Cluster, Resource

from .informer import Informer
from .leader import LEASE
from .store import Name


class Heartbeat:
    """Listens to the watch of this one Lease, and to no other: nodes have some too."""

    def __init__(self) -> None:
        self._version = ""
        self._seen_at = asyncio.get_running_loop().time()

    def informer(self, cluster: Cluster, namespace: str) -> Informer:
        """What brings the beats."""
        only = f"metadata.name={LEASE}"
        return Informer(cluster, LEASES, self, lambda _: None, namespace=namespace, fields=only)

    def shown(self, resource: Resource, body: Mapping[str, Any]) -> None:
        """A mere listing is no sign of life: it is a request that was answered."""

    def heard(self, resource: Resource, kind: str, body: Mapping[str, Any]) -> None:  # noqa: ARG002  Listener's form
        """The watch brings something; a version that it showed before is no beat."""
        version = str(body["metadata"]["resourceVersion"])
        if version != self._version:
            self._version, self._seen_at = version, asyncio.get_running_loop().time()

    def missing(self, resource: Resource, listed: set[Name], version: int) -> None:
        """Whether the Lease exists is for `leader` to see to."""

    @property
    def age(self) -> float:
        """Seconds since the last beat or, before the first, since the start."""
        return asyncio.get_running_loop().time() - self._seen_at

    def problem(self, bound: float) -> str:
        """What is wrong when the last beat is older than `bound` seconds; empty while all is well."""
        if self.age <= bound:
            return ""
        return (
            f"the watch of the Lease {LEASE} has shown no change for {self.age:.0f} s: the watches are dead"
        )
