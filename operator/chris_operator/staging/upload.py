"""Writing files into Swift: small ones in packs, large ones as objects of their own, pieces in parallel.

A source is a directory that nobody changes any more; still, every file is opened without following links and
must have the size that the walk saw.
"""

import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from chris_operator.staging import tarpack
from chris_operator.staging.below import Below, file_errors
from chris_operator.staging.crew import Crew, Task, taken
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Entry, Piece
from chris_operator.staging.swift_http import CHUNK, SwiftHttp
from chris_operator.staging.walk import Found

SMALL_SHARE = 8
"""Files up to this part of a pack's size travel in packs."""
PACK_FILES = 4096
Chunks = Callable[[], Iterator[bytes] | Iterator[memoryview]]
PARALLEL_PIECES = 4
"""Of one file."""
SMALLEST_PIECE = 64 << 20
MOST_PIECES = 64
"""As long as that leaves them below the largest."""


class Source:
    """Reads the output directory; each thread has its own view of it."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._local = threading.local()

    def read(self, found: Found, start: int = 0, size: int | None = None) -> Iterator[memoryview]:
        """A file's bytes (or a range of them), each time in the same buffer; StagingError if it changed."""
        descriptor = self._open(found)
        try:
            left, place = found.size - start if size is None else size, start
            while left:
                with file_errors(found.path):
                    count = os.preadv(descriptor, [self._buffer[: min(left, CHUNK)]], place)
                if not count:
                    raise changed(found)
                yield self._buffer[:count]
                left, place = left - count, place + count
        finally:
            os.close(descriptor)

    def _open(self, found: Found) -> int:
        if not hasattr(self._local, "below"):
            self._local.below = Below(self._root)
            self._local.buffer = memoryview(bytearray(CHUNK))
        with file_errors(found.path):
            descriptor: int = self._local.below.open_readable(found.path)
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != found.size:
            os.close(descriptor)
            raise changed(found)
        return descriptor

    @property
    def _buffer(self) -> memoryview:
        found: memoryview = self._local.buffer
        return found


def changed(found: Found) -> StagingError:
    """The error for a file that is not what the walk saw."""
    return StagingError(
        "FileChanged",
        "a file changed while it was published",
        detail=f"{found.path!r} had {found.size} bytes",
    )


@dataclass(slots=True)
class Target:
    """Where an attempt's objects go: names under `prefix` (relative to the container, ends in "/")."""

    swift: SwiftHttp
    prefix: str
    uploaded: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def below(self, name: str) -> "Target":
        """A directory of it."""
        return Target(self.swift, f"{self.prefix}{name}/")

    def write(self, name: str, size: int, chunks: Chunks) -> str:
        """Make an object and return its ETag."""
        etag = self.swift.write(self.prefix + name, size, chunks)
        with self._lock:
            self.uploaded += size
        return etag


class Pack:
    """Small files that go into one object."""

    def __init__(self, name: str) -> None:
        self.name, self.size = name, len(tarpack.END)
        self.files: list[Found] = []
        self._entries: list[Entry] = []
        self.done = False

    def add(self, found: Found) -> int:
        """Take a file; returns its number."""
        self.files.append(found)
        self.size += tarpack.member_bytes(os.fsencode(found.path), found.size)
        return len(self.files) - 1

    def tasks(self, source: Source, target: Target) -> Iterator[Task]:
        """The one task that makes the object."""
        yield partial(self._send, source, target)

    def entry(self, number: int) -> Entry:
        """A file's manifest entry, once the object is made."""
        return self._entries[number]

    def _send(self, source: Source, target: Target) -> None:
        target.write(self.name, self.size, partial(self._chunks, source, target.prefix + self.name))
        self.done = True

    def _chunks(self, source: Source, name: str) -> Iterator[bytes]:
        """The archive's bytes, gathered so that small files do not make small packets."""
        self._entries = []
        gathered = bytearray()
        place = 0
        for found in self.files:
            path = os.fsencode(found.path)
            gathered += tarpack.header(path, found.size)
            place += tarpack.header_bytes(path)
            seen = hashlib.sha256()
            for chunk in source.read(found):
                seen.update(chunk)
                gathered += chunk
                if len(gathered) >= CHUNK:
                    yield bytes(gathered)
                    gathered.clear()
            gathered += bytes(tarpack.padding(found.size))
            pieces = (Piece(name, place, found.size),) if found.size else ()
            self._entries.append(Entry(found.path, found.size, seen.hexdigest(), pieces))
            place += found.size + tarpack.padding(found.size)
        yield bytes(gathered + tarpack.END)


