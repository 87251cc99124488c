"""One queue of keys: whatever happens, the answer is "look at this key again".

A key waits at most once; one that is being worked on and arrives again is worked on again afterwards,
never twice at the same time. "Look again at" times live in one heap instead of a timer per object.
"""

import asyncio
import heapq
import itertools
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
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._tie = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def add(self, key: Key) -> None:
        """Ask for a look at this key as soon as possible."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_in(self, key: Key, seconds: float) -> None:
        """Ask for a look some seconds from now."""
        self.add_at(key, asyncio.get_running_loop().time() + seconds)

    def add_at(self, key: Key, when: float) -> None:
        """Ask for a look at loop time `when`; only the earliest wish of a key is kept."""
        if self._due.get(key, float("inf")) <= when:
            return
        self._due[key] = when
        heapq.heappush(self._later, (when, next(self._tie), key))
        if self._later[0][0] == when:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if self._later:
            self._alarm = asyncio.get_running_loop().call_at(self._later[0][0], self._ring)

    def _ring(self) -> None:
        self._release_due()
        self._set_alarm()

    def _release_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            when, _, key = heapq.heappop(self._later)
            if self._due.get(key) == when:  # an earlier wish may have replaced this one
                del self._due[key]
                self.add(key)

    async def get(self) -> Key:
        """The next key; the caller must give it back with `done`."""
        self._release_due()
        key = await self._ready.get()
        self._waiting.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: Key) -> None:
        """Give a key back; it returns at once when something happened to it meanwhile."""
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def clear(self) -> None:
        """Forget all wishes; what is being worked on is not disturbed."""
        while not self._ready.empty():
            self._ready.get_nowait()
        self._waiting.clear()
        self._again.clear()
        self._later.clear()
        self._due.clear()
