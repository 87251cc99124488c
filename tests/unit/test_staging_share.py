"""How an input is divided among workers: exactly, evenly, and alike in every pod."""

import itertools
import random
from collections.abc import Iterable

import pytest

from chris_operator.staging.contract import Grant, RunRef, Share, Split, StageJob, SwiftEndpoint
from chris_operator.staging.errors import StagingError
from chris_operator.staging.share import (
    UNITS_PER_WORKER,
    balanced,
    division,
    neighbours,
    own_index,
    own_prefix,
)

Tree = Iterable[tuple[str, int]]


def divided(split: Split, tree: Tree, count: int) -> dict[str, int]:
    """Whose each file is."""
    files, found = list(tree), division(split)
    for path, size in files:
        found.note(path, size)
    found.settle(count)
    return {path: found.worker(path) for path, _ in files}


def units(split: Split, tree: Tree) -> int:
    found = division(split)
    for path, size in tree:
        found.note(path, size)
    return found.units


def loads(owners: dict[str, int], sizes: dict[str, int], count: int) -> list[int]:
    found = [0] * count
    for path, worker in owners.items():
        found[worker] += sizes[path]
    return found


def random_tree(seed: int) -> dict[str, int]:
    """Files of wildly different sizes in nested directories, in a manifest's order."""
    chance = random.Random(seed)  # noqa: S311  a seed makes it the same each time
    names = {
        "/".join(f"d{chance.randrange(6)}" for _ in range(chance.randrange(4))) + f"/f{number}"
        for number in range(chance.choice((1, 7, 60, 900)))
    }
    sizes = (0, 1, 512, 100_000, 3 << 30)
    return {name.lstrip("/"): chance.choice(sizes) for name in sorted(names)}


@pytest.mark.parametrize("split", ["files", "directories"])
@pytest.mark.parametrize("seed", range(40))
def test_every_file_is_given_to_exactly_one_worker(split: Split, seed: int):
    tree, count = random_tree(seed), random.Random(seed).randrange(1, 40)  # noqa: S311  as above
    owners = divided(split, tree.items(), count)
    assert owners.keys() == tree.keys()
    assert set(owners.values()) <= set(range(count))
    assert divided(split, tree.items(), count) == owners
    if count <= units(split, tree.items()):
        assert set(owners.values()) == set(range(count)), "nobody is idle while there is something to share"


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [2, 3, 12])
def test_files_are_shared_evenly_by_bytes(seed: int, count: int):
    tree = random_tree(seed)
    found = loads(divided("files", tree.items(), count), tree, count)
    fair, largest = sum(tree.values()) / count, max(tree.values())
    assert max(found) <= fair * (1 + 2 / UNITS_PER_WORKER) + largest


def test_twelve_alike_are_one_for_each_of_twelve():
    tree = [(f"sub-{number:02}.nii", 1000 + number) for number in range(12)]
    assert sorted(divided("files", tree, 12).values()) == list(range(12))


def test_many_small_files_are_given_out_in_neighbourhoods():
    """Neighbours lie in one pack: a worker reads few ranges, not thousands."""
    count = 8
    owners = list(divided("files", [(f"{number:06}", 100) for number in range(20_000)], count).values())
    changes = sum(one != other for one, other in itertools.pairwise(owners))
    assert changes <= 3 * UNITS_PER_WORKER * count
    shares = [owners.count(worker) for worker in range(count)]
    assert max(shares) <= 1.1 * min(shares)


DIRECTORIES: dict[str, tuple[list[str], list[set[str]]]] = {
    "one-each": (["a/1", "a/2", "b/1"], [{"a/1", "a/2"}, {"b/1"}]),
    "below-what-all-have-in-common": (
        ["home/study/s1/x/1", "home/study/s1/y", "home/study/s2/1"],
        [{"home/study/s1/x/1", "home/study/s1/y"}, {"home/study/s2/1"}],
    ),
    "a-single-series-stays-whole": (["series/1.dcm", "series/2.dcm"], [{"series/1.dcm", "series/2.dcm"}]),
    "files-alone-stay-whole": (["1.dcm", "2.dcm"], [{"1.dcm", "2.dcm"}]),
    "files-beside-go-with-the-first": (
        ["participants.tsv", "sub-1/t1", "sub-2/t1"],
        [{"participants.tsv", "sub-1/t1"}, {"sub-2/t1"}],
    ),
    "files-beside-come-last": (["a/1", "b/1", "z.txt"], [{"a/1", "z.txt"}, {"b/1"}]),
    "alike-names": (["a/1", "a.b/1", "ab/1"], [{"a/1"}, {"a.b/1"}, {"ab/1"}]),
    "deep-then-shallow": (["a/b/c/1", "a/b/d/1", "e/1"], [{"a/b/c/1", "a/b/d/1"}, {"e/1"}]),
    "one-file": (["a/b/1"], [{"a/b/1"}]),
}


@pytest.mark.parametrize(("paths", "expected"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_directories_are_kept_whole(paths: list[str], expected: list[set[str]]):
    tree = [(path, 10) for path in paths]
    assert units("directories", tree) == len(expected)
    owners = divided("directories", tree, len(expected))
    found = [{path for path, owner in owners.items() if owner == worker} for worker in range(len(expected))]
    assert sorted(found, key=sorted) == sorted(expected, key=sorted)


@pytest.mark.parametrize("split", ["files", "directories"])
def test_an_empty_input_has_nothing_to_share(split: Split):
    assert units(split, []) == 0
    assert divided(split, [], 3) == {}


def test_a_huge_input_is_divided_in_runs():
    runs = neighbours([1] * 100_000, 160)
    assert 80 <= runs[-1] + 1 <= 480
    assert list(balanced([], 3)) == []


@pytest.mark.parametrize("value", [None, "", "3", "-1", "x"], ids=str)
def test_a_pod_that_does_not_know_which_worker_it_is_says_so(value: str | None):
    environment = {} if value is None else {"JOB_COMPLETION_INDEX": value}
    with pytest.raises(StagingError, match=r"JOB_COMPLETION_INDEX is .*; must be a number below 3"):
        own_index(Share("files", 3), environment)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(None, "runs/8/attempts/1/"), (Share("index", 3), "runs/8/attempts/1/parts/2/")],
    ids=["alone", "one-of-three"],
)
def test_each_worker_publishes_to_a_directory_of_its_own(share: Share | None, expected: str):
    put = Grant("/v1/AUTH_chris/users/runs/8/attempts/1/", "")
    job = StageJob(RunRef("a", "b", "c", 8, 1), SwiftEndpoint("http://s"), (), (), put, share=share)
    assert own_prefix(job, {"JOB_COMPLETION_INDEX": "2"}) == expected
