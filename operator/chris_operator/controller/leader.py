"""One replica decides: a Lease, renewed every few seconds, taken over when it was not.

Failover bound: a leader that dies is replaced at most the Lease's duration and one look (an eighth of it)
after its last renewal: 17 s as shipped. A leader that was paused past its Lease finds it in other hands before
it writes again, and its late writes fail on their resourceVersion.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from chris_operator.cluster import LEASES, AlreadyExists, Cluster, ClusterError, Object

log = logging.getLogger(__name__)
LEASE = "chris-operator"
_LOOKS = 8
"""Looks at the Lease within its duration, each of which renews it."""
Begin = Callable[[], Coroutine[Any, Any, None]]
_MICRO = "%Y-%m-%dT%H:%M:%S.%fZ"


def failover_bound(duration: timedelta) -> timedelta:
    """How long after its last renewal a dead leader is replaced at most, but for the API server's own time."""
    return duration * (1 + 1 / _LOOKS)


class Leadership:
    """Knows whether this replica leads, and tells when that changes."""

    def __init__(self, cluster: Cluster, namespace: str, identity: str, duration: timedelta) -> None:
        self._cluster, self._namespace, self._identity = cluster, namespace, identity
        self._duration = duration.total_seconds()
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self._renewed_at = float("-inf")
        self.answered_at = asyncio.get_running_loop().time()
        """Loop time of the API server's last answer about the Lease."""

    @property
    def leading(self) -> bool:
        """Whether this replica may write; False as soon as its own Lease has run out."""
        return asyncio.get_running_loop().time() - self._renewed_at < self._duration

    async def run(self, gained: Begin, lost: Callable[[], Awaitable[None]]) -> None:
        """Take and keep the Lease for ever; raises what `gained` raises.

        `gained` runs beside the renewals: what it waits for may take longer than the Lease lasts. When the Lease is
        lost it is cancelled and `lost` is called.
        """
        begun: asyncio.Task[None] | None = None
        try:
            while True:
                await self._step()
                if begun is None and self.leading:
                    log.info("%s holds the Lease", self._identity)
                    begun = asyncio.create_task(gained())
                elif begun is not None and not self.leading:
                    log.info("%s lost the Lease", self._identity)
                    begun.cancel()
                    begun = None
                    await lost()
                await self._rest(begun)
        finally:
            if begun is not None:
                begun.cancel()

    async def _rest(self, begun: asyncio.Task[None] | None) -> None:
        """Wait for the next look; raises what ended `begun`."""
        pause = self._duration / _LOOKS
        if begun is None or begun.done():
            await asyncio.sleep(pause)
        else:
            await asyncio.wait([begun], timeout=pause)
        if begun is not None and begun.done():
            begun.result()

    async def _step(self) -> None:
        started = asyncio.get_running_loop().time()
        try:
            # Not `wait_for`: before Python 3.12 it forgets a cancellation that comes together with the answer.
            async with asyncio.timeout(self._duration / 2):
                taken = await self._try()
            if taken:
                self._renewed_at = started
            self.answered_at = started
        except (ClusterError, TimeoutError) as error:
            log.warning("the Lease could not be renewed: %s", error)

    async def _try(self) -> bool:
        lease = await self._cluster.find(LEASES, LEASE, self._namespace)
        if lease is None:
            return await self._create()
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") not in {self._identity, "", None} and not self._expired(spec):
            self._renewed_at = float("-inf")  # whatever our clock says: it is in other hands
            return False
        if spec.get("holderIdentity") != self._identity:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = _stamp()
        lease["spec"] = spec | self._claim()
        try:
            await self._cluster.replace(LEASES, lease)
        except ClusterError:
            return False  # somebody was faster; the next look will tell
        return True

    def _expired(self, spec: Object) -> bool:
        """Whether the holder has been silent for a whole duration by *our* clock: clocks may differ."""
        now = asyncio.get_running_loop().time()
        seen = (str(spec.get("holderIdentity")), str(spec.get("renewTime")))
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at >= float(spec.get("leaseDurationSeconds") or self._duration)

    def _claim(self) -> Object:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "renewTime": _stamp(),
        }

    async def _create(self) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE},
            "spec": self._claim() | {"acquireTime": _stamp(), "leaseTransitions": 0},
        }
        try:
            await self._cluster.create(LEASES, body, self._namespace)
        except AlreadyExists:
            return False
        return True

    async def release(self) -> None:
        """Give the Lease back on the way out, so that the standby need not wait."""
        if not self.leading:
            return
        self._renewed_at = float("-inf")
        lease = await self._cluster.find(LEASES, LEASE, self._namespace)
        if lease and lease["spec"].get("holderIdentity") == self._identity:
            lease["spec"]["holderIdentity"] = ""
            await self._cluster.replace(LEASES, lease)


def _stamp() -> str:
    return datetime.now(UTC).strftime(_MICRO)
