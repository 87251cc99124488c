"""Reading files out of Swift: small ones of a pack together, large ones by parallel ranges."""

import hashlib
import mmap
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from chris_operator.staging.below import file_errors
from chris_operator.staging.crew import Task, taken
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Piece
from chris_operator.staging.places import log
from chris_operator.staging.placing import MD5_DIGITS, Hash, Member, Placer, at_line
from chris_operator.staging.swift_http import Body

GAP_BYTES = 1 << 20
"""Unwanted bytes of a pack are read up to here: another request would cost as much."""
GROUP_FILES = 2048
OPEN_GROUPS = 16
LARGE_BYTES = 16 << 20
"""Files above are read by parallel ranges."""
RANGE_BYTES = 64 << 20
HEAD_BYTES = 1 << 20
"""Swift hashes what is read from an object's very beginning, at the cost of all the rest: so that is a short
range of its own, where the object is long enough to be worth a request."""
LONG_BYTES = 8 * HEAD_BYTES
PARALLEL_RANGES = 4
"""Of one file: enough to keep Swift busy, few enough that its hash, which goes in order, keeps up."""
WINDOW_BYTES = 4 << 20
"""How much of a file is mapped at a time."""
READ_AGAIN = frozenset({"ObjectMissing", "ChecksumMismatch"})


def plan(files: Iterable[Member]) -> Iterator["Small | Large"]:
    """Group files into requests: neighbours in a pack together, large files alone.

    A few groups stay open at a time, since a merged manifest may alternate between packs.
    """
    groups: dict[str, Small] = {}
    for member in files:
        if member.entry.size > LARGE_BYTES or len(member.entry.pieces) > 1:
            yield Large(member)
            continue
        key = member.entry.pieces[0].object if member.entry.pieces else ""
        if key in groups and groups[key].takes(member):
            groups[key].members.append(member)
            continue
        if key in groups or len(groups) == OPEN_GROUPS:
            yield groups.pop(key if key in groups else next(iter(groups)))
        groups[key] = Small([member])
    yield from groups.values()


