"""Data that outlive their run: remembered, and swept when Swift answers again and nobody refers to them any more.

A deleted run waits for its data to be gone, but not for ever: a dead Swift must not keep a namespace from going. After
a bounded time its place in Swift is written down here and the resource is let go; at once, where other runs' manifests
refer to its data. So is that of a run whose pods on a lost cluster may go on: it is swept until their signatures end.
"""

import asyncio
import hashlib
import logging
from datetime import datetime

from chris_operator.cluster import CONFIG_MAPS, AlreadyExists, Cluster
from chris_operator.core.conditions import timestamp
from chris_operator.core.names import referenced
from chris_operator.storage import Storage

from .references import References

log = logging.getLogger(__name__)
CONFIG_MAP = "chris-tombstones"


class Tombstones:
    """The places in Swift whose runs are gone and that are still full."""

    def __init__(self, cluster: Cluster, storage: Storage, namespace: str, references: References) -> None:
        self._cluster, self._storage, self._namespace = cluster, storage, namespace
        self._references = references

    async def bury(self, prefix: str, until: datetime | None = None) -> None:
        """Write a place down; returns when it is remembered. It is swept again until the moment given."""
        text = f"{timestamp(until)} {prefix}" if until else prefix
        key = hashlib.sha256(prefix.encode()).hexdigest()[:32]
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP},
            "data": {key: text},
        }
        try:
            await self._cluster.create(CONFIG_MAPS, body, self._namespace)
        except AlreadyExists:
            await self._cluster.merge(CONFIG_MAPS, CONFIG_MAP, self._namespace, {"data": {key: text}})
        log.info("the data below %s are swept when Swift answers and no run refers to them", prefix)

    async def sweep(self) -> None:
        """Remove what was written down and is not needed; raises StorageError while Swift does not answer."""
        found = await self._cluster.find(CONFIG_MAPS, CONFIG_MAP, self._namespace)
        for key, text in ((found or {}).get("data") or {}).items():
            until, _, prefix = text.rpartition(" ")
            if any(self._references.hold(number) for number in referenced([prefix])):
                continue
            count = await asyncio.to_thread(self._storage.delete_prefix, prefix)
            if until and datetime.fromisoformat(until) > self._cluster.clock.now():
                continue
            await self._cluster.merge(CONFIG_MAPS, CONFIG_MAP, self._namespace, {"data": {key: None}})
            log.info("swept %d objects below %s", count, prefix)
