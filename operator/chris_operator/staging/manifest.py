"""The manifest: which files an attempt produced and where their bytes lie in Swift.

JSON Lines, gzipped: a header, then one line per file, in the order of `sort_key`. Names are kept byte for
byte: a name that is no UTF-8 travels as lone surrogates (`os.fsdecode`), which JSON writes as escapes.
The digest covers paths, sizes and content, never places: two attempts with equal results have equal digests.

The header is a gzip member of its own, so that a writer can stream the lines first and a reader can decide
after the first kilobyte.
"""

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

LINK_SUFFIX = ".chrislink"
Line = bytes
"""One JSON line; named, because `Header` has a field `bytes`."""
LINE_BYTES = 16 << 20
"""No line is as long as this: a file of 10 TiB has pieces for a tenth of it."""
NAME_BYTES = 255
"""Linux refuses longer file names."""


class ManifestError(ValueError):
    """A manifest breaks a rule. `object` and `line` (1 is the header) say where; the text holds no file name."""

    def __init__(self, rule: str, *, object: str = "", line: int | None = None) -> None:  # noqa: A002
        self.rule, self.object, self.line = rule, object, line
        place = ", ".join([f"object {object}"] * bool(object) + [f"line {line}"] * (line is not None))
        super().__init__(f"manifest{f' ({place})' if place else ''}: {rule}")


