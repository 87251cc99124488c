"""From closed surfaces to voxel labels. Arrays in, arrays out.

Runs when the image is built; the plugin itself only copies the result.
"""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Faces = NDArray[np.integer]

CORTEX = 1
WHITE = 2

# Irrational fractions of a voxel: no ray along k then meets a vertex or an edge of a surface whose
# coordinates are round numbers. Far below the accuracy of any surface (1e-5 voxel).
NUDGE = np.array([np.sqrt(2), np.sqrt(3), np.sqrt(5)]) * 1e-5


def to_voxels(points: Points, affine: NDArray[np.float64]) -> Points:
    """World mm (n, 3) to voxel indices (n, 3), by the inverse of the 4×4 affine voxel → world.

    >>> to_voxels(np.array([[2.0, 4.0, 6.0]]), np.diag([2.0, 2.0, 2.0, 1.0]))
    array([[1., 2., 3.]])
    """
    inverse = np.linalg.inv(affine)
    result: Points = np.asarray(points, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
    return result


def crossings(vertices: Points, faces: Faces) -> tuple[NDArray[np.intp], NDArray[np.intp], Points]:
    """Where the grid's lines along k pierce a surface.

    `vertices` (n, 3) in voxel indices, `faces` (m, 3) vertex numbers. Returns i, j (integers) and k (float) of
    every crossing. A line pierces a triangle if its three barycentric coordinates in the (i, j) plane are ≥ 0.
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    low = np.floor(np.minimum(np.minimum(a, b), c)[:, :2]).astype(np.intp)
    high = np.ceil(np.maximum(np.maximum(a, b), c)[:, :2]).astype(np.intp)
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    found = []
    for di, dj in np.ndindex(*(int(extent) for extent in (high - low).max(axis=0) + 1)):
        at = low + np.array((di, dj))
        todo = np.flatnonzero((at <= high).all(axis=1) & (area != 0))
        p = at[todo] - a[todo, :2]
        s = (p[:, 0] * ac[todo, 1] - p[:, 1] * ac[todo, 0]) / area[todo]
        t = (ab[todo, 0] * p[:, 1] - ab[todo, 1] * p[:, 0]) / area[todo]
        inside = (s >= 0) & (t >= 0) & (s + t <= 1)
        hit = todo[inside]
        found.append((at[hit, 0], at[hit, 1], a[hit, 2] + s[inside] * ab[hit, 2] + t[inside] * ac[hit, 2]))
    i, j, k = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, k


def inside_surface(vertices: Points, faces: Faces, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Voxels (i, j, k) whose centre lies inside a closed surface: an odd number of crossings below it.

    `vertices` (n, 3) in voxel indices. Raises ValueError if the surface leaves the grid or is not closed.

    >>> corners = np.array([(i, j, k) for i in (1, 4) for j in (1, 4) for k in (1, 4)]) - 0.5
    >>> quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    >>> cube = np.array([part for a, b, c, d in quads for part in ((a, b, c), (a, c, d))])
    >>> int(inside_surface(corners, cube, (6, 6, 6)).sum())
    27
    """
    if (vertices.min(axis=0) < 0).any() or (vertices.max(axis=0) > np.array(shape) - 1).any():
        message = f"surface reaches from {vertices.min(axis=0)} to {vertices.max(axis=0)}: outside a grid of {shape}"
        raise ValueError(message)
    i, j, k = crossings(vertices + NUDGE, faces)
    parity = np.zeros(shape, dtype=np.uint8)
    np.bitwise_xor.at(parity, (i, j, np.ceil(k).astype(np.intp)), 1)
    filled: NDArray[np.uint8] = np.bitwise_xor.accumulate(parity, axis=2)
    if filled[:, :, -1].any():
        message = (
            f"{int(filled[:, :, -1].sum())} grid lines enter the surface and never leave it: it is not closed"
        )
        raise ValueError(message)
    return filled.astype(bool)


def ribbon(
    pial: list[tuple[Points, Faces]], white: list[tuple[Points, Faces]], shape: tuple[int, int, int]
) -> NDArray[np.int16]:
    """Labels (i, j, k) of a cerebrum: 1 cortex, 2 white matter and everything deep to it, 0 outside.

    One surface per hemisphere, vertices in voxel indices. The pial surfaces are filled first, white over them:
    where they touch, white wins.
    """
    labels = np.zeros(shape, dtype=np.int16)
    for value, surfaces in ((CORTEX, pial), (WHITE, white)):
        for vertices, faces in surfaces:
            labels[inside_surface(vertices, faces, shape)] = value
    return labels


def volume_cm3(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> float:
    """Volume of the true voxels in cm³, from the 4×4 affine in mm.

    >>> volume_cm3(np.ones((10, 10, 10), bool), np.eye(4))
    1.0
    """
    return float(mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)
