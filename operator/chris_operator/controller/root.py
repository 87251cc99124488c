"""Whose Swift this is: the container's root records the cluster that owns it.

Two clusters over one Swift would give the same numbers to different runs and overwrite each other's data,
so a root that belongs to another cluster is refused until an administrator says that it moved here.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from chris_operator.cluster import NAMESPACES, Cluster
from chris_operator.storage import PreconditionFailed, Storage, Unavailable

OWNER = ".chris/cluster.json"


class ForeignRoot(Exception):  # noqa: N818  a state of the installation, not a failing call
    """The Swift container belongs to another cluster."""


class OwnStorage(Storage):
    """Swift as everything but `claim` uses it: closed until its root is known to be this cluster's."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.unclaimed = Storage(values)
        """The same Swift for `claim` itself."""
        self.closed = "not claimed yet"
        """Why nothing may be asked; empty once the root is ours."""

    def _guard(self, object: str, act: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        if self.closed:
            raise Unavailable(self.container, "the root waits for its claim", self.closed)
        return super()._guard(object, act, *args, **kwargs)


async def claim(cluster: Cluster, storage: Storage, adopt: str | None) -> str:
    """Make sure that the root is ours and return this cluster's UID; raises ForeignRoot naming the owner."""
    here: str = (await cluster.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
    await asyncio.to_thread(storage.ensure_container)
    await asyncio.to_thread(storage.ensure_temp_url_key)
    owner = await asyncio.to_thread(storage.get_json, OWNER)
    if owner is None:
        try:
            await asyncio.to_thread(storage.put_json, OWNER, {"cluster": here}, create=True)
        except PreconditionFailed:
            return await claim(cluster, storage, adopt)
        return here
    if owner["cluster"] == here:
        return here
    if owner["cluster"] != adopt:
        raise ForeignRoot(
            f"this Swift container belongs to cluster {owner['cluster']}, and this is cluster {here}: if that "
            f"cluster is gone, start the operator with --adopt-swift-root={owner['cluster']}"
        )
    await asyncio.to_thread(storage.put_json, OWNER, {"cluster": here, "adoptedFrom": owner["cluster"]})
    return here
