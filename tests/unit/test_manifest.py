"""The manifest's form: round trips, order, digest, and every rule that `check` proves."""

import dataclasses
import hashlib
import os

import pytest

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, Header, ManifestError, Piece

PREFIX = "home/alice/feeds/feed_1/runs/7/attempts/1/"
SHA = hashlib.sha256(b"x").hexdigest()


def entry(path: str, size: int = 1, name: str = "pack-0.tar", **fields: str) -> Entry:
    pieces = (Piece(PREFIX + name, 512, size),) if size else ()
    return Entry(path=path, size=size, sha256=SHA, pieces=pieces, **fields)


NAMES = {
    "plain": "a.txt",
    "spaces": "a b  c",
    "newline": "a\nb",
    "non-ascii": "Größe/λ/猫🐈",
    "not-utf8": os.fsdecode(b"\xff\xfe/\x80"),
    "quotes": "\"a'\\",
    "deep": "/".join(["d"] * 200),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_survive_byte_for_byte(name: str):
    header, entries = manifest.decode(manifest.encode([entry(name)], [PREFIX]))
    assert [each.path for each in entries] == [name]
    manifest.check(header, entries, [PREFIX])


def test_bytes_depend_on_the_entries_only():
    entries = [entry(name) for name in ("b", "a/c", "a.b")]
    assert manifest.encode(entries, [PREFIX]) == manifest.encode(reversed(entries), [PREFIX])


def test_header_is_read_from_the_first_kilobyte():
    data = manifest.encode([entry(f"f{n:05}") for n in range(5000)], [PREFIX], partial=True)
    header = manifest.read_header(data[:1024])
    assert header == Header(5000, 5000, manifest.digest(manifest.decode(data)[1]), (PREFIX,), partial=True)


def test_digest_ignores_places():
    assert manifest.digest([entry("a")]) == manifest.digest([entry("a", name="object-7")])


DIFFERENT = {
    "path": entry("b"),
    "size": dataclasses.replace(entry("a"), size=2),
    "content": dataclasses.replace(entry("a"), sha256="0" * 64),
    "etag": dataclasses.replace(entry("a"), sha256="", etag="0"),
    "link": Entry("a", link="home/x"),
    "within": entry("a", within="x.chrislink"),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_digest_sees_every_difference(other: Entry):
    assert manifest.digest([entry("a")]) != manifest.digest([other])


LINK = Entry("d/home_a_x.chrislink", link="home/a/x")
FOREIGN = Entry("1.dcm", 5, etag="e" * 32, pieces=(Piece(PREFIX + "1.dcm", 0, 5),), within=LINK.path)


def test_links_and_their_targets_follow_each_other():
    entries = [FOREIGN, entry("z"), LINK, entry("d/home_a_x.b")]
    header, decoded = manifest.decode(manifest.encode(entries, [PREFIX]))
    assert decoded == [entry("d/home_a_x.b"), LINK, FOREIGN, entry("z")]
    assert (header.files, header.bytes) == (3, 7)
    manifest.check(header, decoded, [PREFIX])


BROKEN = {
    "outside-allowed": ([entry("a")], ["home/bob/"], [PREFIX], 1, "allowed"),
    "prefix-without-slash": ([entry("a")], [PREFIX], [PREFIX[:-1]], 1, "allowed"),
    "piece-outside": ([Entry("a", 1, SHA, (Piece("home/bob/x", 0, 1),))], [PREFIX], [PREFIX], 2, "outside"),
    "piece-dotdot": ([entry("a", name="../../x")], [PREFIX], [PREFIX], 2, "outside"),
    "piece-sum": ([dataclasses.replace(entry("a"), size=9)], [PREFIX], [PREFIX], 2, "add up"),
    "piece-negative": ([Entry("a", 1, SHA, (Piece(PREFIX + "x", -1, 1),))], [PREFIX], [PREFIX], 2, "offset"),
    "dotdot": ([entry("a/../../b")], [PREFIX], [PREFIX], 2, "relative"),
    "absolute": ([entry("/etc/passwd")], [PREFIX], [PREFIX], 2, "relative"),
    "empty-path": ([entry("")], [PREFIX], [PREFIX], 2, "relative"),
    "nul": ([entry("a\0b")], [PREFIX], [PREFIX], 2, "relative"),
    "twice": ([entry("a"), entry("a")], [PREFIX], [PREFIX], 3, "twice"),
    "below-a-file": ([entry("a"), entry("a/b")], [PREFIX], [PREFIX], 3, "below"),
    "no-content": ([Entry("a", 1, pieces=(Piece(PREFIX + "x", 0, 1),))], [PREFIX], [PREFIX], 2, "neither"),
    "stray-within": ([entry("a", within="no.chrislink")], [PREFIX], [PREFIX], 2, "precede"),
    "link-name": ([Entry("a", link="home/x")], [PREFIX], [PREFIX], 2, "named"),
}


@pytest.mark.parametrize(("entries", "allowed", "prefixes", "line", "words"), BROKEN.values(), ids=BROKEN)
def test_check_names_line_and_rule(
    entries: list[Entry], allowed: list[str], prefixes: list[str], line: int, words: str
):
    header, decoded = manifest.decode(manifest.encode(entries, prefixes))
    with pytest.raises(ManifestError, match=words) as caught:
        manifest.check(header, decoded, allowed)
    assert caught.value.line == line


TAMPERED = {
    "files": {"files": 2},
    "bytes": {"bytes": 2},
    "digest": {"digest": "sha256:0"},
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_check_proves_the_header(change: dict[str, object]):
    header, entries = manifest.decode(manifest.encode([entry("a")], [PREFIX]))
    with pytest.raises(ManifestError):
        manifest.check(dataclasses.replace(header, **change), entries, [PREFIX])  # type: ignore[arg-type]


GARBAGE = {
    "empty": b"",
    "no-gzip": b"hello",
    "cut": manifest.encode([entry("a")], [PREFIX])[:-9],
    "no-json": manifest.compress(b"hello\n"),
    "no-header": manifest.compress(b"{}\n"),
    "list": manifest.compress(b"[]\n"),
    "version": manifest.compress(
        b'{"manifest":2,"files":0,"bytes":0,"digest":"","prefixes":[],"partial":false}\n'
    ),
    "bad-line": manifest.encode([], [PREFIX]) + manifest.compress(b"[]\n"),
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_manifest_error(data: bytes):
    with pytest.raises(ManifestError):
        manifest.decode(data)


@pytest.mark.parametrize(
    "data", [b"", b"hello", manifest.compress(b"x" * 99)], ids=["empty", "no-gzip", "no-line"]
)
def test_garbage_has_no_header(data: bytes):
    with pytest.raises(ManifestError):
        manifest.read_header(data)


def test_error_text_holds_no_file_name():
    header, entries = manifest.decode(manifest.encode([entry("SMITH/../JOHN")], [PREFIX]))
    with pytest.raises(ManifestError) as caught:
        manifest.check(header, entries, [PREFIX])
    assert "SMITH" not in str(caught.value)


def test_long_link_names_fit_a_directory_entry():
    names = [manifest.link_name("home/" + "x" * 400 + tail) for tail in ("1", "2")]
    assert all(len(os.fsencode(name)) <= 255 for name in names)
    assert names[0] != names[1]
