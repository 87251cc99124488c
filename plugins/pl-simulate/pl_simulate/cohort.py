"""Another subject from a head: turned, moved, stretched, smoothly bent, and scanned with another gain and new noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

Bytes = NDArray[np.uint8]

CONTROLS = 8
"""Control points of the bending along each axis."""
DEGREES = 10.0
SHIFT_VOXELS = 8.0
STRETCH = 0.06
BEND_VOXELS = 4.0
GAIN = 0.2
NOISE = 0.02
"""Of the head's brightest."""
PLANES = 32
"""So many planes at a time: memory stays small."""


@dataclass(frozen=True)
class Subject:
    """How one differs from the head: matrix and shift about the grid's centre in voxels, bending, gain, a seed."""

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    bending: NDArray[np.float64]
    """Displacement at the control points, (3, CONTROLS, CONTROLS, CONTROLS), voxels."""
    gain: float
    seed: list[int]


def subject(number: int, seed: int) -> Subject:
    """Subject `number`; the same number and seed give the same."""
    random = np.random.default_rng([seed, number])
    angles = random.uniform(-DEGREES, DEGREES, 3)
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return Subject(
        turn * random.uniform(1 - STRETCH, 1 + STRETCH, 3),
        random.uniform(-SHIFT_VOXELS, SHIFT_VOXELS, 3),
        random.uniform(-BEND_VOXELS, BEND_VOXELS, (3, CONTROLS, CONTROLS, CONTROLS)),
        1 + random.uniform(-GAIN, GAIN),
        [seed, number, 1],
    )


def spline(size: int, controls: int) -> NDArray[np.float64]:
    """Weights of cubic B-splines whose control points span a line evenly, (size, controls).

    Each row adds up to 1 but at the ends, where the bending fades away.

    >>> spline(9, 3).round(2)[::4].tolist()
    [[0.67, 0.17, 0.0], [0.17, 0.67, 0.17], [0.0, 0.17, 0.67]]
    """
    places = np.linspace(0, controls - 1, size)
    distance = np.abs(places[:, None] - np.arange(controls))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far)


def displacement(bending: NDArray[np.float64], shape: tuple[int, ...], planes: slice) -> NDArray[np.float32]:
    """The bending at every voxel of some planes along i, in voxels, (3, planes, j, k)."""
    along = [spline(size, CONTROLS) for size in shape]
    at = np.einsum("dabc,ia->dibc", bending, along[0][planes])
    at = np.einsum("dibc,jb->dijc", at, along[1])
    return np.matmul(at.astype(np.float32), along[2].T.astype(np.float32))


def places(how: Subject, shape: tuple[int, ...], planes: slice) -> NDArray[np.float32]:
    """Where in the head each voxel of some planes comes from, (3, planes, j, k)."""
    centre = (np.array(shape) - 1) / 2
    grid = np.indices((planes.stop - planes.start, *shape[1:]), np.float32)
    grid[0] += planes.start
    grid -= centre.astype(np.float32)[:, None, None, None]
    moved = np.tensordot(how.matrix.astype(np.float32), grid, axes=1)
    moved += (centre + how.shift).astype(np.float32)[:, None, None, None]
    return moved + displacement(how.bending, shape, planes)


def warped(head: Bytes, masks: Sequence[Bytes], how: Subject) -> list[Bytes]:
    """A head (i, j, k) and its masks as this subject has them: it linearly, they by the nearest voxel."""
    found = [np.empty_like(volume) for volume in (head, *masks)]
    for start in range(0, head.shape[0], PLANES):
        planes = slice(start, min(start + PLANES, head.shape[0]))
        at = places(how, head.shape, planes)
        for target, volume, order in zip(found, (head, *masks), (1, *[0] * len(masks)), strict=True):
            target[planes] = np.rint(map_coordinates(volume, at, np.float32, order=order, prefilter=False))
    return found


def scanned(head: Bytes, how: Subject) -> Bytes:
    """A head with this subject's gain and noise."""
    noise = np.random.default_rng(how.seed).standard_normal(head.shape, np.float32)
    bright = np.float32(how.gain) * head + np.float32(NOISE * head.max()) * noise
    return np.clip(np.rint(bright), 0, 255).astype(np.uint8)
