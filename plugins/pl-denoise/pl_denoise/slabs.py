"""How a volume is cut into slabs and put together again. Numbers and arrays only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Slab:
    """A part of a volume along one axis: planes `keep` are its own; to compute them, planes `read` are needed."""

    axis: int
    keep: range
    read: range

    @property
    def inside(self) -> slice:
        """Where the planes that are its own lie in what is read."""
        return slice(self.keep.start - self.read.start, self.keep.stop - self.read.start)


class SlabError(Exception):
    """Slabs that do not make one volume; the text says why."""


def slab_axis(shape: Sequence[int]) -> int:
    """The axis to cut: the longest, as there a slab's halo weighs least; of equals the last.

    >>> slab_axis((112, 112, 32)), slab_axis((10, 10, 10))
    (1, 2)
    """
    return max(range(3), key=lambda axis: (shape[axis], axis))


def slab(shape: Sequence[int], width: Sequence[int], part: int, parts: int) -> Slab | None:
    """Part `part` (from 0) of `parts`, or None if there are fewer planes of windows than parts and none is left.

    Windows of `width` are shared out evenly and in order, since they are the work; the voxels at the border belong
    to the outermost windows.

    >>> slab((9, 3, 3), (3, 3, 3), 0, 2)
    Slab(axis=0, keep=range(0, 5), read=range(0, 6))
    >>> slab((9, 3, 3), (3, 3, 3), 1, 2)
    Slab(axis=0, keep=range(5, 9), read=range(4, 9))
    """
    axis = slab_axis(shape)
    size, wide = shape[axis], width[axis]
    windows = size - wide + 1
    first, end = (
        -(-windows * number // parts) for number in (part, part + 1)
    )  # rounded up: the last may be idle
    if first == end:
        return None
    start = first + wide // 2 if first else 0
    stop = end + wide // 2 if end < windows else size
    return Slab(axis, range(start, stop), range(first, end + wide - 1))


def covered(keeps: Sequence[range], size: int) -> list[int]:
    """The order in which slabs cover planes 0 to `size` without a gap or an overlap; raises SlabError.

    >>> covered([range(4, 9), range(0, 4)], 9)
    [1, 0]
    """
    order = sorted(range(len(keeps)), key=lambda number: keeps[number].start)
    reached = 0
    for number in order:
        keep = keeps[number]
        if keep.start != reached:
            fault = "are missing" if keep.start > reached else "are there twice"
            low, high = sorted((keep.start, reached))
            raise SlabError(f"planes {low} to {high - 1} {fault}")
        reached = keep.stop
    if reached != size:
        raise SlabError(f"planes {reached} to {size - 1} are missing")
    return order


def join(arrays: Sequence[NDArray[Any]], axis: int) -> NDArray[Any]:
    """Slabs, in order, as one volume."""
    return np.concatenate(arrays, axis=axis)
