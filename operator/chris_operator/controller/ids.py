"""Numbers for resources: sequential per kind, never given twice, also not on a new cluster over old data.

An id names a place in Swift. So the high-water mark stands in a ConfigMap *and* in Swift, and is written
to both before any number of its block is used; allocation starts above the maximum of both and of all
resources that exist. Numbers are handed out from memory, one write per block.
"""

import asyncio
import json
from typing import Any

from chris_operator.cluster import CONFIG_MAPS, Cluster, NotFound, Resource
from chris_operator.storage import Storage

MARKS = ".chris/ids.json"
CONFIG_MAP = "chris-ids"
_BLOCK = 64
PLUGIN_ONE = "pl-dircopy"
"""ChRIS clients expect plugin 1 to be this one."""


class Ids:
    """The only giver of numbers; lives as long as this replica leads."""

    def __init__(self, cluster: Cluster, storage: Storage, namespace: str) -> None:
        self._cluster, self._storage, self._namespace = cluster, storage, namespace
        self._next: dict[str, int] = {}
        self._end: dict[str, int] = {}
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """Leadership was lost: another replica gives numbers now."""
        self._next.clear()
        self._end.clear()

    async def take(self, resource: Resource, highest_seen: int) -> int:
        """The next number of a kind; raises StorageError while Swift cannot be read or written."""
        kind = resource.plural
        async with self._lock:
            if self._next.get(kind, 0) >= self._end.get(kind, 0):
                await self._reserve(kind, highest_seen)
            number = self._next[kind]
            self._next[kind] = number + 1
            return number

    async def _reserve(self, kind: str, highest_seen: int) -> None:
        stored = await asyncio.to_thread(self._storage.get_json, MARKS) or {}
        mapped = await self._config_map()
        # Number 1 of the Plugins is promised to pl-dircopy, so it is never handed out here.
        reserved = 1 if kind == "plugins" else 0
        top = max(int(stored.get(kind, 0)), int(mapped.get(kind, 0)), highest_seen, reserved)
        # Of every kind the higher mark is kept: either store may have been restored from a backup.
        marks = {each: max(int(stored.get(each, 0)), mapped.get(each, 0)) for each in {*stored, *mapped}}
        marks[kind] = top + _BLOCK
        await asyncio.to_thread(self._storage.put_json, MARKS, marks)
        await self._write_config_map(marks)
        self._next[kind], self._end[kind] = top + 1, top + 1 + _BLOCK

    async def _config_map(self) -> dict[str, Any]:
        try:
            found = await self._cluster.get(CONFIG_MAPS, CONFIG_MAP, self._namespace)
        except NotFound:
            return {}
        return {kind: int(mark) for kind, mark in (found.get("data") or {}).items()}

    async def _write_config_map(self, marks: dict[str, Any]) -> None:
        data = {kind: json.dumps(mark) for kind, mark in marks.items()}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, "data": data}
        if await self._cluster.find(CONFIG_MAPS, CONFIG_MAP, self._namespace) is None:
            await self._cluster.create(CONFIG_MAPS, body, self._namespace)
        else:
            await self._cluster.merge(CONFIG_MAPS, CONFIG_MAP, self._namespace, {"data": data})
