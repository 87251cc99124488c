"""How well two heads agree, and which part of a grid a brain takes. Arrays in, numbers out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Volume = NDArray[np.float32]
Box = tuple[tuple[int, int, int], tuple[int, int, int]]

# Just under what the fast preset reaches on a healthy adult (0.969 and 0.713), far above no registration at all.
BRAIN_THRESHOLD = 0.95
WHITE_THRESHOLD = 0.70

# Of the template's maximum: above it is brain, as nilearn's own MNI152 mask has it.
TEMPLATE_BRAIN_LEVEL = 0.2
WHITE_PROBABILITY = 0.5


def dice(a: Mask, b: Mask) -> float:
    """Overlap of two masks of equal shape, 0 to 1; 0 if both are empty, as nothing was found twice.

    >>> dice(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def correlation(a: Volume, b: Volume, where: Mask) -> float:
    """Normalised cross-correlation (Pearson) of two volumes of equal shape inside a mask; 0 if one is constant.

    >>> correlation(np.array([1, 2, 9.0]), np.array([2, 4, 0.0]), np.array([True, True, False]))
    1.0
    """
    x, y = (volume[where].astype(np.float64) for volume in (a, b))
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


def brain_of(template: Volume) -> Mask:
    """Brain mask of a skull-stripped template."""
    return template > TEMPLATE_BRAIN_LEVEL * float(template.max())


def bounding_box(mask: Mask, margin: int) -> Box:
    """First corner and the corner after the last one of all true voxels plus `margin`, clipped to the grid.

    Raises ValueError if the mask is empty.

    >>> bounding_box(np.pad(np.ones((2, 2, 2), bool), 3), 1)
    ((2, 2, 2), (6, 6, 6))
    """
    if not mask.any():
        message = "the brain mask is empty: no voxel is above one half; give a mask of the same scan"
        raise ValueError(message)
    lines = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = [max(int(line[0]) - margin, 0) for line in lines]
    high = [min(int(line[-1]) + 1 + margin, size) for line, size in zip(lines, mask.shape, strict=True)]
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def pack(masks: Mapping[str, Mask]) -> NDArray[np.uint8]:
    """At most eight masks of equal shape as one label volume, one bit each: they are then warped in one go."""
    packed = np.zeros(next(iter(masks.values())).shape, dtype=np.uint8)
    for bit, mask in enumerate(masks.values()):
        packed |= mask.astype(np.uint8) << bit
    return packed


def unpack(packed: NDArray[np.generic], names: list[str]) -> dict[str, Mask]:
    """The masks of `pack`, in the same order.

    >>> unpack(np.array([0, 1, 3]), ["brain", "white"])["white"]
    array([False, False,  True])
    """
    whole = np.rint(packed.astype(np.float32)).astype(np.uint8)
    return {name: (whole >> bit & 1).astype(bool) for bit, name in enumerate(names)}


@dataclass(frozen=True)
class Metric:
    """One measure: after registration, before it, and the least value that is accepted (None: no limit is set)."""

    value: float
    before: float
    threshold: float | None

    @property
    def passed(self) -> bool:
        """Whether the value is accepted."""
        return self.threshold is None or self.value >= self.threshold

    @property
    def passed_before(self) -> bool:
        """Whether the scan would have been accepted without any registration."""
        return self.threshold is None or self.before >= self.threshold


@dataclass(frozen=True)
class OnTemplate:
    """A scan brought to the template's grid: the brain's intensities, and masks by name (brain, perhaps white)."""

    head: Volume
    masks: dict[str, Mask]


def metrics(after: OnTemplate, before: OnTemplate, template: Volume, white: Volume) -> dict[str, Metric]:
    """Every measure that the input allows, by name.

    `template` is the skull-stripped T1, `white` the white-matter probability 0…1, all on one grid (i, j, k).
    """
    brain = brain_of(template)
    found = {
        "brainMaskDice": Metric(
            dice(after.masks["brain"], brain), dice(before.masks["brain"], brain), BRAIN_THRESHOLD
        ),
        "correlation": Metric(
            correlation(after.head, template, brain), correlation(before.head, template, brain), None
        ),
    }
    if "white" in after.masks:
        truth = white > WHITE_PROBABILITY
        found["whiteMatterDice"] = Metric(
            dice(after.masks["white"], truth), dice(before.masks["white"], truth), WHITE_THRESHOLD
        )
    return found
