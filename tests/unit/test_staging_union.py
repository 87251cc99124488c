"""Several workers' entries become one list: exact, in order, each path once, and whoever clashes is named."""

import hashlib

import pytest

from chris_operator.staging import union
from chris_operator.staging.manifest import Entry, Header, sort_key
from chris_operator.staging.union import CLASHES_TOLD, Clash, Sieve, Used

SHA = hashlib.sha256(b"x").hexdigest()


def united(*parts: list[str]) -> tuple[list[str], Sieve]:
    """The paths that stand together, and the sieve they went through."""
    entries = [sorted((Entry(path, sha256=SHA) for path in paths), key=sort_key) for paths in parts]
    sieve = Sieve()
    found = sieve.through(union.merged([union.lines(n, each) for n, each in enumerate(entries)]))
    return [entry.path for entry in found], sieve


CASES: dict[str, tuple[list[list[str]], list[str], list[Clash]]] = {
    "none": ([], [], []),
    "apart": ([["b", "d"], ["a", "c"]], ["a", "b", "c", "d"], []),
    "one-is-empty": ([["a"], [], ["b"]], ["a", "b"], []),
    "order-is-that-of-directories": ([["a.b", "a/c"], ["a/b"]], ["a/b", "a/c", "a.b"], []),
    "same-path": ([["a", "b"], ["b", "c"]], ["a", "b", "c"], [Clash("b", 0, 1)]),
    "three-write-it": ([["a"], ["a"], ["a"]], ["a"], [Clash("a", 0, 1), Clash("a", 0, 2)]),
    "below-the-others-file": ([["a/b", "a/c"], ["a"]], ["a"], [Clash("a/b", 1, 0), Clash("a/c", 1, 0)]),
    "beside-it": ([["a.b"], ["a"]], ["a", "a.b"], []),
}


@pytest.mark.parametrize(("parts", "paths", "clashes"), CASES.values(), ids=CASES)
def test_union(parts: list[list[str]], paths: list[str], clashes: list[Clash]):
    found, sieve = united(*parts)
    assert (found, sieve.told, sieve.clashes) == (paths, clashes, len(clashes))


def test_countless_clashes_are_counted_and_some_are_told():
    names = [f"{number:05}" for number in range(CLASHES_TOLD + 5)]
    found, sieve = united(names, names)
    assert (len(found), sieve.clashes, len(sieve.told)) == (len(names), len(names), CLASHES_TOLD)


def header(**usage: object) -> Header:
    return Header(0, 0, "sha256:0", (), usage=usage or None)


def test_what_workers_used_together():
    used = Used()
    used.add(
        header(
            cpuSeconds=1.5, peakMemoryBytes=10, started="2026-01-01T00:00:05Z", ended="2026-01-01T00:00:09Z"
        )
    )
    used.add(
        header(
            cpuSeconds=2.0, peakMemoryBytes=30, started="2026-01-01T00:00:01Z", ended="2026-01-01T00:00:03Z"
        )
    )
    used.add(header(cpuSeconds=None, peakMemoryBytes=None))
    used.add(header())
    assert used == Used(3.5, 30, "2026-01-01T00:00:01Z", "2026-01-01T00:00:09Z")
    assert Used().fields()["cpuSeconds"] is None
