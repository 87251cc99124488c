"""The method against dipy's own MP-PCA on real crops, and what its bits depend on."""

from itertools import product

import nibabel as nib
import numpy as np
import pytest
from dipy.data import get_fnames
from dipy.denoise.localpca import mppca
from pl_denoise import algorithm, slabs

PARTS = [1, 2, 3, 4, 7, 99]


def real(name="small_64D"):
    """A real crop that dipy carries: 10 × 10 × 10 voxels, 65 volumes."""
    path = get_fnames(name=name)[0]
    return np.asarray(nib.load(path).dataobj, dtype=np.float32)


def noisy(shape, volumes, rank, sigma, seed=1):
    """A series of `rank` smooth components, and the same with Gaussian noise."""
    random = np.random.default_rng(seed)
    places = np.stack(np.indices(shape), -1).reshape(-1, 3) / max(shape)
    maps = np.stack([np.cos(places @ random.uniform(0, 3, 3)) for _ in range(rank)], -1)
    clean = (1000 * maps @ random.uniform(0, 1, (rank, volumes))).reshape(*shape, volumes)
    return clean, (clean + random.normal(0, sigma, clean.shape)).astype(np.float32)


@pytest.mark.parametrize("corner", [(0, 0, 0), (2, 3, 1), (5, 5, 5)])
def test_a_single_window_is_dipys(corner):
    """In a volume of one window's size every voxel has the same window, so dipy's overlap averages nothing.

    dipy puts 0 in place of what is negative; here it stays, since cutting noise on one side is a bias.
    """
    crop = real()[tuple(slice(start, start + 5) for start in corner)]
    theirs, sigma = mppca(crop, patch_radius=2, return_sigma=True)
    ours = algorithm.denoise(crop, (5, 5, 5))
    assert np.abs(crop - theirs).max() > 10
    np.testing.assert_allclose(np.maximum(ours.series, 0), theirs, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(ours.noise, sigma, rtol=1e-5)


def test_the_windows_averaged_are_dipys_overlap():
    """dipy averages all windows that hold a voxel, each weighted by how few components it has kept."""
    crop = real()[1:8, 2:8, 3:9]
    total, weights = np.zeros(crop.shape), np.zeros((*crop.shape[:3], 1))
    for corner in product(*(range(size - 4) for size in crop.shape[:3])):
        place = tuple(slice(start, start + 5) for start in corner)
        one = algorithm.denoise(crop[place], (5, 5, 5))
        weight = 1 / (1 + one.components[..., None].astype(float))
        total[place] += weight * one.series
        weights[place] += weight
    np.testing.assert_allclose(total / weights, mppca(crop, patch_radius=2), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("width", [(5, 5, 5), (9, 1, 9)], ids=str)
@pytest.mark.parametrize("parts", PARTS)
def test_slabs_are_the_whole_bit_for_bit(parts, width):
    series = real()[:, :9, :9]
    whole = algorithm.denoise(series, width)
    found = [slabs.slab(series.shape, width, part, parts) for part in range(parts)]
    kept = [slab for slab in found if slab]
    assert len(kept) == min(parts, 11 - width[0])
    cuts = [algorithm.denoise(series[slab.read.start : slab.read.stop], width) for slab in kept]
    for name in ("series", "noise", "components"):
        own = [getattr(cut, name)[slab.inside] for cut, slab in zip(cuts, kept, strict=True)]
        assert slabs.join(own, 0).tobytes() == getattr(whole, name).tobytes(), name


def test_a_window_does_not_feel_its_neighbours_nor_its_place_in_memory():
    row = real()[:5, :5]
    together = algorithm.analyse(algorithm.gather(row, (5, 5, 5)))
    for number in range(6):
        samples = algorithm.gather(row[:, :, number : number + 5], (5, 5, 5))
        moved = np.empty(samples.size + 8)[number + 1 : number + 1 + samples.size].reshape(samples.shape)
        moved[...] = samples
        alone = algorithm.analyse(moved)
        for name in ("mean", "vectors", "signal", "variance"):
            assert getattr(alone, name)[0].tobytes() == getattr(together, name)[number].tobytes(), name


@pytest.mark.parametrize(
    ("sigma", "rank", "volumes"),
    [(5, 2, 30), (20, 4, 60), (20, 4, 100)],
)
def test_noise_is_measured_and_taken_out(sigma, rank, volumes):
    clean, series = noisy((12, 11, 10), volumes, rank, sigma)
    width = (5, 5, 5)
    found = algorithm.denoise(series, width)
    assert np.median(found.noise) == pytest.approx(sigma, rel=0.03)
    assert np.median(found.components) == rank
    before, after = (np.sqrt(((each - clean) ** 2).mean()) for each in (series, found.series))
    assert before == pytest.approx(sigma, rel=0.02)
    assert after < before / 2


@pytest.mark.parametrize("value", [0, 7.25])
def test_where_nothing_varies_nothing_changes(value):
    series = np.full((6, 5, 5, 9), value, np.float32)
    found = algorithm.denoise(series, (3, 3, 3))
    np.testing.assert_array_equal(found.series, series)
    assert not found.noise.any()


def test_progress_hears_of_every_plane():
    heard = []
    algorithm.denoise(real()[:7, :5, :5, :9], (3, 3, 3), lambda done, of: heard.append((done, of)))
    assert heard == [(number, 5) for number in range(1, 6)]
