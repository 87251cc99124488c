"""A diffusion series on a real brain's shape: what a scanner would measure of a few tissues, with its noise.

Tissues fill 2 mm voxels in parts; each has its signal without weighting and its diffusion. White matter's fibres run
towards the nearest cortex, by geometry and not by anatomy: enough for a signal that varies as smoothly and as sharply
as a real one. Noise is that of a magnitude image (Rice), of one strength everywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.float32]
Corner = tuple[int, int, int]

VOXEL_MM = 2
SHAPE = (104, 104, 72)
"""A usual matrix at 2 mm for a whole brain, 208 × 208 × 144 mm; UK Biobank's."""
B0_VOLUMES = 5
B_VALUE = 1000.0
"""s/mm²."""


@dataclass(frozen=True)
class Tissue:
    """Signal without weighting, and diffusion along and across fibres in mm²/s."""

    signal: float
    along: float
    across: float


# Rounded literature values at 3 T; `rest` is all of the brain that is neither: fluid, cerebellum, brain stem.
TISSUES = {
    "cortex": Tissue(800, 0.8e-3, 0.8e-3),
    "white": Tissue(600, 1.7e-3, 0.3e-3),
    "rest": Tissue(1000, 2.0e-3, 2.0e-3),
}


@dataclass(frozen=True)
class Brain:
    """The share of each tissue in each voxel (i, j, k), 0…1, and the unit direction of fibres, (i, j, k, 3), RAS."""

    shares: dict[str, Volume]
    fibres: Volume


def halved(volume: NDArray[Any]) -> Volume:
    """Means of blocks of 2×2×2 voxels, of a volume (i, j, k) of even size.

    >>> halved(np.arange(8).reshape(2, 2, 2))
    array([[[3.5]]], dtype=float32)
    """
    i, j, k = (size // 2 for size in volume.shape)
    return volume.reshape(i, 2, j, 2, k, 2).astype(np.float32).mean(axis=(1, 3, 5))


def corner_of(brain: Volume, shape: Sequence[int]) -> Corner:
    """First voxel of a box of `shape` amid what is brain; it may lie outside of the volume."""
    corner = []
    for axis, size in enumerate(shape):
        line = np.flatnonzero(brain.any(axis=tuple({0, 1, 2} - {axis})))
        corner.append((int(line[0]) + int(line[-1]) + 1 - size) // 2)
    return corner[0], corner[1], corner[2]


def cut(volume: Volume, corner: Corner, shape: Sequence[int]) -> Volume:
    """The box of `shape` at `corner`; what lies outside of the volume is 0.

    >>> cut(np.ones((2, 2, 2), np.float32), (-1, 0, 1), (2, 1, 2))[:, 0]
    array([[0., 0.],
           [1., 0.]], dtype=float32)
    """
    found = np.zeros(shape, np.float32)
    pairs = list(zip(corner, shape, volume.shape, strict=True))
    inside = tuple(slice(max(start, 0), min(start + size, whole)) for start, size, whole in pairs)
    there = tuple(
        slice(part.start - start, part.stop - start) for part, start in zip(inside, corner, strict=True)
    )
    found[there] = volume[inside]
    return found


def smoothed(volume: Volume, times: int = 3) -> Volume:
    """Means of three neighbours along each axis, again and again; the border is repeated."""
    for axis in [0, 1, 2] * times:
        padded = np.pad(volume, [(1, 1) if each == axis else (0, 0) for each in range(3)], mode="edge")
        low, middle, high = (
            np.take(padded, range(step, step + volume.shape[axis]), axis) for step in range(3)
        )
        volume = (low + middle + high) / np.float32(3)
    return volume


def directions_of(white: Volume) -> Volume:
    """Unit vectors along the slope of the smoothed white matter, (i, j, k, 3); along i where there is none."""
    slope = np.stack(np.gradient(smoothed(white)), axis=-1)
    slope[..., 0] += 1e-6
    return (slope / np.linalg.norm(slope, axis=-1, keepdims=True)).astype(np.float32)


def brain_of(labels: NDArray[Any], mask: NDArray[Any], shape: Sequence[int]) -> tuple[Brain, Corner]:
    """Tissue shares at 2 mm from labels (1 cortex, 2 white) and a brain mask at 1 mm, and where the box lies."""
    cortex, white, brain = (halved(volume) for volume in (labels == 1, labels == 2, mask > 0))  # noqa: PLR2004
    corner = corner_of(brain, shape)
    shares = {"cortex": cortex, "white": white, "rest": np.maximum(brain - cortex - white, 0)}
    shares = {name: cut(volume, corner, shape) for name, volume in shares.items()}
    return Brain(shares, directions_of(shares["white"])), corner


def gradients(directions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """b-values, (N,), and unit directions, (N, 3) in RAS: volumes without weighting, then a spiral over half a sphere.

    >>> bvals, bvecs = gradients(3)
    >>> bvals.tolist(), bvecs[5:].round(2).tolist()
    ([0.0, 0.0, 0.0, 0.0, 0.0, 1000.0, 1000.0, 1000.0], [[0.55, 0.0, 0.83], [-0.64, 0.58, 0.5], [0.09, -0.98, 0.17]])
    """
    number = np.arange(directions)
    height = 1 - (number + 0.5) / directions
    turn = number * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - height**2)
    bvecs = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    none = np.zeros((B0_VOLUMES, 3))
    return np.repeat([0.0, B_VALUE], [B0_VOLUMES, directions]), np.concatenate([none, bvecs])


def signal(brain: Brain, bval: float, bvec: NDArray[np.float64]) -> Volume:
    """One volume without noise."""
    aligned = (brain.fibres @ bvec.astype(np.float32)) ** 2
    total = np.zeros(aligned.shape, np.float32)
    for name, tissue in TISSUES.items():
        diffusion = tissue.across + (tissue.along - tissue.across) * aligned
        total += brain.shares[name] * np.float32(tissue.signal) * np.exp(-bval * diffusion).astype(np.float32)
    return total


def magnitude(clean: Volume, sigma: float, random: np.random.Generator) -> Volume:
    """A volume with Gaussian noise in both channels of the receiver, and then its magnitude."""
    real, imaginary = (random.standard_normal(clean.shape, np.float32) * np.float32(sigma) for _ in range(2))
    return np.hypot(clean + real, imaginary)


def series(brain: Brain, directions: int, sigma: float, seed: int) -> Iterator[NDArray[np.int16]]:
    """The volumes as a scanner stores them, rounded; `sigma` 0 gives the truth."""
    for number, (bval, bvec) in enumerate(zip(*gradients(directions), strict=True)):
        clean = signal(brain, float(bval), bvec)
        noisy = magnitude(clean, sigma, np.random.default_rng([seed, number])) if sigma else clean
        yield np.rint(noisy).astype(np.int16)
