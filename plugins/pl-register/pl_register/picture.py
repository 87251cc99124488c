"""The quality picture: the brain before and after, the standard brain's white matter outlined on both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pl_register.algorithm import WHITE_PROBABILITY, Metric, Volume

# Where the three planes cut the standard brain, mm in its own space: through the deep grey nuclei, the
# precentral gyrus, and off the midline, where white matter has a shape that the eye can follow.
PLANES = {"Axial": (2, 14.0), "Coronal": (1, -14.0), "Sagittal": (0, 24.0)}

# What stands at the left, right, top and bottom of each panel.
MARKS = {"Axial": "RLAP", "Coronal": "RLSI", "Sagittal": "APSI"}

BACKGROUND = "#0b0f14"
TEXT = "#e8edf2"
FAINT = "#93a1ae"
OUTLINE = "#ffb52e"
GOOD = "#5fd38d"
BAD = "#ff6b5e"

MEASURES = {
    "brainMaskDice": "Overlap of the whole brain",
    "whiteMatterDice": "Overlap of the white matter",
    "correlation": "Similarity of brightness",
}


def panel(volume: NDArray[np.floating[Any]], axis: int, index: int) -> NDArray[np.floating[Any]]:
    """One slice as it is shown, first row at the bottom: radiological, the patient's right at the left.

    `volume` has axes (i, j, k) = (left→right, back→front, down→up). A sagittal slice looks to the left: front at
    the left.

    >>> v = np.zeros((2, 3, 4)); v[1, 2, 3] = 1          # right, front, top
    >>> [tuple(int(n) for n in np.argwhere(panel(v, axis, n - 1))[0]) for axis, n in ((0, 2), (1, 3), (2, 4))]
    [(3, 0), (3, 0), (2, 0)]
    """
    return np.take(volume, index, axis=axis).T[:, ::-1]


def grey_range(volume: Volume) -> tuple[float, float]:
    """Darkest and brightest grey: from zero to just above nearly all of the brain."""
    brain = volume[volume > 0]
    return 0.0, float(np.percentile(brain, 99.5)) * 1.05 if brain.size else 1.0


def draw_panel(axes: Any, volume: Volume, white: Volume, plane: str, index: int) -> None:
    """One panel: the brain in grey, the outline over it, the sides marked."""
    axis = PLANES[plane][0]
    low, high = grey_range(volume)
    axes.imshow(panel(volume, axis, index), cmap="gray", vmin=low, vmax=high, origin="lower", interpolation="bilinear")
    axes.contour(panel(white, axis, index), [WHITE_PROBABILITY], colors=OUTLINE, linewidths=0.9)
    axes.set_axis_off()
    places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"), (0.5, 0.99, "center", "top"), (0.5, 0.01, "center", "bottom"))
    for mark, (x, y, horizontal, vertical) in zip(MARKS[plane], places, strict=True):
        axes.text(x, y, mark, transform=axes.transAxes, color=TEXT, fontsize=12, fontweight="bold", ha=horizontal, va=vertical)


def verdict(metric: Metric) -> tuple[str, str]:
    """What to say of a measure, and in which colour.

    >>> verdict(Metric(0.9692, 0.62, 0.95))[0], verdict(Metric(0.9, 0.62, 0.95))[0]
    ('accepted: at least 0.95', 'NOT accepted: below 0.95')
    """
    if metric.threshold is None:
        return "for information", FAINT
    if metric.passed:
        return f"accepted: at least {metric.threshold:.2f}", GOOD
    return f"NOT accepted: below {metric.threshold:.2f}", BAD


def draw_measures(figure: Figure, found: Mapping[str, Metric]) -> None:
    """A small table under the panels: each measure before and after, and whether it is accepted."""
    columns = (0.055, 0.40, 0.52, 0.64)
    top, step = 0.118, 0.030
    for x, title in zip(columns, ("", "Before", "After", ""), strict=True):
        figure.text(x, top, title, color=FAINT, fontsize=11)
    for row, (name, label) in enumerate((name, label) for name, label in MEASURES.items() if name in found):
        said, colour = verdict(found[name])
        words = (label, f"{found[name].before:.2f}", f"{found[name].value:.2f}", said)
        for x, word, shade in zip(columns, words, (TEXT, FAINT, TEXT, colour), strict=True):
            figure.text(x, top - (row + 1) * step, word, color=shade, fontsize=12)


def slices(affine: NDArray[np.float64], shape: Sequence[int]) -> dict[str, int]:
    """Slice numbers of the planes on an axis-aligned grid with a 4×4 affine in mm, kept inside it."""
    inverse = np.linalg.inv(affine)
    found = {}
    for plane, (axis, place) in PLANES.items():
        index = round(float(inverse[axis, axis] * place + inverse[axis, 3]))
        found[plane] = min(max(index, 0), shape[axis] - 1)
    return found


def draw(
    path: Path, before: Volume, after: Volume, white: Volume, affine: NDArray[np.float64], found: Mapping[str, Metric]
) -> None:
    """Save the picture (PNG, 1650 × 1470 pixels).

    `before`, `after` and `white` are on the template's 1 mm grid, axes (i, j, k), 4×4 affine in mm.
    """
    figure = Figure(figsize=(11, 9.8), dpi=150, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    figure.text(0.055, 0.955, "Brain aligned to the MNI152 standard brain", color=TEXT, fontsize=20, fontweight="bold")
    figure.text(0.055, 0.925, "Orange line: edge of the standard brain’s white matter. It should follow the bright white matter of the scan.", color=FAINT, fontsize=11.5)  # noqa: RUF001
    figure.text(0.055, 0.902, "Radiological view: the patient’s right (R) is on the left of the picture.", color=FAINT, fontsize=11.5)  # noqa: RUF001
    at = slices(affine, white.shape)
    for row, (title, volume) in enumerate((("Before: as scanned", before), ("After: aligned", after))):
        bottom = 0.515 - row * 0.37
        figure.text(0.03, bottom + 0.18, title, color=TEXT, fontsize=13, rotation=90, ha="center", va="center")
        for column, plane in enumerate(PLANES):
            axes = figure.add_axes((0.055 + column * 0.315, bottom, 0.305, 0.36))
            draw_panel(axes, volume, white, plane, at[plane])
    draw_measures(figure, found)
    figure.savefig(path, facecolor=BACKGROUND, metadata={"Software": None})
