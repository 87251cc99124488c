"""The part of an API server that knows Leases, over real HTTP: enough to see two replicas compete in milliseconds."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from chris_operator.cluster import Cluster

_COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
Object = dict[str, Any]


class LeaseServer:
    """Keeps one Lease with its resourceVersion; `broken` makes it answer nothing but 503."""

    def __init__(self) -> None:
        self.lease: Object | None = None
        self.broken = False
        self.version = 0
        self.writes = asyncio.Condition()

    @property
    def holder(self) -> str:
        """Who holds the Lease."""
        return str((self.lease or {"spec": {}})["spec"].get("holderIdentity", ""))

    async def until_writes(self, count: int) -> None:
        """Wait for so many more writes."""
        wanted = self.version + count
        async with self.writes:
            await asyncio.wait_for(self.writes.wait_for(lambda: self.version >= wanted), 30)

    async def _store(self, body: Object, status: int) -> web.Response:
        async with self.writes:
            self.version += 1
            body["metadata"]["resourceVersion"] = str(self.version)
            self.lease = body
            self.writes.notify_all()
        return web.json_response(body, status=status)

    async def get(self, _request: web.Request) -> web.Response:
        if self.broken:
            return web.json_response({"message": "no leader"}, status=503)
        if self.lease is None:
            return web.json_response({"reason": "NotFound"}, status=404)
        return web.json_response(self.lease)

    async def create(self, request: web.Request) -> web.Response:
        if self.lease is not None:
            return web.json_response({"reason": "AlreadyExists"}, status=409)
        body = await request.json()
        body["metadata"]["namespace"] = request.match_info["namespace"]
        return await self._store(body, 201)

    async def replace(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["metadata"]["resourceVersion"] != str(self.version):
            return web.json_response({"reason": "Conflict"}, status=409)
        return await self._store(body, 200)

    async def delete(self, _request: web.Request) -> web.Response:
        self.lease = None
        return web.json_response({})


@asynccontextmanager
async def running_lease_server(folder: Path) -> AsyncIterator[tuple[LeaseServer, Cluster]]:
    """A server on a free port of this machine, and a connection to it."""
    server, app = LeaseServer(), web.Application()
    one = _COLLECTION + "/{name}"
    app.add_routes(
        [
            web.get(one, server.get),
            web.post(_COLLECTION, server.create),
            web.put(one, server.replace),
            web.delete(one, server.delete),
        ]
    )
    async with connected(app, folder) as cluster:
        yield server, cluster


@asynccontextmanager
async def connected(app: web.Application, folder: Path) -> AsyncIterator[Cluster]:
    """Serve an application on a free port of this machine; the connection to it, as to an API server."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{runner.addresses[0][1]}")))
    try:
        async with await Cluster.connect(str(kubeconfig)) as cluster:
            yield cluster
    finally:
        await runner.cleanup()


def _kubeconfig(url: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
