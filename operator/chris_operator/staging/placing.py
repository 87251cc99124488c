"""Files of the inputs on their way to incoming: where they go and what proves their content."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from chris_operator.staging.below import Below, file_errors
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Entry
from chris_operator.staging.swift_http import CHUNK, Body, SwiftHttp

MD5_DIGITS = 32


class Hash(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take bytes in."""

    def hexdigest(self) -> str:
        """What came in, as text."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file to stage: its entry, its path below incoming, its manifest line."""

    entry: Entry
    path: str
    line: int

    @property
    def proof(self) -> str:
        """What the hash of the content must be."""
        return self.entry.sha256 or self.entry.etag

    def hash(self) -> Hash:
        """The hash that proves the content."""
        if self.entry.sha256:
            return hashlib.sha256()
        if len(self.entry.etag) == MD5_DIGITS:
            return hashlib.md5(usedforsecurity=False)
        return Opaque(self.entry.etag)

    def mismatch(self, name: str) -> StagingError:
        """The error that names object and line; the file's name goes to the log only."""
        return StagingError(
            "ChecksumMismatch",
            "content differs from the manifest, also when read again",
            object=name,
            line=self.line,
            detail=f"file {self.path!r}",
        )


class Opaque:
    """The hash of a segmented object's content: nobody knows it, If-Match has proven the object."""

    def __init__(self, etag: str) -> None:
        self._etag = etag

    def update(self, data: bytes | memoryview, /) -> None:
        """Take bytes in."""

    def hexdigest(self) -> str:
        """Whatever was promised."""
        return self._etag


@contextmanager
def at_line(member: Member) -> Iterator[None]:
    """Add a file's line, and for the log its name, to an error that knows the object only."""
    try:
        yield
    except StagingError as error:
        if error.line is None:
            error.line, error.detail = member.line, error.detail or f"file {member.path!r}"
        raise


class Placer:
    """Writes files below incoming. Each thread has its own view of the directory and its own buffer."""

    def __init__(self, swift: SwiftHttp, incoming: str) -> None:
        self.swift, self._incoming = swift, incoming
        self._local = threading.local()
        self._views: list[Below] = []

    def readable_prefixes(self) -> list[str]:
        """What this attempt's TempURLs open, relative to the container."""
        root = self.swift.job.container_path
        return [grant.prefix.removeprefix(root) for grant in self.swift.job.get]

    @property
    def buffer(self) -> memoryview:
        """This thread's buffer."""
        if not hasattr(self._local, "buffer"):
            self._local.buffer = memoryview(bytearray(CHUNK))
        found: memoryview = self._local.buffer
        return found

    def open(self, member: Member, *, again: bool = False) -> int:
        """A descriptor of a new file, or (`again`) of one that was begun before."""
        if not hasattr(self._local, "below"):
            self._local.below = Below(self._incoming)
            self._views.append(self._local.below)
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if again else os.O_EXCL)
        with file_errors(member.path, line=member.line):
            descriptor: int = self._local.below.open(member.path, flags)
        return descriptor

    def close(self) -> None:
        """Give back what every thread holds open, once none of them works any more and the process lives on."""
        for each in self._views:
            each.close()

    def place(self, member: Member, body: Body | None, *, again: bool = False) -> bool:
        """Write one file from a body (none: an empty file); returns whether its content is the promised one."""
        seen = member.hash()
        descriptor = self.open(member, again=again)
        try:
            left = member.entry.size
            while left and body:
                chunk = self.buffer[: body.readinto(self.buffer[: min(left, CHUNK)])]
                seen.update(chunk)
                with file_errors(member.path, line=member.line):
                    write_all(descriptor, chunk)
                left -= len(chunk)
        finally:
            os.close(descriptor)
        return seen.hexdigest() == member.proof


def write_all(descriptor: int, data: memoryview) -> None:
    """Write everything; a single call may take less."""
    while data:
        data = data[os.write(descriptor, data) :]