class Big:
    """A file that becomes one object, or several pieces that travel in parallel."""

    def __init__(self, name: str, found: Found, largest_piece: int) -> None:
        self._name, self._found = name, found
        self._sizes = piece_sizes(found.size, largest_piece)
        self._left = deque(range(len(self._sizes)))
        self._etags = [""] * len(self._sizes)
        self._sha256 = ""
        self._prefix = ""

    @property
    def done(self) -> bool:
        """Whether every piece is in Swift and the content is known."""
        return bool(self._sha256) and all(self._etags)

    def tasks(self, source: Source, target: Target) -> Iterator[Task]:
        """A few tasks that share the pieces, and one for the hash of the whole where there are several."""
        self._prefix = target.prefix
        if len(self._sizes) == 1:
            yield partial(self._send_whole, source, target)
            return
        yield partial(self._hash_whole, source)
        for _ in range(min(PARALLEL_PIECES, len(self._sizes))):
            yield partial(self._send_some, source, target)

    def entry(self, _number: int) -> Entry:
        """The file's manifest entry, once it is done."""
        pieces = tuple(
            Piece(self._prefix + self._object(number), 0, size, self._etags[number])
            for number, size in enumerate(self._sizes)
        )
        return Entry(self._found.path, self._found.size, self._sha256, pieces)

    def _object(self, number: int) -> str:
        return self._name if len(self._sizes) == 1 else f"{self._name}.{number}"

    def _send_whole(self, source: Source, target: Target) -> None:
        """Send and hash in one reading."""
        self._etags[0] = target.write(self._name, self._found.size, partial(self._hashed, source))

    def _hashed(self, source: Source) -> Iterator[memoryview]:
        seen = hashlib.sha256()
        for chunk in source.read(self._found):
            seen.update(chunk)
            yield chunk
        self._sha256 = seen.hexdigest()

    def _hash_whole(self, source: Source) -> None:
        for _ in self._hashed(source):
            pass

    def _send_some(self, source: Source, target: Target) -> None:
        """Send one piece after another while there are any."""
        for number in taken(self._left):
            self._send_piece(source, target, number)

    def _send_piece(self, source: Source, target: Target, number: int) -> None:
        start, size = sum(self._sizes[:number]), self._sizes[number]
        chunks = partial(source.read, self._found, start, size)
        self._etags[number] = target.write(self._object(number), size, chunks)


def piece_sizes(size: int, largest: int) -> list[int]:
    """How a file is cut: small enough that Swift writes one piece to its disk while the next ones travel.

    >>> [piece // 2**20 for piece in piece_sizes(200 * 2**20, 1024 * 2**20)]
    [64, 64, 64, 8]
    >>> len(piece_sizes(100, 1024)), len(piece_sizes(10 * 2**30, 2**30)), len(piece_sizes(100 * 2**30, 2**30))
    (1, 64, 100)
    """
    piece = min(largest, max(SMALLEST_PIECE, -(-size // MOST_PIECES)))
    return [min(piece, size - start) for start in range(0, size, piece)]


class Uploader:
    """Takes files in the walk's order, sends them by a crew, gives their entries back in that order."""

    def __init__(self, source: Source, target: Target, crew: Crew, pack_bytes: int, piece_bytes: int) -> None:
        self._source, self._target, self._crew = source, target, crew
        self._pack_bytes, self._piece_bytes = pack_bytes, piece_bytes
        self._pack: Pack | None = None
        self._count = 0
        self._waiting: deque[tuple[Pack | Big, int]] = deque()

    def take(self, found: Found) -> Iterator[Entry]:
        """Send a file; yields entries that are complete by now."""
        if found.size > self._pack_bytes // SMALL_SHARE:
            big = Big(self._next_name("object"), found, self._piece_bytes)
            self._waiting.append((big, 0))
            self._submit(big)
        else:
            self._take_small(found)
        return self._complete()

    def finish(self) -> Iterator[Entry]:
        """Send the last pack and wait; yields the remaining entries."""
        self._close_pack()
        self._crew.finish()
        return self._complete()

    def _take_small(self, found: Found) -> None:
        added = tarpack.member_bytes(os.fsencode(found.path), found.size)
        if self._pack and (self._pack.size + added > self._pack_bytes or len(self._pack.files) >= PACK_FILES):
            self._close_pack()
        self._pack = self._pack or Pack(self._next_name("pack") + ".tar")
        self._waiting.append((self._pack, self._pack.add(found)))

    def _close_pack(self) -> None:
        pack, self._pack = self._pack, None
        if pack:
            self._submit(pack)

    def _submit(self, work: Pack | Big) -> None:
        for task in work.tasks(self._source, self._target):
            self._crew.submit(task)

    def _next_name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count:06}"

    def _complete(self) -> Iterator[Entry]:
        while self._waiting and self._waiting[0][0].done:
            work, number = self._waiting.popleft()
            yield work.entry(number)
