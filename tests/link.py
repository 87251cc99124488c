"""A network line to a server of this machine that can be cut and mended: bytes pass as they are, TLS included.

with Link.running(server_port) as link:
    with link.cut():
        ...  # what was open is broken, what is opened is broken at once
    with link.held(after=1000) as held:
        held()  # returns when so many bytes have passed, and no more do
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

HOST = "127.0.0.1"
_CHUNK = 1 << 16
_START_SECONDS = 10.0
_STUCK_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class Link:
    """One line, on a port of its own."""

    def __init__(self, target: int) -> None:
        self._target, self._up = target, threading.Event()
        self._halt: Callable[[], object] = lambda: None
        self._break: Callable[[], object] = lambda: None
        self._open: set[asyncio.StreamWriter] = set()
        self._whole = True
        self._left: int | None = None
        """How many bytes may still pass; None: any number."""
        self._stuck = threading.Event()
        self.port = 0

    @classmethod
    @contextmanager
    def running(cls, target: int) -> Iterator[Self]:
        """A line for as long as the block runs."""
        link = cls(target)
        thread = threading.Thread(target=lambda: asyncio.run(link._serve()), daemon=True)
        thread.start()
        if not link._up.wait(_START_SECONDS):
            raise TimeoutError("the line does not start")
        try:
            yield link
        finally:
            link._halt()
            thread.join(_START_SECONDS)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nothing passes within the block."""
        self._whole = False
        self._break()
        try:
            yield
        finally:
            self._whole = True

    @contextmanager
    def held(self, after: int) -> Iterator[Callable[[], None]]:
        """Within the block so many bytes pass, then none; nothing is broken, so whoever waits goes on afterwards."""
        self._stuck.clear()
        self._left = after
        try:
            yield self._await_stuck
        finally:
            self._left = None

    def _await_stuck(self) -> None:
        if not self._stuck.wait(_STUCK_SECONDS):
            raise TimeoutError("the line was not filled")

    async def _may_pass(self, count: int) -> None:
        if self._left is None:
            return
        self._left -= count
        while (left := self._left) is not None and left < 0:
            self._stuck.set()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _serve(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._halt = lambda: loop.call_soon_threadsafe(stop.set)
        self._break = lambda: loop.call_soon_threadsafe(self._hang_up)
        server = await asyncio.start_server(self._join, HOST, 0)
        self.port = int(server.sockets[0].getsockname()[1])
        self._up.set()
        await stop.wait()
        server.close()
        self._hang_up()
        await self._until_closed(self._open)

    def _hang_up(self) -> None:
        for each in self._open:
            each.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        self._open.add(writer)  # from now on it is broken with the line, and closed with this server
        try:
            there, back = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            self._open.discard(writer)
            return
        both = {writer, back}
        self._open |= both
        pumps = [asyncio.create_task(self._pump(*way)) for way in ((reader, back), (there, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.close()
        await self._until_closed(both)
        self._open -= both

    @staticmethod
    async def _until_closed(writers: Iterable[asyncio.StreamWriter]) -> None:
        """Return when nothing of them is left that a collector of garbage could find."""
        for each in list(writers):
            with suppress(OSError):
                await each.wait_closed()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                await self._may_pass(len(data))
                target.write(data)
                await target.drain()
