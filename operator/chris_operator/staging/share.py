"""Which files of the input are whose: by file or by directory, balanced by bytes.

Every worker divides the whole input from the same manifests and so comes to the same result; nobody has to tell
anybody. The files come by twice in the same order: first to be counted (`note`), then to be given out (`worker`).
"""

import heapq
from array import array
from collections.abc import Mapping, Sequence
from typing import Protocol

from chris_operator.staging import contract
from chris_operator.staging.contract import Share, StageJob
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import path_key

UNITS_PER_WORKER = 16
"""More files than this for each worker are given out in runs of neighbours, which lie together in Swift."""


def own_index(share: Share, environment: Mapping[str, str]) -> int:
    """The index of the worker that this pod is."""
    text = environment.get(contract.INDEX_VARIABLE, "")
    if not (text.isdecimal() and int(text) < share.count):
        words = f"{contract.INDEX_VARIABLE} is {text!r}; must be a number below {share.count}"
        raise StagingError("JobInvalid", words)
    return int(text)


def own_prefix(job: StageJob, environment: Mapping[str, str]) -> str:
    """Where this pod publishes, relative to the container: its attempt's directory, or its part of it."""
    prefix = job.put.prefix.removeprefix(job.container_path)
    return prefix if job.share is None else part_prefix(prefix, own_index(job.share, environment))


def part_prefix(attempt: str, index: int) -> str:
    """The directory of a worker's part below that of its attempt.

    >>> part_prefix("runs/7/attempts/1/", 3)
    'runs/7/attempts/1/parts/3/'
    """
    return f"{attempt}{contract.PARTS_DIR}{index}/"


class Division(Protocol):
    """A way to divide the input."""

    def note(self, path: str, size: int) -> None:
        """First reading: a file of the input."""

    @property
    def units(self) -> int:
        """How many things there are to give out: more workers than this would find nothing to do."""

    def settle(self, count: int) -> None:
        """Between the readings: give everything out to so many workers."""

    def worker(self, path: str) -> int:
        """Second reading: whose file this is."""


def division(split: contract.Split) -> Division:
    """How an input is divided that is not left whole (`index`)."""
    return Directories() if split == "directories" else Files()


class Files:
    """Each file for itself."""

    def __init__(self) -> None:
        self._sizes = array("Q")
        self._workers: Sequence[int] = ()
        self._next = 0

    def note(self, _path: str, size: int) -> None:
        """First reading: a file of the input."""
        self._sizes.append(size)

    @property
    def units(self) -> int:
        """How many files there are."""
        return len(self._sizes)

    def settle(self, count: int) -> None:
        """Give the files out, many of them in runs of neighbours."""
        most = UNITS_PER_WORKER * count
        if len(self._sizes) <= most:
            self._workers = balanced(self._sizes, count)
            return
        runs = neighbours(self._sizes, most)
        sums = array("Q", bytes(8 * (runs[-1] + 1)))
        for run, size in zip(runs, self._sizes, strict=True):
            sums[run] += size
        owners = balanced(sums, count)
        self._workers = array("I", (owners[run] for run in runs))

    def worker(self, _path: str) -> int:
        """Second reading: whose file this is."""
        self._next += 1
        return self._workers[self._next - 1]


class Directories:
    """The directories below the deepest one that all files have in common, each of them whole.

    Files that lie beside these directories go with the first of them; where there are none, all stays together.
    """

    def __init__(self) -> None:
        self._common: list[str] | None = None
        self._sizes: dict[str, int] = {}
        self._workers: dict[str, int] = {}

    def note(self, path: str, size: int) -> None:
        """First reading: a file of the input."""
        folders = path.split("/")[:-1]
        if self._common is None:
            self._common = folders
        shared = _shared(self._common, folders)
        if shared < len(self._common):  # what was noted so far lies in one directory of the new level
            self._sizes = {self._common[shared]: sum(self._sizes.values())}
            self._common = self._common[:shared]
        name = folders[shared] if len(folders) > shared else ""
        self._sizes[name] = self._sizes.get(name, 0) + size

    @property
    def units(self) -> int:
        """How many directories there are."""
        return len(self._sizes) - (len(self._sizes) > 1 and "" in self._sizes)

    def settle(self, count: int) -> None:
        """Give the directories out."""
        beside = self._sizes.pop("", None)
        names = sorted(self._sizes, key=path_key) or [""]
        sizes = [self._sizes.get(name, 0) for name in names]
        sizes[0] += beside or 0
        self._workers = dict(zip(names, balanced(sizes, count), strict=True))
        self._workers.setdefault("", self._workers[names[0]])

    def worker(self, path: str) -> int:
        """Second reading: whose file this is."""
        folders, depth = path.split("/")[:-1], len(self._common or ())
        return self._workers[folders[depth] if len(folders) > depth else ""]


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts two paths have in common at their beginning."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))


def balanced(sizes: Sequence[int], count: int) -> "array[int]":
    """The worker of each unit: the largest first, each to whoever has least by then.

    >>> list(balanced([5, 3, 3, 1], 2)), list(balanced([0, 0, 0], 2))
    ([0, 1, 1, 0], [0, 1, 0])
    """
    found = array("I", bytes(4 * len(sizes)))
    workers = [(0, 0, worker) for worker in range(count)]
    for unit in sorted(range(len(sizes)), key=lambda each: (-sizes[each], each)):
        load, held, worker = workers[0]
        heapq.heapreplace(workers, (load + sizes[unit], held + 1, worker))
        found[unit] = worker
    return found


def neighbours(sizes: Sequence[int], most: int) -> "array[int]":
    """The number of each unit's run of neighbours, of which there are about `most`, alike in bytes and in length.

    >>> list(neighbours([1, 1, 1, 9, 1, 1], 3))
    [0, 0, 0, 1, 2, 2]
    """
    bytes_each, units_each = sum(sizes) // most + 1, len(sizes) // most + 1
    found = array("I")
    run = held = units = 0
    for size in sizes:
        if units and (held + size > bytes_each or units >= units_each):
            run, held, units = run + 1, 0, 0
        held, units = held + size, units + 1
        found.append(run)
    return found
