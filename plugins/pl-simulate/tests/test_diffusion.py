import numpy as np
import pytest
from pl_simulate import diffusion


def ball(size=32, radius=10):
    """A ball of white matter in a shell of cortex in a larger brain, at 1 mm."""
    distance = np.linalg.norm(np.stack(np.indices((size,) * 3), -1) - (size - 1) / 2, axis=-1)
    labels = np.where(distance < radius - 3, 2, np.where(distance < radius, 1, 0)).astype(np.int16)
    return labels, (distance < radius + 3).astype(np.uint8)


@pytest.fixture(scope="module")
def brain():
    return diffusion.brain_of(*ball(), (16, 16, 16))[0]


def test_tissues_share_each_voxel(brain):
    total = sum(brain.shares.values())
    assert total.max() == pytest.approx(1)
    assert brain.shares["white"][8, 8, 8] == 1
    assert brain.shares["cortex"].sum() > 0
    assert total[0, 0, 0] == 0


def test_fibres_run_outwards_and_have_length_one(brain):
    np.testing.assert_allclose(np.linalg.norm(brain.fibres, axis=-1), 1, atol=1e-5)
    assert abs(brain.fibres[11, 7, 7, 0]) > 0.9
    assert abs(brain.fibres[7, 7, 11, 2]) > 0.9


@pytest.mark.parametrize("directions", [6, 30, 64])
def test_directions_are_unit_vectors_spread_over_half_a_sphere(directions):
    bvals, bvecs = diffusion.gradients(directions)
    assert (bvals > 0).sum() == directions
    weighted = bvecs[bvals > 0]
    np.testing.assert_allclose(np.linalg.norm(weighted, axis=1), 1)
    np.testing.assert_allclose(weighted.T @ weighted / directions, np.eye(3) / 3, atol=0.15)
    cosines = np.abs(weighted @ weighted.T) - np.eye(directions)
    assert np.degrees(np.arccos(cosines.max())) > 75 / np.sqrt(directions)


def test_the_signal_falls_most_along_the_fibres(brain):
    bvals, bvecs = diffusion.gradients(64)
    place = (11, 7, 7)
    fibre = brain.fibres[place]
    values = np.array([diffusion.signal(brain, b, g)[place] for b, g in zip(bvals, bvecs, strict=True)])
    assert np.argmin(values) == np.argmax(np.where(bvals > 0, np.abs(bvecs @ fibre), -1))


def test_signal_of_pure_tissue_is_its_formula():
    ones, none = np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    fibre = np.array([[[[0, 0, 1]]]], np.float32)
    white = diffusion.Brain({"cortex": none, "white": ones, "rest": none}, fibre)
    for bvec, diffusivity in (((0, 0, 1.0), 1.7e-3), ((1.0, 0, 0), 0.3e-3)):
        found = diffusion.signal(white, 1000.0, np.array(bvec))
        assert found[0, 0, 0] == pytest.approx(600 * np.exp(-1000 * diffusivity), rel=1e-5)


def test_noise_is_that_of_a_magnitude():
    random = np.random.default_rng(1)
    dark, bright = (
        diffusion.magnitude(np.full((60, 60, 60), value, np.float32), 30.0, random) for value in (0, 3000)
    )
    assert dark.mean() == pytest.approx(30 * np.sqrt(np.pi / 2), rel=0.01)
    assert bright.std() == pytest.approx(30, rel=0.01)


def test_the_same_seed_gives_the_same_and_another_another(brain):
    def first(seed):
        return next(diffusion.series(brain, 6, 30.0, seed)).tobytes()

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_a_box_larger_than_the_volume_is_padded():
    volume = np.ones((4, 4, 4), np.float32)
    corner = diffusion.corner_of(volume, (8, 2, 4))
    assert corner == (-2, 1, 0)
    assert diffusion.cut(volume, corner, (8, 2, 4)).sum() == 4 * 2 * 4
