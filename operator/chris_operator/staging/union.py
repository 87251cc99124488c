"""One manifest out of several: the exact union of what workers published, in order, one line of each at a time."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chris_operator.staging.manifest import Entry, Header, sort_key

CLASHES_TOLD = 1000
"""So many are named; all are counted."""


class Line(NamedTuple):
    """An entry with its place in the order; `worker` says whose it is."""

    key: tuple[bytes, bool, bytes]
    worker: int
    entry: Entry


class Clash(NamedTuple):
    """Two workers wrote the same path, or one below the other's file."""

    path: str
    first: int
    second: int


def lines(worker: int, entries: Iterable[Entry]) -> Iterator[Line]:
    """A worker's entries, which come in order."""
    return (Line(sort_key(entry), worker, entry) for entry in entries)


def merged(several: Iterable[Iterator[Line]]) -> Iterator[Line]:
    """All lines in order; equal paths follow one another, by worker."""
    return heapq.merge(*several, key=_place)


def _place(line: Line) -> tuple[tuple[bytes, bool, bytes], int]:
    return line.key, line.worker


@dataclass
class Sieve:
    """Lets each path through once and remembers who else wrote it."""

    clashes: int = 0
    told: list[Clash] = field(default_factory=list)

    def through(self, found: Iterable[Line]) -> Iterator[Entry]:
        """The entries that can stand together: where several clash, the first."""
        last: Line | None = None
        for line in found:
            # The separator sorts first, so what lies below a file follows it directly.
            if last and (line.key == last.key or line.key[0].startswith(last.key[0] + b"\0")):
                self.clashes += 1
                if len(self.told) < CLASHES_TOLD:
                    self.told.append(Clash(line.entry.path, last.worker, line.worker))
                continue
            last = line
            yield line.entry


@dataclass
class Used:
    """What several workers used together: their CPU time, the most memory of any, from the first start to the end."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    started: str = ""
    ended: str = ""

    def add(self, header: Header) -> None:
        """Take in what a worker's manifest tells."""
        told = header.usage or {}
        if told.get("cpuSeconds") is not None:
            self.cpu_seconds = round((self.cpu_seconds or 0.0) + float(told["cpuSeconds"]), 6)
        if told.get("peakMemoryBytes") is not None:
            self.peak_memory_bytes = max(self.peak_memory_bytes or 0, int(told["peakMemoryBytes"]))
        if start := str(told.get("started") or ""):
            self.started = min(self.started or start, start)
        self.ended = max(self.ended, str(told.get("ended") or ""))

    def fields(self) -> dict[str, Any]:
        """As a manifest's header tells it."""
        return {
            "cpuSeconds": self.cpu_seconds,
            "peakMemoryBytes": self.peak_memory_bytes,
            "started": self.started,
            "ended": self.ended,
        }
