"""Stands between one operator and the API server: counts what it writes, and can fall upon single writes.

    with Gateway.running(apiserver) as gateway:
        gateway.ambush(Ambush(lambda write: write.what == "POST jobs", Blow.BEFORE)).wait()

        with gateway.deaf("/plugininstances"):
            ...  # its watches stay open and are silent from here on, as when a router forgot the connection

        with gateway.late("/namespaces"):
            ...  # what its watches would tell meanwhile, they tell afterwards

Everything else passes through unchanged, watches included. What the operator may do is still decided by
the API server, since its token passes through as well.
"""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from tests.apiserver import USERS, ApiServer
from yarl import URL

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "upgrade", "te", "trailer"}
_READS = {"GET", "HEAD", "OPTIONS"}
_START_SECONDS = 10.0


@dataclass(frozen=True)
class Write:
    """One request that changes something, and the API server's answer (0: it never came)."""

    method: str
    path: str
    body: Any = None
    status: int = 0

    @property
    def reason(self) -> str:
        """Of the first condition, where a status is written, or of an Event."""
        body = self.body if isinstance(self.body, dict) else {}
        conditions = (body.get("status") or {}).get("conditions") or [body]
        return str(conditions[0].get("reason") or "")

    @property
    def what(self) -> str:
        """Verb and kind, as `POST jobs` or `PATCH plugininstances/status`."""
        parts = self.path.split("/")
        at = parts.index("namespaces") + 2 if "namespaces" in parts[:-2] else 3 if parts[1] == "api" else 4
        kind = parts[at]
        sub = f"/{parts[at + 2]}" if len(parts) > at + 2 else ""
        return f"{self.method} {kind}{sub}"


class Blow(Enum):
    """How a write is fallen upon."""

    BEFORE = "never arrives"
    """The API server does not hear of it, the operator hears nothing either."""
    AFTER = "is never answered"
    """It is done, but the operator does not hear so."""
    MEANWHILE = "comes late"
    """Something else happens first; then the write goes on as it is."""


@dataclass
class Ambush:
    """Waits for the first write that it wants, once."""

    wanted: Callable[[Write], bool]
    blow: Blow
    act: Callable[[], object] = lambda: None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Watch:
    """One watch that is open; a dead one passes nothing on, and nobody hangs up."""

    path: str
    dead: bool = False


