"""List and watch over real HTTP: streams that break are taken up, what was missed is found by listing again."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.lease_server import connected
from tests.runs import Object, instance

from chris_operator.cluster import INSTANCES, Resource
from chris_operator.controller.handlers import Ear
from chris_operator.controller.informer import Informer
from chris_operator.controller.queue import WorkQueue
from chris_operator.controller.world import World

PATIENCE = 60.0


def _run(name: str, version: int) -> Object:
    return instance(name, uid=name, resourceVersion=str(version)).wire()


def _event(kind: str, body: Mapping[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


GONE = {"kind": "Status", "code": 410, "message": "too old resource version"}
BOOKMARK = {"metadata": {"resourceVersion": "14"}}


class Script:
    """An API server with a part to play: what each list shows, and what each watch tells before it ends."""

    def __init__(self, lists: list[list[list[Object]]], watches: list[list[bytes]]) -> None:
        self._lists = [(10 * number, chunks) for number, chunks in enumerate(lists, 1)]
        self._chunks: list[list[Object]] = []
        self._version = 0
        self._watches = iter(watches)
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        """From which resourceVersion each watch was asked for."""
        self.over = asyncio.Event()
        """Ends what is still open: a server waits a minute for that."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One list's chunk, or one watch."""
        return await self._watch(request) if "watch" in request.query else self._list(request)

    def _list(self, request: web.Request) -> web.Response:
        if "continue" not in request.query:
            self._version, self._chunks = self._lists.pop(0)
        items, self._chunks = self._chunks[0], self._chunks[1:]
        meta = {"resourceVersion": str(self._version), "continue": "more" if self._chunks else ""}
        return web.json_response({"metadata": meta, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.asked.put_nowait(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        lines = next(self._watches, None)
        if lines is None:
            await self.over.wait()  # nothing more happens
        for line in lines or ():
            await response.write(line)
        return response


async def test_what_a_watch_misses_is_found_by_the_next_list(tmp_path: Path):
    script = Script(
        lists=[[[_run("a", 1), _run("b", 2)], [_run("c", 3)]], [[_run("a", 12), _run("d", 15)]]],
        watches=[
            [
                _event("MODIFIED", _run("a", 12)),
                _event("DELETED", _run("b", 13)),
                _event("BOOKMARK", BOOKMARK),
            ],
            [_event("ERROR", GONE)],
        ],
    )
    app = web.Application()
    app.add_routes([web.get(INSTANCES.path(), script.answer)])
    world, queue, lists = World(), WorkQueue(), asyncio.Queue[list[str]]()
    ear = Ear(world, queue)

    def listed(_resource: Resource) -> None:
        lists.put_nowait(sorted(world.instances_in("alice")))
        ear.awake = True  # from the first list on

    async with connected(app, tmp_path) as cluster, asyncio.timeout(PATIENCE):
        informer = Informer(cluster, INSTANCES, ear, listed)
        task = asyncio.create_task(informer.run())
        assert await lists.get() == ["a", "b", "c"]
        assert await lists.get() == ["a", "d"], "b's end was heard, c's was not"
        asked = [await script.asked.get() for _ in range(3)]
        task.cancel()
        await asyncio.wait([task])
        script.over.set()
    assert asked == ["10", "14", "20"], "a stream goes on where it broke; after a list, from there"
    looks = {(await queue.get()).name for _ in range(len(queue))}
    assert looks == {"a", "b", "c", "d"}, "what changed, what ended, and what only the list told"
