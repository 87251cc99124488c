"""Inputs to another cluster's Swift and outputs back: streamed, skipping what is there, every byte proven on the way.

Nothing is remembered: done again, it copies what is not there yet. Object names are the same on both sides, so
manifests hold on both, byte for byte.
"""

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from chris_operator.staging import contract, manifest
from chris_operator.staging.manifest import ManifestError
from chris_operator.storage import segments
from chris_operator.storage.client import WRONG_ETAG, ObjectInfo
from chris_operator.storage.elsewhere import StorageElsewhere
from chris_operator.storage.errors import NotFound, StorageError, Unavailable
from chris_operator.storage.proof import MOST_BYTES, DamagedError, Load, Proof, loads
from chris_operator.storage.runs import Storage

THREADS = 4
"""Objects of one run that travel at a time."""
_GZIP = "application/gzip"


class StoppedError(Exception):
    """Nobody waits for this copy any more."""


@dataclass
class Progress:
    """What whoever waits for a copy can see of it, and how it is ended."""

    stop: threading.Event = field(default_factory=threading.Event)
    moved: Callable[[int], object] = lambda _: None
    """Told each number of bytes that went over the line."""

    def check(self) -> None:
        """Raise StoppedError where nobody waits any more."""
        if self.stop.is_set():
            raise StoppedError


class _Line:
    """One object's bytes on their way from one Swift to the other; both sides' errors stay apart."""

    def __init__(self, source: Storage, name: str, progress: Progress, proof: Proof | None = None) -> None:
        self._source, self._name, self._progress, self._proof = source, name, progress, proof
        self.error: Exception | None = None
        self.info, self._chunks = source.stream(name)
        self.size, self._held = self.info.bytes, memoryview(b"")

    def read(self, length: int = -1) -> bytes:
        """Some more bytes."""
        if not self._held:
            self._held = memoryview(self._next())
        count = len(self._held) if length < 0 else length
        part, self._held = self._held[:count], self._held[count:]
        return bytes(part)

    def _next(self) -> bytes:
        try:
            self._progress.check()
            chunk = next(self._chunks, b"")
        except (StorageError, StoppedError) as error:
            self.error = error
            raise
        if self._proof:
            self._proof.take(chunk)
        return chunk

    def reset(self, *_: object, **__: object) -> None:
        """The other side asks for all of it again."""
        info, self._chunks = self._source.stream(self._name)
        if info != self.info:
            self.error = Unavailable(self._name, "was replaced while it was read", where=self._source.where)
            raise self.error
        self._held = memoryview(b"")
        if self._proof:
            self._proof.rewind()

    def drain(self) -> None:
        """Read to the end, for the proof."""
        while self.read():
            pass

    def into(self, target: Storage, etag: str, place: str = "") -> None:
        """Write all of it to the other side, under its own name or another one."""
        try:
            target.put_stream(place or self._name, self, etag=etag)
        except Exception:
            if self.error:
                raise self.error from None
            raise
        self._progress.moved(self.size)