@dataclass(frozen=True, slots=True)
class Piece:
    """`size` bytes of a file at `offset` of `object`, whose name is relative to the container.

    `etag` is the whole object's ETag where it holds nothing but this piece; it is then read with If-Match.
    """

    object: str
    offset: int
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a file, or (`link` set) a ChRIS link to another place of the container.

    The target's files follow their link with `within` = the link's path and `path` relative to the target
    ("" where the target is itself a file). Content is known by `sha256`, or by `etag` for objects that others
    wrote; an etag in double quotes is opaque (a segmented object's), any other is the MD5 of the content.
    """

    path: str
    size: int = 0
    sha256: str = ""
    pieces: tuple[Piece, ...] = ()
    etag: str = ""
    link: str = ""
    within: str = ""

    @property
    def content(self) -> str:
        """What the digest knows this line's content by."""
        if self.link:
            return f"link:{self.link}"
        return f"sha256:{self.sha256}" if self.sha256 else f"etag:{self.etag}"

    def to_line(self) -> Line:
        """The JSON line, with its newline."""
        fields: dict[str, Any] = {"path": self.path}
        if self.link:
            fields["link"] = self.link
        else:
            fields["size"] = self.size
            fields |= {"sha256": self.sha256} if self.sha256 else {"etag": self.etag}
            fields["pieces"] = [piece_fields(piece) for piece in self.pieces]
        if self.within:
            fields["in"] = self.within
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, text: Line, line: int) -> "Entry":
        """Read one line; ManifestError where it is no entry."""
        try:
            fields = json.loads(text)
            pieces = tuple(
                Piece(str(p["object"]), int(p["offset"]), int(p["size"]), str(p.get("etag", "")))
                for p in fields.get("pieces", ())
            )
            return cls(
                path=str(fields["path"]),
                size=int(fields.get("size", 0)),
                sha256=str(fields.get("sha256", "")),
                pieces=pieces,
                etag=str(fields.get("etag", "")),
                link=str(fields.get("link", "")),
                within=str(fields.get("in", "")),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ManifestError(f"is no entry ({type(error).__name__})", line=line) from error


@dataclass(frozen=True)
class Header:
    """The first line: totals over the files (links are not counted), and below which prefixes the pieces lie.

    Prefixes are relative to the container and end in "/". `usage` is what the plugin used, for people.
    """

    files: int
    bytes: int
    digest: str
    prefixes: tuple[str, ...]
    partial: bool = False
    usage: dict[str, Any] | None = None

    def to_line(self) -> Line:
        """The JSON line, with its newline."""
        fields: dict[str, Any] = {
            "manifest": 1,
            "files": self.files,
            "bytes": self.bytes,
            "digest": self.digest,
            "prefixes": list(self.prefixes),
            "partial": self.partial,
        }
        if self.usage:
            fields["usage"] = self.usage
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, text: Line) -> "Header":
        """Read the first line; ManifestError where it is no header of version 1."""
        try:
            fields = json.loads(text)
            version = fields["manifest"]
            header = cls(
                files=int(fields["files"]),
                bytes=int(fields["bytes"]),
                digest=str(fields["digest"]),
                prefixes=tuple(str(prefix) for prefix in fields["prefixes"]),
                partial=bool(fields["partial"]),
                usage=fields.get("usage"),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ManifestError(f"is no header ({type(error).__name__})", line=1) from error
        if version != 1:
            raise ManifestError(f"version is {version!r}; must be 1", line=1)
        return header


def piece_fields(piece: Piece) -> dict[str, Any]:
    """A piece as JSON; the ETag only where there is one."""
    fields: dict[str, Any] = {"object": piece.object, "offset": piece.offset, "size": piece.size}
    return fields | ({"etag": piece.etag} if piece.etag else {})


def path_key(path: str) -> bytes:
    """Order of paths part by part, as a sorted walk of directories meets them.

    >>> sorted(["a.b", "a/b", "a"], key=path_key)
    ['a', 'a/b', 'a.b']
    """
    return os.fsencode(path).replace(b"/", b"\0")


def sort_key(entry: Entry) -> tuple[bytes, bool, bytes]:
    """Order of lines: by path; what is within a link follows the link."""
    if entry.within:
        return path_key(entry.within), True, path_key(entry.path)
    return path_key(entry.path), False, b""


class Tally:
    """Totals and digest of entries that come by in order."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self._hash = hashlib.sha256()

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        identity = [entry.within, entry.path, entry.size, entry.content]
        self._hash.update(json.dumps(identity, separators=(",", ":")).encode() + b"\n")
        if not entry.link:
            self.files += 1
            self.bytes += entry.size

    def header(self, prefixes: Iterable[str], *, partial: bool) -> Header:
        """The header of what was counted."""
        return Header(
            self.files, self.bytes, f"sha256:{self._hash.hexdigest()}", tuple(sorted(set(prefixes))), partial
        )


def digest(entries: Iterable[Entry]) -> str:
    """`sha256:…` over the sorted entries' paths, sizes and contents."""
    tally = Tally()
    for entry in sorted(entries, key=sort_key):
        tally.add(entry)
    return tally.header((), partial=False).digest


def encode(entries: Iterable[Entry], prefixes: Iterable[str], *, partial: bool = False) -> bytes:
    """A whole manifest of entries in any order; equal entries give equal bytes."""
    tally, lines = Tally(), []
    for entry in sorted(entries, key=sort_key):
        tally.add(entry)
        lines.append(entry.to_line())
    return compress(tally.header(prefixes, partial=partial).to_line()) + compress(b"".join(lines))


def compress(data: bytes) -> bytes:
    """One gzip member that depends on nothing but its data (no time, no name)."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def decode(data: bytes) -> tuple[Header, list[Entry]]:
    """Header and entries of a whole manifest; form only, see `check` for its truth."""
    header, entries = read(io.BytesIO(data))
    return header, list(entries)


def read(stream: IO[bytes]) -> tuple[Header, Iterator[Entry]]:
    """Header and a lazy run of entries; whatever the manifest's length, one line is held at a time."""
    lines = _lines(stream)
    try:
        header = Header.from_line(next(lines))
    except StopIteration:
        raise ManifestError("is empty; must begin with a header", line=1) from None
    return header, (Entry.from_line(text, number) for number, text in enumerate(lines, start=2))


def read_header(data: bytes) -> Header:
    """The header from the first bytes (a few KiB suffice) of a manifest."""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        head, newline, _ = inflate.decompress(data).partition(b"\n")
    except zlib.error as error:
        raise ManifestError(f"is no gzip ({error})", line=1) from error
    if not newline:
        raise ManifestError("is cut short; must begin with a header", line=1)
    return Header.from_line(head)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as plain:
            while line := plain.readline(LINE_BYTES):
                if len(line) == LINE_BYTES:
                    raise ManifestError(f"has a line of {LINE_BYTES} bytes or more")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise ManifestError(f"is no whole gzip ({error})") from error


class Checker:
    """Proves a manifest entry by entry, in constant memory: see `check`."""

    def __init__(self, header: Header, allowed_prefixes: Iterable[str]) -> None:
        self._header, self._tally = header, Tally()
        self._line = 1
        self._last: tuple[bytes, bool, bytes] | None = None
        self._link: str | None = None
        allowed = tuple(allowed_prefixes)
        for prefix in header.prefixes:
            if not prefix.endswith("/") or not prefix.startswith(allowed):
                raise ManifestError(
                    "prefix is not among the allowed ones, each of which ends in /", object=prefix, line=1
                )

    def add(self, entry: Entry) -> int:
        """Prove one entry; returns its line."""
        self._line += 1
        self._check_order(entry)
        self._check_path(entry)
        self._check_pieces(entry)
        self._tally.add(entry)
        return self._line

    def finish(self) -> None:
        """Prove the totals and the digest."""
        found = self._tally.header(self._header.prefixes, partial=self._header.partial)
        if (found.files, found.bytes) != (self._header.files, self._header.bytes):
            raise ManifestError(
                f"header says {self._header.files} files of {self._header.bytes} bytes,"
                f" the lines say {found.files} of {found.bytes}",
                line=1,
            )
        if found.digest != self._header.digest:
            raise ManifestError(f"digest is {found.digest}; header says {self._header.digest}", line=1)

    def _check_order(self, entry: Entry) -> None:
        key, last = sort_key(entry), self._last
        if last and key <= last:
            raise ManifestError("path is twice there or out of order", line=self._line)
        # The separator sorts first, so what lies below a file would follow it directly.
        if last and not last[1] and key[0].startswith(last[0] + b"\0"):
            raise ManifestError("path lies below another file", line=self._line)
        self._last = key

    def _check_path(self, entry: Entry) -> None:
        if entry.link:
            self._link = entry.path
            if not entry.path.endswith(LINK_SUFFIX):
                raise ManifestError(f"link must be named *{LINK_SUFFIX}", line=self._line)
        if entry.within and entry.within != self._link:
            raise ManifestError("names a link that does not precede it", line=self._line)
        if not (is_safe(entry.path) or (entry.within and entry.path == "")):
            raise ManifestError("path must be relative, without empty, . or .. parts", line=self._line)

    def _check_pieces(self, entry: Entry) -> None:
        for piece in entry.pieces:
            if not piece.object.startswith(self._header.prefixes) or ".." in piece.object.split("/"):
                raise ManifestError(
                    "piece lies outside the header's prefixes", object=piece.object, line=self._line
                )
            if piece.offset < 0 or piece.size <= 0:
                raise ManifestError(
                    "piece must have offset ≥ 0 and size > 0", object=piece.object, line=self._line
                )
        if sum(piece.size for piece in entry.pieces) != entry.size:
            raise ManifestError("pieces do not add up to the file's size", line=self._line)
        if not entry.link and not (entry.sha256 or entry.etag):
            raise ManifestError("has neither sha256 nor etag", line=self._line)


def check(header: Header, entries: Iterable[Entry], allowed_prefixes: Iterable[str]) -> None:
    """Prove that a manifest is true to its header and refers to nothing outside `allowed_prefixes`.

    Raises ManifestError naming object and line. Entries must come in order, as `encode` writes them.
    """
    checker = Checker(header, allowed_prefixes)
    for entry in entries:
        checker.add(entry)
    checker.finish()


def is_safe(path: str) -> bool:
    """Whether a path names something below its root on every Linux file system.

    >>> [is_safe(path) for path in ("a/b", "/a", "a//b", "../a", "")]
    [True, False, False, False, False]
    """
    return all(part not in ("", ".", "..") and "\0" not in part for part in path.split("/"))


def link_name(target: str) -> str:
    """The name ChRIS gives the link to `target` (a path of the container without "/" at its ends).

    >>> link_name("home/alice/uploads/x")
    'home_alice_uploads_x.chrislink'
    """
    stem = target.strip("/").replace("/", "_")
    room = NAME_BYTES - len(LINK_SUFFIX)
    if len(os.fsencode(stem)) > room:
        mark = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
        stem = os.fsdecode(os.fsencode(stem)[: room - len(mark) - 1]) + f"-{mark}"
    return stem + LINK_SUFFIX


def placed_path(entry: Entry, target: str = "") -> str:
    """Where stage-in puts a file: its path, or below its link's name without suffix (`target` = that link's).

    A link to a file becomes a directory named after the target's parent, as ChRIS does it:

    >>> placed_path(Entry("s/1.dcm", within="d/home_a_x.chrislink"), "home/a/x")
    'd/home_a_x/s/1.dcm'
    >>> placed_path(Entry("", within="home_a_x.nii.chrislink"), "home/a/x.nii")
    'home_a/x.nii'
    """
    if not entry.within:
        return entry.path
    stem = entry.within.removesuffix(LINK_SUFFIX)
    if entry.path:
        return f"{stem}/{entry.path}"
    name = target.rsplit("/", 1)[-1]
    return f"{stem.removesuffix(f'_{name}')}/{name}"
