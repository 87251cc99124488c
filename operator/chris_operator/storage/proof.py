"""A manifest as a plan for copying what it lists: which objects there are, and which bytes of them must have which hash.

Whatever the number of files, each takes 52 bytes here, and its own bytes pass by in chunks.
"""

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import Any

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Checker, Entry, ManifestError
from chris_operator.storage.errors import StorageError

_FILE = struct.Struct(">QQI32s")
"""Start and size within the object, line of the manifest, sha256."""
MOST_FILES = 2_000_000
"""Whoever owns the other Swift must not fill our memory."""
MOST_BYTES = 256 << 20
"""Of a manifest, compressed: twice what so many files take."""
_EMPTY = hashlib.sha256().hexdigest()


class DamagedError(StorageError):
    """What lies in another cluster's Swift is not what its manifest says, also when it is read once more."""


@dataclass(frozen=True)
class Load:
    """Objects that are copied one after the other, and the files that their bytes, in this order, must make.

    Most are a single object that holds many files, or one; a file that is larger than an object may be has several.
    """

    objects: tuple[str, ...]
    files: bytes = b""

    @property
    def first_line(self) -> int:
        """Line of the manifest where the first of its files stands; 0 where it has none, as a log."""
        return int(_FILE.unpack_from(self.files)[2]) if self.files else 0


def loads(data: bytes, prefix: str) -> list[Load]:
    """What a manifest below `prefix` lists; ManifestError where it is not true to itself or leads beyond."""
    header, entries = manifest.read(io.BytesIO(data))
    checker = Checker(header, (prefix,))
    if header.files > MOST_FILES:
        raise ManifestError(
            f"lists {header.files} files; at most {MOST_FILES} are fetched from elsewhere", line=1
        )
    packs: dict[str, bytearray] = {}
    several: list[Load] = []
    for entry in entries:
        line = checker.add(entry)
        _check(entry, line)
        if line - 1 > header.files:
            raise ManifestError("there are more lines than files", line=line)
        if len(entry.pieces) == 1:
            (piece,) = entry.pieces
            packs.setdefault(piece.object, bytearray()).extend(_record(entry, piece.offset, line))
        elif entry.pieces:
            several.append(Load(tuple(piece.object for piece in entry.pieces), _record(entry, 0, line)))
    checker.finish()
    return [*(Load((name,), bytes(files)) for name, files in packs.items()), *several]


def _record(entry: Entry, start: int, line: int) -> bytes:
    return _FILE.pack(start, entry.size, line, bytes.fromhex(entry.sha256))


def _check(entry: Entry, line: int) -> None:
    """What publish writes and nothing else: every content has a hash, and a file of several pieces has them alone."""
    known = len(entry.sha256) == len(_EMPTY) and not set(entry.sha256) - set("0123456789abcdef")
    if not known or entry.link or entry.within:
        raise ManifestError("is no file with a sha256, as publish writes them", line=line)
    if not entry.pieces and entry.sha256 != _EMPTY:
        raise ManifestError("an empty file has the hash of another content", line=line)
    if len(entry.pieces) > 1 and any(piece.offset for piece in entry.pieces):
        raise ManifestError("a piece of a large file does not begin its object", line=line)


class Proof:
    """Hashes the bytes of a load as they pass by; what passed since the last `mark` can be taken back."""

    def __init__(self, files: bytes) -> None:
        self._files = files
        self._place = self._number = self._floor = 0
        self._hash = hashlib.sha256()
        self.wrong: int | None = None
        """Line of the first file whose bytes are others, or that the objects do not hold."""
        self._marked = self._state()

    def _state(self) -> tuple[int, int, int, Any]:
        return self._place, self._number, self._floor, self._hash.copy()

    def mark(self) -> None:
        """Another object begins."""
        self._marked = self._state()

    def rewind(self) -> None:
        """Its bytes come again from the first."""
        self._place, self._number, self._floor, seen = self._marked
        self._hash, self.wrong = seen.copy(), None

    def take(self, data: bytes) -> None:
        """The next bytes."""
        view, begin, end = memoryview(data), self._place, self._place + len(data)
        while self.wrong is None and (file := self._file()) and file[0] < end:
            start, size, line, expected = file
            if start < self._floor:  # publish writes one file behind the other
                self.wrong = line
                break
            self._hash.update(view[max(start - begin, 0) : min(start + size, end) - begin])
            if start + size > end:
                break
            if self._hash.digest() != expected:
                self.wrong = line
            self._number, self._floor, self._hash = self._number + 1, start + size, hashlib.sha256()
        self._place = end

    def _file(self) -> tuple[int, int, int, bytes] | None:
        place = self._number * _FILE.size
        return _FILE.unpack_from(self._files, place) if place < len(self._files) else None

    def finish(self) -> int | None:
        """Line of a file that is not what it must be, after the last byte; None where all are."""
        if self.wrong is None and (file := self._file()):
            self.wrong = file[2]
        return self.wrong
