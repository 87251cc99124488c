"""Lists and watches one kind for ever, and hands on what it hears.

kopf does the same for kinds of which there are few. It keeps a task, a queue and a record for each object and wakes
all of them for each that it lists, which is too much for kinds of which there are tens of thousands.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chris_operator.cluster import Cluster, ClusterError, Gone, Resource

from .store import Name, name_of

log = logging.getLogger(__name__)
RELIST_SECONDS = 600
"""Everything is listed again so often, so a lost event costs that long at most."""
_PAUSE_SECONDS = 1.0
_BREATH = 50
"""Objects taken in at a time, before others get their turn."""


class Listener(Protocol):
    """Whoever wants to know."""

    def shown(self, resource: Resource, body: Mapping[str, Any]) -> None:
        """A list shows this object, most often as it was."""

    def heard(self, resource: Resource, kind: str, body: Mapping[str, Any]) -> None:
        """Something happened to an object (ADDED, MODIFIED), or it was DELETED."""

    def missing(self, resource: Resource, listed: set[Name], version: int) -> None:
        """A whole list of that resourceVersion shows these and no others."""


@dataclass
class Informer:
    """One kind's list and watch."""

    cluster: Cluster
    resource: Resource
    listener: Listener
    listed: Callable[[Resource], None]
    """Called after each whole list."""
    labels: str = ""
    namespace: str | None = None
    fields: str = ""
    troubled: Callable[[ClusterError], None] = lambda _: None
    """Called whenever the API server does not answer as it should."""
    heard_at: float = float("-inf")
    """Loop time of the last word from the API server about this kind, bookmarks included."""

    async def run(self) -> None:
        """List and watch until cancelled; whatever fails is tried again."""
        while True:
            try:
                await self._follow(await self._list())
            except Gone:
                log.info("%s: listed again, the watch was left behind", self.resource.plural)
            except ClusterError as error:
                log.warning("%s: %s", self.resource.plural, error)
                self.troubled(error)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _list(self) -> str:
        names: set[Name] = set()
        version = ""
        chunks = self.cluster.chunks(self.resource, self.namespace, labels=self.labels, fields=self.fields)
        async for items, listed_version in chunks:
            version = listed_version
            self._alive()
            for number, body in enumerate(items):
                names.add(name_of(body))
                self.listener.shown(self.resource, body)
                if number % _BREATH == 0:
                    await asyncio.sleep(0)
        self.listener.missing(self.resource, names, int(version))
        self.listed(self.resource)
        return version

    async def _follow(self, version: str) -> None:
        """Watch until it is time to list again; a stream that breaks is taken up where it broke."""
        end = asyncio.get_running_loop().time() + RELIST_SECONDS
        while (left := end - asyncio.get_running_loop().time()) > 1:
            try:
                stream = self.cluster.watch(
                    self.resource,
                    version,
                    self.namespace,
                    labels=self.labels,
                    fields=self.fields,
                    seconds=int(left),
                )
                async for kind, body in stream:
                    self._alive()
                    version = body["metadata"]["resourceVersion"]
                    if kind != "BOOKMARK":
                        self.listener.heard(self.resource, kind, body)
            except Gone:
                raise
            except ClusterError as error:
                log.warning("%s: %s", self.resource.plural, error)
                self.troubled(error)
                await asyncio.sleep(_PAUSE_SECONDS)

    def _alive(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()
