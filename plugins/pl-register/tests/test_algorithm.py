import numpy as np
import pytest
from pl_register import algorithm
from pl_register.algorithm import Metric, OnTemplate

RANDOM = np.random.default_rng(1)


def ball(centre, radius, shape=(20, 20, 20)):
    return np.linalg.norm(np.stack(np.indices(shape), -1) - centre, axis=-1) <= radius


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param([1, 1, 0, 0], [1, 1, 0, 0], 1.0, id="equal"),
        pytest.param([1, 1, 0, 0], [0, 0, 1, 1], 0.0, id="apart"),
        pytest.param([1, 1, 0, 0], [0, 1, 1, 0], 0.5, id="half"),
        pytest.param([0, 0, 0, 0], [0, 0, 0, 0], 0.0, id="both empty: nothing was found twice"),
        pytest.param([1, 1, 1, 1], [0, 0, 0, 0], 0.0, id="one empty"),
    ],
)
def test_dice(a, b, expected):
    assert algorithm.dice(np.array(a, bool), np.array(b, bool)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda x: 3 * x + 7, 1.0, id="brightness and contrast do not count"),
        pytest.param(lambda x: -x, -1.0, id="opposite"),
        pytest.param(lambda x: 0 * x, 0.0, id="constant"),
    ],
)
def test_correlation(change, expected):
    volume = RANDOM.normal(size=(5, 6, 7)).astype(np.float32)
    where = ball((2, 3, 3), 2, volume.shape)
    other = np.where(where, change(volume), 1e6).astype(np.float32)
    assert algorithm.correlation(volume, other, where) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        pytest.param(0, ((4, 5, 6), (9, 10, 11)), id="tight"),
        pytest.param(3, ((1, 2, 3), (12, 13, 14)), id="margin"),
        pytest.param(50, ((0, 0, 0), (20, 20, 20)), id="clipped to the grid"),
    ],
)
def test_bounding_box(margin, expected):
    assert algorithm.bounding_box(ball((6, 7, 8), 2), margin) == expected


def test_an_empty_mask_has_no_box():
    with pytest.raises(ValueError, match="the brain mask is empty"):
        algorithm.bounding_box(np.zeros((3, 3, 3), bool), 1)


def test_masks_survive_packing():
    masks = {"brain": ball((6, 6, 6), 4), "white": ball((7, 6, 6), 2)}
    back = algorithm.unpack(algorithm.pack(masks).astype(np.float64) + 1e-9, list(masks))
    assert list(back) == list(masks)
    assert all((back[name] == masks[name]).all() for name in masks)


@pytest.mark.parametrize(
    ("value", "before", "threshold", "passed", "passed_before"),
    [
        pytest.param(0.97, 0.62, 0.95, True, False, id="gained"),
        pytest.param(0.95, 0.95, 0.95, True, True, id="the limit itself is accepted"),
        pytest.param(0.94, 0.96, 0.95, False, True, id="made worse"),
        pytest.param(0.10, 0.10, None, True, True, id="no limit"),
    ],
)
def test_verdict(value, before, threshold, passed, passed_before):
    metric = Metric(value, before, threshold)
    assert (metric.passed, metric.passed_before) == (passed, passed_before)


@pytest.mark.parametrize("with_white", [True, False])
def test_only_what_the_input_allows_is_measured(with_white):
    template = ball((10, 10, 10), 8).astype(np.float32)
    masks = {"brain": ball((10, 10, 10), 8)} | ({"white": ball((10, 10, 10), 5)} if with_white else {})
    after = OnTemplate(template, masks)
    found = algorithm.metrics(after, after, template, ball((10, 10, 10), 5).astype(np.float32))
    assert list(found) == ["brainMaskDice", "correlation"] + (["whiteMatterDice"] if with_white else [])
    assert found["brainMaskDice"].value == 1.0
