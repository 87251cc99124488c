"""The quality picture: the brain before and after, the standard brain's white matter outlined on both."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from pl_register.algorithm import WHITE_PROBABILITY, Box, Metric, Volume, bounding_box

# Where the three planes cut the standard brain, mm in its own space: through the deep grey nuclei, the
# precentral gyrus, and off the midline, where white matter has a shape that the eye can follow.
PLANES = {"Axial": (2, 14.0), "Coronal": (1, -14.0), "Sagittal": (0, 24.0)}

# What stands at the left, right, top and bottom of each panel.
MARKS = {"Axial": "RLAP", "Coronal": "RLSI", "Sagittal": "APSI"}

# Where these letters stand, in fractions of the panel.
MARK_PLACES = (
    (0.01, 0.5, "left", "center"),
    (0.99, 0.5, "right", "center"),
    (0.5, 0.995, "center", "top"),
    (0.5, 0.005, "center", "bottom"),
)

BACKGROUND = "#000000"
TEXT = "#eef2f6"
FAINT = "#9fb0bf"
OUTLINE = "#ffb52e"
GOOD = "#5fd38d"
BAD = "#ff6b5e"

SIZE_INCHES = (11.0, 9.6)
DOTS_PER_INCH = 150
LEFT = 0.055
GAP = 0.012
MARGIN_MM = 9
# Light behind dark: a letter stays readable on a bright brain and on black.
HALO = [withStroke(linewidth=3, foreground=BACKGROUND)]

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
    """Darkest and brightest grey: white matter becomes light grey, so that its edge to the cortex stays visible."""
    brain = volume[volume > 0]
    return 0.0, float(np.percentile(brain, 95)) * 1.12 if brain.size else 1.0


def draw_panel(axes: Any, volume: Volume, white: Volume, plane: str, index: int) -> None:
    """One panel: the brain in grey, the outline over it, the sides marked."""
    axis = PLANES[plane][0]
    low, high = grey_range(volume)
    grey = {"cmap": "gray", "vmin": low, "vmax": high}
    axes.imshow(panel(volume, axis, index), origin="lower", interpolation="bicubic", **grey)
    axes.contour(panel(white, axis, index), [WHITE_PROBABILITY], colors=OUTLINE, linewidths=1.0)
    axes.set_axis_off()
    for mark, (x, y, horizontal, vertical) in zip(MARKS[plane], MARK_PLACES, strict=True):
        style = {"color": TEXT, "fontsize": 13, "fontweight": "bold", "path_effects": HALO}
        axes.text(x, y, mark, transform=axes.transAxes, ha=horizontal, va=vertical, **style)


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
    columns = (LEFT, 0.40, 0.50, 0.62)
    top, step = 0.135, 0.031
    for x, title in zip(columns[1:3], ("Before", "After"), strict=True):
        figure.text(x, top, title, color=FAINT, fontsize=11.5)
    shown = [(name, label) for name, label in MEASURES.items() if name in found]
    for row, (name, label) in enumerate(shown):
        said, colour = verdict(found[name])
        words = (label, f"{found[name].before:.2f}", f"{found[name].value:.2f}", said)
        for x, word, shade in zip(columns, words, (TEXT, FAINT, TEXT, colour), strict=True):
            figure.text(x, top - (row + 1) * step, word, color=shade, fontsize=12.5)
    figure.text(LEFT, 0.014, "1.00 would be perfect agreement.", color=FAINT, fontsize=11)


def draw_heading(figure: Figure, subject: str) -> None:
    """What is seen here, in words for someone who has not read any manual."""
    figure.text(
        LEFT, 0.951, "Brain aligned to the MNI152 standard brain", color=TEXT, fontsize=20, fontweight="bold"
    )
    figure.text(0.985, 0.951, subject, color=FAINT, fontsize=13, ha="right")
    lines = (
        "Orange: edge of the white matter in the standard brain. It should follow the white matter of the scan.",
        "Radiological view: the patient's right side (R) is on the left of the picture.",
    )
    for row, line in enumerate(lines):
        figure.text(LEFT, 0.920 - row * 0.024, line, color=FAINT, fontsize=11.5)


def slices(affine: NDArray[np.float64], box: Box) -> dict[str, int]:
    """Slice numbers of the planes on an axis-aligned grid with a 4×4 affine in mm, counted from the box's corner."""
    inverse = np.linalg.inv(affine)
    found = {}
    for plane, (axis, place) in PLANES.items():
        index = round(float(inverse[axis, axis] * place + inverse[axis, 3])) - box[0][axis]
        found[plane] = min(max(index, 0), box[1][axis] - box[0][axis] - 1)
    return found


def places(shape: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Left edge and width of each plane's panel, in fractions of the figure: one scale for all of them."""
    widths = {plane: shape[0 if axis else 1] for plane, (axis, _) in PLANES.items()}
    scale = (0.985 - LEFT - GAP * (len(PLANES) - 1)) / sum(widths.values())
    found, left = {}, LEFT
    for plane, width in widths.items():
        found[plane] = (left, width * scale)
        left += width * scale + GAP
    return found


def draw(
    path: Path,
    subject: str,
    volumes: tuple[Volume, Volume],
    outline: tuple[Volume, NDArray[np.float64]],
    found: Mapping[str, Metric],
) -> None:
    """Save the picture (PNG, 1650 × 1440 pixels).

    `volumes` are the brain before and after, `outline` the standard brain's white-matter probability with its 4×4
    affine in mm; all three on the template's grid, axes (i, j, k).
    """
    white, affine = outline
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    draw_heading(figure, subject)
    box = bounding_box(white > WHITE_PROBABILITY, MARGIN_MM)
    seen = tuple(slice(first, after) for first, after in zip(*box, strict=True))
    at, columns = slices(affine, box), places(white[seen].shape)
    for row, (title, volume) in enumerate(
        zip(("Before: as scanned", "After: aligned"), volumes, strict=True)
    ):
        bottom, height = 0.53 - row * 0.362, 0.352
        figure.text(
            0.028, bottom + height / 2, title, color=TEXT, fontsize=13, rotation=90, ha="center", va="center"
        )
        for plane, (left, width) in columns.items():
            axes = figure.add_axes((left, bottom, width, height))
            draw_panel(axes, volume[seen], white[seen], plane, at[plane])
    draw_measures(figure, found)
    figure.savefig(path, facecolor=BACKGROUND, metadata={"Software": None})
