"""The output of several workers put together: their manifests read side by side, one manifest and one log written.

Whatever the number of workers and files, only compressed manifests are held, and of each part that is being read
a few KiB. Done twice it writes the same bytes.
"""

import gzip
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from chris_operator.staging import contract, manifest, union
from chris_operator.staging.manifest import Checker, Entry, Header, ManifestError, Tally
from chris_operator.staging.share import part_prefix
from chris_operator.staging.union import Line, Sieve, Used
from chris_operator.storage.client import Container
from chris_operator.storage.errors import NotFound, StorageError

RANGE_BYTES = 32 << 10
"""So much of a part's manifest is fetched at a time."""
READ_TOGETHER = 64
"""Of more parts, so many at a time are merged into one that is held compressed."""
THREADS = 8
LOGS_TOLD = 10
LOG_BYTES = 64 << 10


@dataclass(frozen=True)
class United:
    """The manifest that was written, and what the parts say together."""

    header: Header
    used: Used
    sieve: Sieve


class Ranges(io.RawIOBase):
    """An object as a file that is fetched range by range, all of them of the same version."""

    def __init__(self, storage: Container, name: str) -> None:
        self._storage, self._name = storage, name
        self._held, info = storage.get(name, first_bytes=RANGE_BYTES)
        self._place, self._size, self._etag = len(self._held), info.bytes, info.etag

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Bytes that are at hand; fetches more where none are."""
        if not self._held and self._place < self._size:
            self._held, _ = self._storage.get(
                self._name, start=self._place, first_bytes=RANGE_BYTES, if_match=self._etag
            )
            self._place += len(self._held)
        count = min(len(buffer), len(self._held))
        buffer[:count], self._held = self._held[:count], self._held[count:]
        return count


@dataclass
class Part:
    """One worker's manifest, being read and proven."""

    worker: int
    prefix: str
    header: Header
    entries: Iterator[Entry]

    @classmethod
    def open(cls, storage: Container, attempt: str, worker: int) -> "Part | None":
        """The part of a worker; None where it left none."""
        prefix = part_prefix(attempt, worker)
        try:
            with named(prefix):
                header, entries = manifest.read(io.BufferedReader(Ranges(storage, _manifest(prefix)), 4096))
        except NotFound:
            return None
        return cls(worker, prefix, header, entries)

    def lines(self) -> Iterator[Line]:
        """Its entries, proven one by one."""
        with named(self.prefix):
            checker = Checker(self.header, (self.prefix,))
            for line in union.lines(self.worker, self.entries):
                checker.add(line.entry)
                yield line
            checker.finish()


def _manifest(prefix: str) -> str:
    return prefix + contract.MANIFEST_NAME


@contextmanager
def named(prefix: str) -> Iterator[None]:
    """Errors of a part's manifest tell which one it is."""
    try:
        yield
    except ManifestError as error:
        raise StorageError(_manifest(prefix), error.rule, f"line {error.line}") from error


class Uniter:
    """Puts the parts below an attempt's directory together."""

    def __init__(self, storage: Container, attempt: str) -> None:
        self._storage, self._attempt = storage, attempt
        self._used = Used()

    def unite(self, good: Sequence[int], failed: Sequence[int], *, whole: bool) -> United:
        """Write the attempt's manifest and log.

        `whole`: the workers in `good` have succeeded, and theirs is the output; StorageError where one of them left
        none. Otherwise whatever any of them left is put together, marked as partial.
        """
        sieve, lines, tally = Sieve(), io.BytesIO(), Tally()
        with ThreadPoolExecutor(THREADS) as pool, gzip.GzipFile(fileobj=lines, mode="wb", mtime=0) as sink:
            found = self._merged(pool, good if whole else sorted([*good, *failed]), whole=whole)
            for entry in sieve.through(found):
                tally.add(entry)
                sink.write(entry.to_line())
        partial = bool(sieve.clashes) or not whole
        header = replace(
            tally.header([self._attempt] * bool(tally.bytes), partial=partial), usage=self._used.fields()
        )
        self._put(contract.LOG_NAME, self._log(good, failed, sieve), "text/plain")
        body = b"".join((manifest.compress(header.to_line()), lines.getbuffer()))
        self._put(contract.MANIFEST_NAME, body, "application/gzip")
        return United(header, self._used, sieve)

    def _put(self, name: str, data: bytes, content_type: str) -> None:
        self._storage.put(self._attempt + name, data, content_type=content_type)

    def _merged(self, pool: ThreadPoolExecutor, workers: Sequence[int], *, whole: bool) -> Iterator[Line]:
        batches = [workers[at : at + READ_TOGETHER] for at in range(0, len(workers), READ_TOGETHER)]
        several = (self._batch(pool, batch, whole=whole) for batch in batches)
        return (
            next(several) if len(batches) == 1 else union.merged([unpacked(packed(each)) for each in several])
        )

    def _batch(self, pool: ThreadPoolExecutor, workers: Iterable[int], *, whole: bool) -> Iterator[Line]:
        parts = []
        for worker, part in pool.map(
            lambda each: (each, Part.open(self._storage, self._attempt, each)), workers
        ):
            if part is None:
                if whole:
                    raise StorageError(_manifest(part_prefix(self._attempt, worker)), "is missing")
                continue
            if whole and part.header.partial:
                raise StorageError(_manifest(part.prefix), "is that of a worker that failed")
            self._used.add(part.header)
            parts.append(part)
        return union.merged([part.lines() for part in parts])

    def _log(self, good: Sequence[int], failed: Sequence[int], sieve: Sieve) -> bytes:
        """What happened, for the people whose data it is: here names may stand."""
        words = [
            f"{len(good)} workers succeeded, {len(failed)} failed; each one's log: {contract.PARTS_DIR}<index>/log"
        ]
        words += [f"path {c.path!r} was written by workers {c.first} and {c.second}" for c in sieve.told]
        if sieve.clashes > len(sieve.told):
            words.append(f"so were {sieve.clashes - len(sieve.told)} more")
        text = b"".join(os.fsencode(f"{each}\n") for each in words)
        return text + b"".join(self._end_of_log(worker) for worker in failed[:LOGS_TOLD])

    def _end_of_log(self, worker: int) -> bytes:
        name = part_prefix(self._attempt, worker) + contract.LOG_NAME
        try:
            start = max(self._storage.head(name).bytes - LOG_BYTES, 0)
            data, _ = self._storage.get(name, start=start, first_bytes=LOG_BYTES)
        except NotFound:
            data = b"(it left none)\n"
        return f"\n--- the end of the log of worker {worker}\n".encode() + data


def packed(found: Iterable[Line]) -> IO[bytes]:
    """Lines in memory, compressed."""
    memory = io.BytesIO()
    with gzip.GzipFile(fileobj=memory, mode="wb", mtime=0, compresslevel=1) as sink:
        for line in found:
            sink.write(b"%d " % line.worker + line.entry.to_line())
    memory.seek(0)
    return memory


def unpacked(memory: IO[bytes]) -> Iterator[Line]:
    """The lines again."""
    with gzip.GzipFile(fileobj=memory, mode="rb") as source:
        for number, text in enumerate(source, start=1):
            worker, _, line = text.partition(b" ")
            yield from union.lines(int(worker), [Entry.from_line(line, number)])
