"""Medians, percentiles, and how sure we may be of a median."""

import random
import statistics
from collections.abc import Sequence

_DRAWS = 2_000


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0…1) of all do not exceed, between neighbours in proportion.

    >>> percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5), percentile([0.0, 10.0], 0.95)
    (3.0, 9.5)
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Bootstrap confidence interval of the median; the same values give the same interval."""
    draw = random.Random(1)  # noqa: S311  no secret
    medians = [statistics.median(draw.choices(values, k=len(values))) for _ in range(_DRAWS)]
    tail = (1 - confidence) / 2
    return percentile(medians, tail), percentile(medians, 1 - tail)
