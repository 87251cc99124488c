"""Bytes that pass by are held against a manifest: whatever is wrong is found, and named by its line."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, ManifestError, Piece
from chris_operator.storage.proof import MOST_FILES, Load, Proof, loads

HERE = "home/a/feeds/feed_1/runs/1/attempts/1/"
PACK = f"{HERE}pack-0"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(path: str, data: bytes, *pieces: tuple[str, int, int]) -> Entry:
    return Entry(path, len(data), sha(data), tuple(Piece(*piece) for piece in pieces))


def packed(files: dict[str, bytes], gap: int = 3) -> tuple[list[Entry], bytes]:
    """Files in one pack, with bytes between them as tar has them."""
    pack, entries = b"", []
    for path, data in files.items():
        pack += b"-" * gap
        entries.append(entry(path, data, *([(PACK, len(pack), len(data))] if data else [])))
        pack += data
    return entries, pack + b"-" * gap


def plan(entries: Sequence[Entry]) -> list[Load]:
    return loads(manifest.encode(entries, [HERE]), HERE)


def proven(load: Load, *objects: bytes, chunk: int = 1 << 20) -> int | None:
    proof = Proof(load.files)
    for data in objects:
        proof.mark()
        for start in range(0, len(data), chunk):
            proof.take(data[start : start + chunk])
    return proof.finish()


FILES = {"a": b"alpha", "b": b"", "c": b"gamma and more", "d": b"delta"}


@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 20])
def test_what_is_right_is_found_right_however_it_comes(chunk: int):
    entries, pack = packed(FILES)
    (load,) = plan(entries)
    assert load.objects == (PACK,)
    assert proven(load, pack, chunk=chunk) is None


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize(("path", "line"), [("a", 2), ("c", 4), ("d", 5)])
def test_a_flipped_byte_is_found_in_its_line(path: str, line: int, chunk: int):
    entries, pack = packed(FILES)
    (load,) = plan(entries)
    place = pack.index(FILES[path])
    assert proven(load, pack[:place] + b"X" + pack[place + 1 :], chunk=chunk) == line


@pytest.mark.parametrize(
    ("cut", "line"), [(0, 2), (9, 4), (-6, 5)], ids=["empty", "in-the-middle", "at-the-end"]
)
def test_what_ends_early_is_found(cut: int, line: int):
    entries, pack = packed(FILES)
    (load,) = plan(entries)
    assert proven(load, pack[:cut]) == line


def test_a_file_of_several_objects_is_one():
    data = bytes(range(200))
    names = [f"{HERE}object-1.{number}" for number in range(3)]
    (load,) = plan([entry("large", data, (names[0], 0, 90), (names[1], 0, 90), (names[2], 0, 20))])
    assert load.objects == tuple(names)
    assert proven(load, data[:90], data[90:180], data[180:], chunk=7) is None
    assert proven(load, data[90:180], data[:90], data[180:]) == 2, "in another order it is another file"


def test_an_object_that_comes_again_is_hashed_again():
    data = b"first and second"
    names = [f"{HERE}object-1.0", f"{HERE}object-1.1"]
    (load,) = plan([entry("large", data, (names[0], 0, 5), (names[1], 0, len(data) - 5))])
    proof = Proof(load.files)
    proof.mark()
    proof.take(data[:5])
    proof.mark()
    proof.take(b"torn")
    proof.rewind()
    proof.take(data[5:])
    assert proof.finish() is None


GOOD, _ = packed({"a": b"alpha"})
EVIL = {
    "beyond-the-attempt": ([entry("a", b"x", ("home/b/secret", 0, 1))], "home/b/", "not among the allowed"),
    "another-attempt": (
        [entry("a", b"x", (f"{HERE[:-2]}2/p", 0, 1))],
        f"{HERE[:-2]}2/",
        "not among the allowed",
    ),
    "up-and-out": ([entry("a", b"x", (f"{HERE}../../2/p", 0, 1))], HERE, "outside the header's prefixes"),
    "without-a-hash": (
        [Entry("a", 1, etag="e" * 32, pieces=(Piece(PACK, 0, 1),))],
        HERE,
        "no file with a sha256",
    ),
    "a-hash-that-is-none": ([Entry("a", 1, "zz" * 32, (Piece(PACK, 0, 1),))], HERE, "no file with a sha256"),
    "a-link": ([Entry("a.chrislink", link="home/b")], HERE, "no file with a sha256"),
    "an-empty-file-of-another-content": ([Entry("a", 0, sha(b"x"))], HERE, "hash of another content"),
    "a-piece-within": (
        [entry("a", b"xy", (PACK, 0, 1), (PACK, 1, 1))],
        HERE,
        "does not begin its object",
    ),
}


@pytest.mark.parametrize("case", EVIL)
def test_what_publish_would_not_write_is_refused(case: str):
    entries, prefix, words = EVIL[case]
    with pytest.raises(ManifestError, match=words):
        loads(manifest.encode(entries, [prefix]), HERE)


def test_a_digest_that_is_not_its_lines_is_refused():
    data = manifest.encode(GOOD, [HERE])
    header = manifest.read_header(data)
    other = manifest.encode([], [HERE])
    forged = (
        manifest.compress(header.to_line())
        + other[len(manifest.compress(manifest.read_header(other).to_line())) :]
    )
    with pytest.raises(ManifestError, match="header says"):
        loads(forged, HERE)


def test_files_that_lie_over_each_other_are_refused():
    data = b"overlapping"
    entries = [entry("a", data[:6], (PACK, 0, 6)), entry("b", data[3:], (PACK, 3, len(data) - 3))]
    (load,) = plan(entries)
    assert proven(load, data) == 3


def test_whoever_owns_that_swift_cannot_fill_our_memory():
    header = replace(manifest.read_header(manifest.encode(GOOD, [HERE])), files=MOST_FILES + 1)
    with pytest.raises(ManifestError, match="at most"):
        loads(manifest.compress(header.to_line()), HERE)
    few = replace(header, files=1, bytes=0)
    lines = [entry(name, b"").to_line() for name in "abc"]
    with pytest.raises(ManifestError, match="more lines than files"):
        loads(manifest.compress(few.to_line()) + manifest.compress(b"".join(lines)), HERE)
    endless = manifest.compress(b'{"manifest":1,"files":"' + b"0" * manifest.LINE_BYTES)
    with pytest.raises(ManifestError, match="has a line of"):
        loads(endless, HERE)
