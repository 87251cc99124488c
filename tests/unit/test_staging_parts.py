"""Staging's arithmetic and its crew, without any Swift."""

import hashlib
import itertools
import os
import threading
from collections import deque
from pathlib import Path

import pytest

from chris_operator.staging.crew import Crew, Stopped, taken
from chris_operator.staging.download import (
    GROUP_FILES,
    HEAD_BYTES,
    LARGE_BYTES,
    LONG_BYTES,
    RANGE_BYTES,
    WINDOW_BYTES,
    Small,
    hash_range,
    parts,
    plan,
)
from chris_operator.staging.manifest import Entry, Piece
from chris_operator.staging.placing import Member
from chris_operator.staging.publish import parse_usage
from chris_operator.staging.tarpack import header, header_bytes, member_bytes
from chris_operator.staging.upload import piece_sizes

MIB = 1 << 20


def member(path: str, *pieces: Piece) -> Member:
    size = sum(piece.size for piece in pieces)
    return Member(Entry(path, size, hashlib.sha256().hexdigest(), pieces), path, 2)


def in_pack(path: str, offset: int, size: int = 10, pack: str = "pack-1") -> Member:
    return member(path, Piece(pack, offset, size))


PLANS: dict[str, tuple[list[Member], list[list[str]]]] = {
    "neighbours": ([in_pack("a", 512), in_pack("b", 1536)], [["a", "b"]]),
    "far-apart": ([in_pack("a", 512), in_pack("b", 10 * MIB)], [["a"], ["b"]]),
    "backwards": ([in_pack("a", 1536), in_pack("b", 512)], [["a"], ["b"]]),
    "two-packs-alternating": (
        [in_pack("a", 512), in_pack("b", 512, pack="pack-2"), in_pack("c", 1536)],
        [["a", "c"], ["b"]],
    ),
    "large-between": (
        [in_pack("a", 512), member("b", Piece("o", 0, LARGE_BYTES + 1)), in_pack("c", 1536)],
        [["b"], ["a", "c"]],
    ),
    "pieces": ([member("a", Piece("o.0", 0, 5), Piece("o.1", 0, 5))], [["a"]]),
    "whole-objects": (
        [member("a", Piece("o", 0, 5, "e" * 32)), member("b", Piece("p", 0, 5, "e" * 32))],
        [["a"], ["b"]],
    ),
    "empty": ([member("a"), in_pack("b", 512), member("c")], [["a", "c"], ["b"]]),
    "nothing": ([], []),
}


@pytest.mark.parametrize(("members", "groups"), PLANS.values(), ids=PLANS)
def test_neighbours_share_a_request(members: list[Member], groups: list[list[str]]):
    found = [
        [each.path for each in work.members] if isinstance(work, Small) else [work.member.path]
        for work in plan(members)
    ]
    assert found == groups


def test_groups_are_bounded():
    members = [in_pack(f"{number:06}", 512 + 1024 * number) for number in range(GROUP_FILES + 1)]
    assert [len(work.members) for work in plan(members) if isinstance(work, Small)] == [GROUP_FILES, 1]


def test_pieces_are_read_in_ranges():
    pieces = [Piece("o.0", 0, RANGE_BYTES + 2 * MIB), Piece("o.1", 7, LONG_BYTES), Piece("o.2", 0, 5)]
    assert [(part.piece.object, part.offset, part.size) for part in parts(pieces)] == [
        ("o.0", 0, HEAD_BYTES),
        ("o.0", HEAD_BYTES, RANGE_BYTES),
        ("o.0", HEAD_BYTES + RANGE_BYTES, MIB),
        ("o.1", 7, LONG_BYTES),
        ("o.2", 0, 5),
    ]
    places = [part.place for part in parts(pieces)]
    assert places == list(itertools.accumulate((part.size for part in parts(pieces)), initial=0))[:-1]


@pytest.mark.parametrize("tasks", [1, 3])
def test_tasks_share_what_is_to_do(tasks: int):
    numbers = deque(range(5))
    shares = [taken(numbers) for _ in range(tasks)]
    assert sorted(
        number for share in itertools.zip_longest(*shares) for number in share if number is not None
    ) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("start", "size"), [(0, 10), (5000, 3), (4095, 2 * WINDOW_BYTES), (WINDOW_BYTES - 1, 4096)]
)
def test_any_range_of_a_file_is_hashed(tmp_path: Path, start: int, size: int):
    data = os.urandom(start + size + 10)
    (tmp_path / "file").write_bytes(data)
    seen = hashlib.sha256()
    with (tmp_path / "file").open("rb") as file:
        hash_range(seen, file.fileno(), start, size)
    assert seen.hexdigest() == hashlib.sha256(data[start : start + size]).hexdigest()


@pytest.mark.parametrize("size", [1, 64 * MIB, 64 * MIB + 1, 300 * MIB, 5000 * MIB, 20_000 * MIB])
def test_pieces_add_up_and_stay_below_the_largest(size: int):
    sizes = piece_sizes(size, 1024 * MIB)
    assert sum(sizes) == size
    assert max(sizes) <= 1024 * MIB


@pytest.mark.parametrize("length", [1, 100, 101, 511, 512, 600])
def test_tar_headers_are_as_long_as_they_say(length: int):
    name = b"n" * length
    assert len(header(name, 5)) == header_bytes(name) == member_bytes(name, 0)


def test_the_first_error_stops_the_crew():
    begun = threading.Event()

    def fail() -> None:
        begun.wait()
        raise ValueError("first")

    def wait(crew: Crew) -> None:
        begun.set()
        crew.stopped.wait()
        raise Stopped

    crew = Crew(2)
    crew.submit(lambda: wait(crew))
    crew.submit(fail)
    with pytest.raises(ValueError, match="first"):
        crew.finish()


def test_an_error_of_the_block_precedes_the_tasks():
    with pytest.raises(KeyError), Crew(1) as crew:
        raise KeyError
    assert crew.stopped.is_set()


USAGES = {
    "whole": (b'{"exitCode":3,"cpuSeconds":1.5,"peakMemoryBytes":7}', (3, 1.5, 7)),
    "unknown": (b'{"exitCode":0,"cpuSeconds":null,"peakMemoryBytes":null}', (0, None, None)),
    "no-json": (b"x", (None, None, None)),
    "list": (b"[]", (None, None, None)),
    "infinite": (b'{"exitCode":Infinity,"cpuSeconds":NaN,"peakMemoryBytes":-1}', (None, None, None)),
    "huge": (b'{"exitCode":' + b"9" * 100 + b"}", (None, None, None)),
    "bool": (b'{"exitCode":true}', (None, None, None)),
}


@pytest.mark.parametrize(("text", "expected"), USAGES.values(), ids=USAGES)
def test_usage_is_sensible_or_unknown(text: bytes, expected: tuple[object, ...]):
    usage = parse_usage(text)
    assert (usage.exit_code, usage.cpu_seconds, usage.peak_memory_bytes) == expected
