"""Runs in Swift: manifests proven and written, uploads listed for links, small documents of the root."""

import io
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, Header, ManifestError, Piece
from chris_operator.storage.client import Container, ObjectInfo
from chris_operator.storage.errors import NotFound, StorageError

HEAD_BYTES = 64 << 10
"""A manifest's header is far shorter."""
CHECKED = 64
"""So many manifests that were checked are kept at hand, each shorter than HEAD_BYTES: most are copied next."""
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


class Storage(Container):
    """The operator's and the shim's view of Swift. Object names are relative to the container throughout."""

    def __init__(self, values: Mapping[str, str], *, container: str = "users") -> None:
        super().__init__(values, container=container)
        self._checked: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def beside(self, container: str) -> "Storage":
        """Another container of the same account."""
        return self if container == self.container else Storage(self._values, container=container)

    def read_manifest(self, name: str) -> tuple[Header, list[Entry]]:
        """Header and entries of the manifest object `name`, proven against its own header."""
        data, _ = self.get(name)
        try:
            header, entries = manifest.decode(data)
            manifest.check(header, entries, header.prefixes)
        except ManifestError as error:
            raise StorageError(name, error.rule, f"line {error.line}") from error
        return header, entries

    def check_manifest(
        self, name: str, *, digest: str, allowed_prefixes: Sequence[str], etag: str = ""
    ) -> Header:
        """The header of manifest `name` if it is the one `publish` reported; StorageError says how it is not.

        One request of at most HEAD_BYTES: `etag` (of the termination message) stands for every byte of the
        object, and publish made the digest from the very lines that it wrote.
        """
        data, info = self.get(name, first_bytes=HEAD_BYTES)
        if etag and info.etag != etag:
            raise StorageError(name, f"ETag is not the reported {etag}", info.etag)
        try:
            header = manifest.read_header(data)
            manifest.Checker(header, allowed_prefixes)
        except ManifestError as error:
            raise StorageError(name, error.rule, error.object) from error
        if header.digest != digest:
            raise StorageError(name, f"digest is not the reported {digest}", header.digest)
        if len(data) < HEAD_BYTES:
            self._remember(name, data)
        return header

    def _remember(self, name: str, data: bytes) -> None:
        """Keep a whole manifest for its copy: asking for it once more costs Swift a third of all that a run does."""
        with self._lock:
            self._checked[name] = data
            if len(self._checked) > CHECKED:
                del self._checked[next(iter(self._checked))]

    def put_manifest(
        self, name: str, entries: Iterable[Entry], *, prefixes: Iterable[str], partial: bool = False
    ) -> tuple[Header, str]:
        """Write a manifest after proving it; returns its header and ETag."""
        lines = sorted(entries, key=manifest.sort_key)
        data = manifest.encode(lines, prefixes, partial=partial)
        header = manifest.read_header(data)
        try:
            manifest.check(header, lines, header.prefixes)
        except ManifestError as error:
            raise StorageError(name, error.rule, f"line {error.line}") from error
        return header, self.put(name, data, content_type="application/gzip")

    def copy_manifest(self, source: str, target: str, *, etag: str = "") -> str:
        """Make `target` equal to the manifest `source` (whose ETag must be `etag`) and return its ETag.

        What was checked a moment ago is written as it was then.
        """
        with self._lock:
            data = None if etag else self._checked.pop(source, None)
        if data is None:
            data, _ = self.get(source, if_match=etag or None)
        return self.put(target, data, content_type="application/gzip")

    def sweep(self, place: str, kept: str | None = None) -> int:
        """Remove what lies in the directories of `place` (ends in "/"), `kept` excepted; returns how many objects."""
        found = [each.name for each in self.list(place, delimiter="/")]
        return sum(self.delete_prefix(name) for name in found if name.endswith("/") and name != kept)

    def adopt_manifest(self, source: str, target: str, *, digest: str) -> Header:
        """Copy the manifest `source` to `target` and return its header.

        StorageError unless it is whole, has this digest, is not partial, and every object that it refers to is there
        and long enough.
        """
        data, _ = self.get(source)
        needed: dict[str, int] = {}
        try:
            header, entries = manifest.read(io.BytesIO(data))
            checker = manifest.Checker(header, header.prefixes)
            for entry in entries:  # one at a time: it may be long
                checker.add(entry)
                for piece in entry.pieces:
                    needed[piece.object] = max(piece.offset + piece.size, needed.get(piece.object, 0))
            checker.finish()
        except ManifestError as error:
            raise StorageError(source, error.rule, f"line {error.line}") from error
        if header.digest != digest or header.partial:
            raise StorageError(source, f"must be whole and have the digest {digest}", header.digest)
        there = {each.name: each.bytes for prefix in header.prefixes for each in self.list(prefix)}
        for name, size in needed.items():
            if there.get(name, -1) < size:
                raise StorageError(name, f"is not what {source} refers to: missing or too short")
        self.put(target, data, content_type="application/gzip")
        return header

    def link_entries(self, target: str, *, directory: str = "") -> list[Entry]:
        """A ChRIS link to `target` (an object, or all below `target/`) with its listing as it is now.

        The link's path is `directory/<target with / as _>.chrislink`. NotFound where there is no such place;
        the prefix for the manifest's header is `target + "/"`, or the target's parent where it is an object.
        """
        target = target.strip("/")
        link = Entry(f"{directory}/{manifest.link_name(target)}".lstrip("/"), link=target)
        listing = [info for info in self.list(f"{target}/") if not info.name.endswith("/")]
        found = listing or [self.head(target)]
        return [link, *(self._foreign(info, target, link.path) for info in found)]

    def _foreign(self, info: ObjectInfo, target: str, within: str) -> Entry:
        """An object that others wrote: known by its ETag, read with If-Match."""
        if not info.bytes and info.etag == EMPTY_MD5:
            info = self.head(info.name)  # a dynamic large object lists as empty
        pieces = (Piece(info.name, 0, info.bytes, info.etag),) if info.bytes else ()
        return Entry(info.name[len(target) + 1 :], info.bytes, etag=info.etag, pieces=pieces, within=within)

    def get_json(self, name: str) -> Any:
        """A JSON document, or None where there is none."""
        try:
            data, _ = self.get(name)
        except NotFound:
            return None
        try:
            return json.loads(data)
        except ValueError as error:
            raise StorageError(name, "is no JSON; mend it by hand", str(error)) from error

    def put_json(self, name: str, value: Any, *, create: bool = False) -> None:
        """Write a JSON document; with `create`, PreconditionFailed where it exists already."""
        self.put(name, json.dumps(value, indent=1).encode(), create=create, content_type="application/json")
