"""The other arm of the comparisons: a plain asyncio client of the API server that does nothing but what it is told."""

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

Object = dict[str, Any]
GROUP = "/apis/chrisproject.org/v1alpha1"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


def plural(kind: str) -> str:
    """The part of a path that names a kind.

    >>> plural("PluginInstance")
    'plugininstances'
    """
    return f"{kind.lower()}s"


def path(kind: str, namespace: str, name: str = "") -> str:
    """Where the objects of a kind live."""
    root = {"Job": "/apis/batch/v1", "Plugin": GROUP, "Feed": GROUP, "PluginInstance": GROUP}.get(
        kind, "/api/v1"
    )
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{plural(kind)}" + (f"/{name}" if name else "")


class Api:
    """An administrator's client with so many connections."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    @classmethod
    @asynccontextmanager
    async def connected(cls, kubeconfig: Path, connections: int = 16) -> AsyncIterator[Self]:
        """A client for as long as the block runs; watches have connections of their own."""
        cluster, user, trust = _read(kubeconfig)
        connector = aiohttp.TCPConnector(limit=connections, ssl=trust)
        token = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        async with aiohttp.ClientSession(connector=connector, headers=token, read_bufsize=1 << 21) as session:
            yield cls(cluster["server"], session)

    async def request(
        self, verb: str, where: str, body: Any = None, media_type: str = "application/json", **query: str
    ) -> Object:
        """One request; an error says what the API server said."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": media_type}
        sent = self._session.request(verb, self._url + where, data=data, headers=headers, params=query)
        async with sent as answer:
            decoded: Object = await answer.json(content_type=None)
            if not answer.ok:
                raise RuntimeError(f"{verb} {where}: {answer.status} {decoded.get('message')}")
            return decoded

    async def create(self, body: Object) -> Object:
        """Create an object."""
        return await self.request("POST", path(body["kind"], body["metadata"].get("namespace", "")), body)

    async def size(self, where: str) -> int:
        """Bytes of an object as etcd stores Kubernetes' own kinds."""
        headers = {"Accept": "application/vnd.kubernetes.protobuf"}
        async with self._session.get(self._url + where, headers=headers) as answer:
            return len(await answer.read())

    async def watch(self, where: str, since: str, **query: str) -> AsyncIterator[tuple[float, str, Object]]:
        """When each event was heard (seconds of one clock), its type and object."""
        query |= {"watch": "1", "resourceVersion": since}
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._url + where, params=query, timeout=timeout) as answer:
            try:
                async for line in answer.content:
                    heard = time.perf_counter()
                    event = json.loads(line)
                    yield heard, event["type"], event["object"]
            finally:
                # TLS would wait for the server's farewell, which may come when the event loop is closed already.
                if answer.connection and answer.connection.transport:
                    answer.connection.transport.abort()


def _read(kubeconfig: Path) -> tuple[Object, Object, ssl.SSLContext]:
    content = yaml.safe_load(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    return cluster, user, _trust(cluster, user)


def _trust(cluster: Object, user: Object) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
    )
    if "client-certificate-data" in user:
        with tempfile.TemporaryDirectory() as directory:
            pair = [Path(directory) / name for name in ("crt", "key")]
            for file, field in zip(pair, ("client-certificate-data", "client-key-data"), strict=True):
                file.write_bytes(base64.b64decode(user[field]))
            context.load_cert_chain(pair[0], pair[1])
    return context


Mark = Callable[[float, str, Object], None]


class Watcher:
    """Hears everything of some kinds in a namespace, by one clock, and lets others wait for what they need."""

    def __init__(self, api: Api, namespace: str, kinds: tuple[str, ...]) -> None:
        self._api, self._namespace, self._kinds = api, namespace, kinds
        self.moments: dict[tuple[str, str], float] = {}
        """When something was first so: by what and about whom."""
        self._changed = asyncio.Event()
        self._marks: dict[str, Mark] = {}

    def on(self, kind: str, mark: Mark) -> None:
        """Call `mark` with each event of a kind."""
        self._marks[kind] = mark

    def note(self, what: str, whom: str, when: float) -> None:
        """Remember the first time."""
        self.moments.setdefault((what, whom), when)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Watch for as long as the block runs."""
        tasks = [asyncio.create_task(self._follow(kind)) for kind in self._kinds]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, kind: str) -> None:
        where = path(kind, self._namespace)
        since = (await self._api.request("GET", where, limit="1"))["metadata"]["resourceVersion"]
        while True:
            async for heard, what, item in self._api.watch(where, since):
                since = item["metadata"]["resourceVersion"]
                self._marks[kind](heard, what, item)
                self._changed.set()

    async def until(self, done: Callable[[], object], patience: float, words: str) -> None:
        """Return when something is so."""
        async with asyncio.timeout(patience):
            while not done():
                self._changed.clear()
                await self._changed.wait()
        if not done():
            raise TimeoutError(words)
