"""One queue of keys: whatever happens, the answer is "look at this key again".

A key waits at most once; one that is being worked on and arrives again is worked on again afterwards,
never twice at the same time. "Look again at" times live in one heap instead of a timer per object.
"""

import asyncio
import heapq
import itertools
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Names one object to reconcile."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


class WorkQueue:
    """Keys to reconcile, now or later; times are the event loop's own clock (seconds)."""

    def __init__(self) -> None:
        self._ready: dict[Key, None] = {}  # a dict keeps order and holds each key once
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._tie = itertools.count()
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._ready) + len(self._busy)

    async def add(self, key: Key) -> None:
        """Ask for a look at this key as soon as possible."""
        async with self._changed:
            self._put(key)
            self._changed.notify()

    def _put(self, key: Key) -> None:
        if key in self._busy:
            self._again.add(key)
        else:
            self._ready[key] = None

    async def add_at(self, key: Key, when: float) -> None:
        """Ask for a look at loop time `when`; only the earliest wish of a key is kept."""
        async with self._changed:
            if self._due.get(key, float("inf")) <= when:
                return
            self._due[key] = when
            heapq.heappush(self._later, (when, next(self._tie), key))
            self._changed.notify_all()  # all sleep until the earliest time they knew

    async def get(self) -> Key:
        """The next key; the caller must give it back with `done`."""
        async with self._changed:
            while True:
                self._release_due()
                if self._ready:
                    key = next(iter(self._ready))
                    del self._ready[key]
                    self._busy.add(key)
                    return key
                await self._wait()

    def _release_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            when, _, key = heapq.heappop(self._later)
            if self._due.get(key) == when:  # an earlier wish may have replaced this one
                del self._due[key]
                self._put(key)
                self._changed.notify()

    async def _wait(self) -> None:
        timeout = None
        if self._later:
            timeout = max(self._later[0][0] - asyncio.get_running_loop().time(), 0.0)
        with suppress(TimeoutError):
            # Not `wait_for`: before Python 3.12 it forgets a cancellation that comes together with a wake-up.
            async with asyncio.timeout(timeout):
                await self._changed.wait()

    async def done(self, key: Key) -> None:
        """Give a key back; it returns at once when something happened to it meanwhile."""
        async with self._changed:
            self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._ready[key] = None
                self._changed.notify()