class Small:
    """Files that one request brings: neighbours in a pack, one small object, or empty files (no request)."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self._begun: set[str] = set()

    def takes(self, member: Member) -> bool:
        """Whether a file of the same object lies close behind the last one."""
        if len(self.members) >= GROUP_FILES:
            return False
        if not member.entry.pieces:
            return True
        (piece,), (last,) = member.entry.pieces, self.members[-1].entry.pieces
        return not piece.etag and 0 <= piece.offset - last.offset - last.size <= GAP_BYTES

    def tasks(self, placer: Placer) -> Iterator[Task]:
        """The one task that stages them."""
        yield partial(self._fetch, placer)

    def _fetch(self, placer: Placer) -> None:
        """Stage the files; what is wrong or missing is read once more, file by file."""
        pending = list(reversed(self.members))
        wrong: list[Member] = []
        try:
            self._read(placer, pending, wrong)
        except StagingError as error:
            if error.code not in READ_AGAIN or error.line is not None:
                raise
            wrong += reversed(pending)
        for member in wrong:
            self._read_again(placer, member)

    def _read_again(self, placer: Placer, member: Member) -> None:
        name = member.entry.pieces[0].object if member.entry.pieces else ""
        log(f"missing or wrong in Swift, reading it again: {member.path!r} from {name}")
        still_wrong: list[Member] = []
        with at_line(member):
            self._read(placer, [member], still_wrong)
        if still_wrong:
            raise member.mismatch(name)

    def _read(self, placer: Placer, pending: list[Member], wrong: list[Member]) -> None:
        """Stage `pending` from its end; what is done leaves it, what is done wrong goes to `wrong`."""
        if not pending[0].entry.pieces:
            while pending:
                self._place(placer, pending, wrong, None)
            return
        first = pending[-1].entry.pieces[0]

        def span() -> tuple[int, int]:
            last = pending[0].entry.pieces[0]
            return pending[-1].entry.pieces[0].offset, last.offset + last.size

        def consume(body: Body) -> None:
            position, _ = span()
            while pending:
                piece = pending[-1].entry.pieces[0]
                body.skip(piece.offset - position)
                self._place(placer, pending, wrong, body)
                position = piece.offset + piece.size

        placer.swift.read(first.object, span, consume, if_match=first.etag)

    def _place(self, placer: Placer, pending: list[Member], wrong: list[Member], body: Body | None) -> None:
        member = pending[-1]
        again = member.path in self._begun
        self._begun.add(member.path)
        if not placer.place(member, body, again=again):
            wrong.append(member)
        pending.pop()


class Part(NamedTuple):
    """A range of a large file: which bytes of which piece go where."""

    piece: Piece
    offset: int
    """In the object."""
    size: int
    place: int
    """In the file."""


class Large:
    """A file that several requests bring, each writing its range in place.

    The hash follows behind: whoever completes the range that it waits for carries it on.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self.parts = list(parts(member.entry.pieces))
        self._descriptor = -1
        self._left = deque(range(len(self.parts)))
        self._done = [False] * len(self.parts)
        self._hash, self._hashed = member.hash(), 0
        self._hashing = threading.Lock()

    def tasks(self, placer: Placer) -> Iterator[Task]:
        """A few tasks that share the ranges; the file is made before the first."""
        self._descriptor = placer.open(self.member)
        for _ in range(min(PARALLEL_RANGES, len(self.parts))):
            yield partial(self._fetch_some, placer)

    def _fetch_some(self, placer: Placer) -> None:
        """Fetch one range after another, the first ones first, while there are any."""
        for number in taken(self._left):
            self._fetch(placer, number)

    def _fetch(self, placer: Placer, number: int) -> None:
        try:
            self._read(placer, self.parts[number])
        except StagingError as error:
            if error.code not in READ_AGAIN:
                raise
            log(f"missing or wrong in Swift, reading it again: {self.member.path!r}")
            with at_line(self.member):
                self._read(placer, self.parts[number])
        self._done[number] = True
        self._carry_on(placer)

    def _read(self, placer: Placer, part: Part) -> None:
        done = 0

        def span() -> tuple[int, int]:
            return part.offset + done, part.offset + part.size

        def consume(body: Body) -> None:
            nonlocal done
            while body.left:
                chunk = placer.buffer[: body.readinto(placer.buffer)]
                with file_errors(self.member.path, line=self.member.line):
                    pwrite_all(self._descriptor, chunk, part.place + done)
                done += len(chunk)

        placer.swift.read(part.piece.object, span, consume, if_match=part.piece.etag)

    def _carry_on(self, placer: Placer) -> None:
        """Hash what has arrived in order, unless another thread is at it: it looks again after its release."""
        while self._waiting() and self._hashing.acquire(blocking=False):
            try:
                while self._waiting():
                    part = self.parts[self._hashed]
                    hash_range(self._hash, self._descriptor, part.place, part.size)
                    self._hashed += 1
                    if self._hashed == len(self.parts):
                        self._prove(placer)
            finally:
                self._hashing.release()

    def _waiting(self) -> bool:
        return self._hashed < len(self.parts) and self._done[self._hashed]

    def _prove(self, placer: Placer) -> None:
        """Compare the hash; a wrong file is read once more from its start."""
        if self._hash.hexdigest() != self.member.proof:
            log(f"content differs, reading it again: {self.member.path!r}")
            seen = self.member.hash()
            for part in self.parts:
                with at_line(self.member):
                    self._read(placer, part)
                hash_range(seen, self._descriptor, part.place, part.size)
            if seen.hexdigest() != self.member.proof:
                raise self.member.mismatch(self._wrong_object())
        os.close(self._descriptor)

    def _wrong_object(self) -> str:
        """The piece whose bytes are not those of its ETag, else the first."""
        place = 0
        for piece in self.member.entry.pieces:
            seen = hashlib.md5(usedforsecurity=False)
            hash_range(seen, self._descriptor, place, piece.size)
            if len(piece.etag) == MD5_DIGITS and seen.hexdigest() != piece.etag:
                return piece.object
            place += piece.size
        return self.member.entry.pieces[0].object


def parts(pieces: Iterable[Piece]) -> Iterator[Part]:
    """Pieces cut into ranges of at most RANGE_BYTES; of a long object's, the first is short."""
    place = 0
    for piece in pieces:
        start = 0
        while start < piece.size:
            is_head = piece.offset + start == 0 and piece.size >= LONG_BYTES
            size = min(HEAD_BYTES if is_head else RANGE_BYTES, piece.size - start)
            yield Part(piece, piece.offset + start, size, place)
            start, place = start + size, place + size


def hash_range(seen: Hash, descriptor: int, start: int, size: int) -> None:
    """Take a range of a file into a hash: mapped, which copies nothing, a window at a time."""
    end = start + size
    while start < end:
        base = start - start % mmap.ALLOCATIONGRANULARITY
        length = min(WINDOW_BYTES, end - base)
        window = mmap.mmap(descriptor, length, mmap.MAP_PRIVATE, mmap.PROT_READ, offset=base)
        with window, memoryview(window) as view, view[start - base :] as wanted:
            seen.update(wanted)
        start = base + length


def pwrite_all(descriptor: int, data: memoryview, place: int) -> None:
    """Write everything at a place; a single call may take less."""
    while data:
        count = os.pwrite(descriptor, data, place)
        data, place = data[count:], place + count
