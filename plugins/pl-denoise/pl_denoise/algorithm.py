"""MP-PCA (Veraart et al., NeuroImage 142, 2016): noise told from signal by the Marchenko-Pastur law.

Around each voxel lies a window of M voxels with N volumes each. The eigenvalues of its N×N covariance that noise
alone brings forth follow the Marchenko-Pastur law, whose width gives the noise's variance; components below the
law's upper edge are dropped. A voxel takes its value from the window that it is the centre of, at the volume's
border from the nearest window. So it depends on its window and on nothing else: a slab cut with half a window
more on either side gives the same bits as the whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float32]
Array = NDArray[np.float64]
Width = tuple[int, int, int]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Denoised:
    """What became of a series with axes (a, b, c, volume)."""

    series: Series
    """The signal, (a, b, c, volume), in the series' own unit."""
    noise: Series
    """Standard deviation of the noise, (a, b, c), same unit."""
    components: NDArray[np.uint16]
    """How many principal components were kept, (a, b, c)."""


@dataclass(frozen=True)
class Windows:
    """A row of windows, analysed: mean (B, N), eigenvectors in columns (B, N, N), which are signal (B, N)."""

    mean: Array
    vectors: Array
    signal: NDArray[np.bool_]
    variance: Array


def radius_for(volumes: int, *, in_plane: bool) -> int:
    """The smallest radius whose window has more voxels than the series has volumes.

    >>> [radius_for(volumes, in_plane=False) for volumes in (6, 26, 27, 124, 125)]
    [1, 1, 2, 2, 3]
    >>> radius_for(48, in_plane=True)
    3
    """
    radius, axes = 1, 2 if in_plane else 3
    while (2 * radius + 1) ** axes <= volumes:
        radius += 1
    return radius


def noise_variance(eigenvalues: Array, samples: int) -> Array:
    """Variance of the noise of each window, (B,), from its eigenvalues in rising order, (B, N).

    The largest number of lowest eigenvalues is sought whose spread the law allows for their own mean:
    highest - lowest ≤ 4·mean·√(number / samples).

    >>> noise_variance(np.array([[1.0, 1.1, 0.9 + 0.3, 50.0]]), 100).round(2)
    array([1.1])
    """
    counts = np.arange(1, eigenvalues.shape[1] + 1)
    means = np.cumsum(eigenvalues, axis=1) / counts
    allowed = eigenvalues - eigenvalues[:, :1] <= 4 * means * np.sqrt(counts / samples)
    last = eigenvalues.shape[1] - 1 - np.argmax(allowed[:, ::-1], axis=1)
    return means[np.arange(len(means)), last]


def analyse(samples: Array) -> Windows:
    """Principal components of windows, (B, M, N), each for itself; `samples` is changed."""
    number, volumes = samples.shape[1:]
    mean = samples.mean(axis=1, keepdims=True)
    samples -= mean
    covariance = np.matmul(samples.transpose(0, 2, 1), samples) / number
    eigenvalues, vectors = np.linalg.eigh(covariance)
    eigenvalues = np.maximum(eigenvalues, 0)  # of a constant window rounding may leave less
    variance = noise_variance(eigenvalues, number)
    edge = (1 + np.sqrt(volumes / number)) ** 2 * variance
    return Windows(mean[:, 0], vectors, eigenvalues >= edge[:, None], variance)


def gather(block: Series, width: Width) -> Array:
    """The windows of a block (w0, w1, length, N) along its third axis, (length - w2 + 1, w0·w1·w2, N)."""
    moved = np.lib.stride_tricks.sliding_window_view(block, width[2], axis=2).transpose(2, 0, 1, 4, 3)
    return moved.astype(np.float64).reshape(len(moved), -1, block.shape[3])


def project(values: Array, windows: Windows, nearest: NDArray[np.intp]) -> Array:
    """Voxels (V, N) reduced to the signal of their windows, of which `nearest`, (V,), gives the numbers."""
    basis = (windows.vectors * windows.signal[:, None, :])[nearest]
    mean = windows.mean[nearest]
    kept = np.matmul((values - mean)[:, None, :], basis)
    return mean + np.matmul(kept, basis.transpose(0, 2, 1))[:, 0]


def nearest_windows(size: int, width: int) -> NDArray[np.intp]:
    """For each of `size` voxels of a line, which window it takes its value from.

    >>> nearest_windows(7, 3)
    array([0, 0, 1, 2, 3, 4, 4])
    """
    return np.clip(np.arange(size) - width // 2, 0, size - width)


def denoise(series: Series, width: Width, progress: Progress = lambda _done, _of: None) -> Denoised:
    """The whole series, (a, b, c, N), by windows of `width` along (a, b, c); `progress` hears of every plane.

    Each axis must have at least as many voxels as the window. Windows are taken row by row along c, so what is
    computed together is the same whichever part of a the series is.
    """
    shape = series.shape[:3]
    found = Denoised(np.empty_like(series), np.empty(shape, np.float32), np.empty(shape, np.uint16))
    of_a, of_b, of_c = (nearest_windows(size, wide) for size, wide in zip(shape, width, strict=True))
    for a in range(of_a[-1] + 1):
        for b in range(of_b[-1] + 1):
            windows = analyse(gather(series[a : a + width[0], b : b + width[1]], width))
            kept = windows.signal.sum(axis=1)
            for voxel in product(np.flatnonzero(of_a == a), np.flatnonzero(of_b == b)):
                found.series[voxel] = project(series[voxel].astype(np.float64), windows, of_c)
                found.noise[voxel] = np.sqrt(windows.variance)[of_c]
                found.components[voxel] = kept[of_c]
        progress(a + 1, int(of_a[-1]) + 1)
    return found