class Gateway:
    """A plain HTTP door to the API server on a port of its own."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._call: Callable[[Callable[[], object]], object] = lambda _: None
        self._stop = asyncio.Event()
        self._up = threading.Event()
        self._ambushes: list[Ambush] = []
        self._watches: list[Watch] = []
        self._deaf: str | None = None
        self._late: tuple[str, asyncio.Event] | None = None
        self.port = 0
        self.writes: list[Write] = []

    @classmethod
    @contextmanager
    def running(cls, server: ApiServer) -> Iterator[Self]:
        """A gateway for as long as the block runs."""
        gateway = cls(server)
        thread = threading.Thread(target=lambda: asyncio.run(gateway._serve()), daemon=True)
        thread.start()
        if not gateway._up.wait(_START_SECONDS):
            raise TimeoutError("the gateway to the API server does not start")
        try:
            yield gateway
        finally:
            gateway._call(gateway._stop.set)
            thread.join(_START_SECONDS)

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig for one of USERS that leads through this gateway."""
        path = self._server.directory / f"{user}-{self.port}.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }
        if user not in USERS:
            raise KeyError(user)
        path.write_text(json.dumps(content))
        return path

    def ambush(self, ambush: Ambush) -> threading.Event:
        """Wait for a write; the event tells that it came. One that is not `MEANWHILE` hangs until its sender dies."""
        self._ambushes.append(ambush)
        return ambush.done

    @contextmanager
    def deaf(self, path: str = "") -> Iterator[None]:
        """Kill the watches of paths that end so, and those begun within the block; dead ones stay dead after it."""
        self._deaf = path
        for watch in list(self._watches):
            watch.dead = watch.dead or watch.path.endswith(path)
        try:
            yield
        finally:
            self._deaf = None

    @contextmanager
    def late(self, path: str) -> Iterator[None]:
        """Hold back what the watches of paths that end so tell within the block; afterwards they tell it all."""
        over = asyncio.Event()
        self._late = (path, over)
        try:
            yield
        finally:
            self._late = None
            self._call(over.set)

    def writes_about(self, namespace: str) -> list[str]:
        """What was written about runs in a namespace, in order, without what was refused.

        Left out is what only a slow machine needs: to tell that the Feed made for a run has no number yet.
        """
        mark = f"/namespaces/{namespace}/"
        done = [write for write in self.writes if mark in write.path and 200 <= write.status < 300]
        return [each.what for each in done if "feeds/" not in each.what and each.reason != "FeedNotFound"]

    # -- the server

    async def _serve(self) -> None:
        self._call = asyncio.get_running_loop().call_soon_threadsafe
        trust = ssl.create_default_context(cafile=str(self._server.ca))
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as session:

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await self._handle(session, request)

            runner = web.ServerRunner(web.Server(handle, handler_cancellation=True), shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = int(runner.addresses[0][1])
            self._up.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _handle(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        data = await request.read()
        if request.method in _READS:
            return await self._forward(session, request, data)
        write = Write(request.method, request.path, _decoded(data))
        ambush = next((each for each in self._ambushes if each.wanted(write)), None)
        if ambush is None:
            return await self._forward(session, request, data, write)
        self._ambushes.remove(ambush)
        if ambush.blow is Blow.AFTER:
            await self._deliver(session, request, data, write)
        await asyncio.to_thread(ambush.act)
        ambush.done.set()
        if ambush.blow is not Blow.MEANWHILE:
            await asyncio.Event().wait()  # until the sender dies and the server cancels this
        return await self._forward(session, request, data, write)

    async def _deliver(
        self, session: aiohttp.ClientSession, request: web.BaseRequest, data: bytes, write: Write
    ) -> None:
        async with self._ask(session, request, data) as answer:
            await answer.read()
            self.writes.append(Write(write.method, write.path, write.body, answer.status))

    def _ask(self, session: aiohttp.ClientSession, request: web.BaseRequest, data: bytes) -> Any:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = URL(f"{self._server.url}{request.raw_path}", encoded=True)
        return session.request(request.method, url, headers=headers, data=data or None)

    async def _forward(
        self,
        session: aiohttp.ClientSession,
        request: web.BaseRequest,
        data: bytes,
        write: Write | None = None,
    ) -> web.StreamResponse:
        async with self._ask(session, request, data) as answer, _whole_or_aborted(answer):
            if write:
                self.writes.append(Write(write.method, write.path, write.body, answer.status))
            headers = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
            }
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            with self._watched(request) as watch:
                async for chunk in answer.content.iter_any():
                    await self._in_time(request)
                    if not watch.dead:
                        await response.write(chunk)
            return response

    async def _in_time(self, request: web.BaseRequest) -> None:
        late = self._late
        if late and "watch" in request.query and request.path.endswith(late[0]):
            await late[1].wait()

    @contextmanager
    def _watched(self, request: web.BaseRequest) -> Iterator[Watch]:
        """Know of a request while it is answered, if it is a watch."""
        if "watch" not in request.query:
            yield Watch(request.path)
            return
        watch = Watch(request.path, dead=self._deaf is not None and request.path.endswith(self._deaf))
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None


@asynccontextmanager
async def _whole_or_aborted(answer: aiohttp.ClientResponse) -> AsyncIterator[None]:
    """Break the connection where an answer is given up: TLS would say goodbye and wait, longer than this gateway lives."""
    try:
        yield
    except BaseException:
        if answer.connection and answer.connection.transport:
            answer.connection.transport.abort()
        raise