class Mirror:
    """Our Swift and that of another cluster."""

    def __init__(self, home: Storage, there: StorageElsewhere) -> None:
        self._home, self._there = home, there

    # -- there

    def push(self, manifests: Iterable[str], progress: Progress, *, anew: bool) -> None:
        """Send manifests and all objects that they refer to; with `anew`, those too that seem to be there.

        What is missing or wrong here is left so: stage-in finds it there, and names it to those who may know.
        """
        seen: set[str] = set()
        with _crew(progress) as crew:
            for name in manifests:
                with suppress(NotFound):
                    self._push(name, seen, crew, progress, anew=anew)

    def _push(
        self, name: str, seen: set[str], crew: ThreadPoolExecutor, progress: Progress, *, anew: bool
    ) -> None:
        data, info = self._home.get(name)
        prefixes, objects = _referred(data)
        wanted = objects - seen
        seen |= wanted
        absent = dict.fromkeys(wanted) if anew else self._absent(wanted, prefixes)
        for _ in crew.map(
            lambda each: self._send(each[0], each[1], progress, anew=anew), sorted(absent.items())
        ):
            pass
        if anew or not _same(info, _head(self._there, name)):
            self._there.put(name, data, content_type=_GZIP)

    def _absent(self, wanted: set[str], prefixes: Iterable[str]) -> dict[str, ObjectInfo | None]:
        """What is not there as it is here, as far as listings tell: one is one request for thousands."""

        def listed(storage: Storage) -> dict[str, ObjectInfo]:
            return {
                each.name: each for prefix in prefixes for each in storage.list(prefix) if each.name in wanted
            }

        here, there = listed(self._home), listed(self._there)
        return {
            name: here.get(name)
            for name in wanted
            if name not in here or not _same(here[name], there.get(name))
        }

    def _send(self, name: str, known: ObjectInfo | None, progress: Progress, *, anew: bool) -> None:
        with suppress(NotFound):
            # A dynamic large object lists as empty.
            info = known if known and known.bytes else self._home.head(name)
            if not info.etag.startswith('"'):
                self._copy(progress, self._home, name, name)
            elif anew or not _same(info, _head(self._there, name)):
                segments.send(self._home, self._there, info, partial(self._segment, progress, anew=anew))

    def _segment(self, progress: Progress, source: Storage, name: str, place: str, *, anew: bool) -> None:
        if anew or not _same(source.head(name), _head(self._there, place)):
            self._copy(progress, source, name, place)

    def _copy(self, progress: Progress, source: Storage, name: str, place: str) -> None:
        """Send one object to its place there."""
        try:
            line = _Line(source, name, progress)
            line.into(self._there, line.info.etag, place)
        except StorageError as error:
            if error.value != WRONG_ETAG:
                raise
            # It rots on our disk. Sent as it is, it is refused there by its hash as it would be here.
            _Line(source, name, progress).into(self._there, "", place)

    # -- back

    def pull(self, directories: Iterable[str], progress: Progress) -> None:
        """Fetch what publish wrote below each directory: log, all files, and last the manifest.

        Where there is no manifest nothing was published. DamagedError where something is not what it must be.
        """
        with _crew(progress) as crew:
            for directory in directories:
                self._pull(directory, crew, progress)

    def _pull(self, directory: str, crew: ThreadPoolExecutor, progress: Progress) -> None:
        log, name = directory + contract.LOG_NAME, directory + contract.MANIFEST_NAME
        if _head(self._there, log):
            self._bring(Load((log,)), progress)
        head = _head(self._there, name)
        if head is None:
            return
        if head.bytes > MOST_BYTES:
            raise DamagedError(
                name, f"is larger than {MOST_BYTES} bytes", head.bytes, where=self._there.where
            )
        data, info = self._there.get(name)
        try:
            found = loads(data, directory)
        except ManifestError as error:
            place = f"line {error.line}" if error.line is not None else ""
            raise DamagedError(name, error.rule, place, where=self._there.where) from error
        for _ in crew.map(lambda load: self._bring(load, progress), found):
            pass
        if not _same(info, _head(self._home, name)):
            self._home.put(name, data, content_type=_GZIP)

    def _bring(self, load: Load, progress: Progress) -> None:
        """Fetch objects and prove their files; what is wrong is read once more."""
        line = load.first_line
        for skip in (True, False):
            try:
                found = self._brought(load, progress, skip=skip)
            except NotFound:  # or Swift itself has put away what it found to be rotten
                found = line
            if found is None:
                return
            line = found
        rule, place = "is missing or holds other bytes than were written", f"line {line}" if line else ""
        raise DamagedError(load.objects[0], rule, place, where=self._there.where)

    def _brought(self, load: Load, progress: Progress, *, skip: bool) -> int | None:
        """Line of the manifest whose file is wrong; 0 where the bytes are of no file."""
        proof = Proof(load.files)
        for name in load.objects:
            proof.mark()
            try:
                self._fetch(name, proof, progress, skip=skip)
            except StorageError as error:
                if error.value != WRONG_ETAG:
                    raise
                return proof.finish() or load.first_line
        return proof.finish()

    def _fetch(self, name: str, proof: Proof, progress: Progress, *, skip: bool) -> None:
        theirs = self._there.head(name)
        if skip and _same(theirs, _head(self._home, name)):
            _Line(
                self._home, name, progress, proof
            ).drain()  # whoever fetched it may have died before it was proven
            return
        _Line(self._there, name, progress, proof).into(self._home, theirs.etag)


@contextmanager
def _crew(progress: Progress) -> Iterator[ThreadPoolExecutor]:
    """Threads that end soon when one of them fails."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="mirror") as crew:
        try:
            yield crew
        except BaseException:
            progress.stop.set()
            crew.shutdown(wait=True, cancel_futures=True)
            raise


def _referred(data: bytes) -> tuple[tuple[str, ...], set[str]]:
    """Prefixes and names of the objects that a manifest refers to, as far as it can be read."""
    objects: set[str] = set()
    try:
        header, entries = manifest.read(io.BytesIO(data))
        objects.update(piece.object for entry in entries for piece in entry.pieces)
    except ManifestError:
        return (), objects
    return header.prefixes, objects


def _head(storage: Storage, name: str) -> ObjectInfo | None:
    try:
        return storage.head(name)
    except NotFound:
        return None


def _same(one: ObjectInfo, other: ObjectInfo | None) -> bool:
    """Whether two objects have equal bytes, by size and MD5."""
    return other is not None and (one.bytes, one.etag) == (other.bytes, other.etag)
