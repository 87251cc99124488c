from dataclasses import replace

import numpy as np
import pytest
from pl_simulate import cohort

SIZE = 48


def head():
    distance = np.linalg.norm(np.stack(np.indices((SIZE,) * 3), -1) - (SIZE - 1) / 2, axis=-1)
    return np.where(distance < 14, 200 - 5 * distance, 0).astype(np.uint8)


def same():
    """A subject who does not differ."""
    return replace(
        cohort.subject(1, 1),
        matrix=np.eye(3),
        shift=np.zeros(3),
        bending=np.zeros((3, *(cohort.CONTROLS,) * 3)),
        gain=1.0,
    )


def test_who_does_not_differ_is_the_head():
    volume = head()
    warped, mask = cohort.warped(volume, [(volume > 0).astype(np.uint8)], same())
    np.testing.assert_array_equal(warped, volume)
    np.testing.assert_array_equal(mask, volume > 0)


def test_a_shift_moves_the_head_by_as_many_voxels():
    volume = head()
    (moved,) = cohort.warped(volume, [], replace(same(), shift=np.array([3.0, 0, -2])))
    np.testing.assert_array_equal(moved[5:-5, 5:-5, 5:-5], volume[8:-2, 5:-5, 3:-7])


def test_an_even_bending_moves_the_middle_by_its_height():
    bent = cohort.displacement(np.full((3, *(cohort.CONTROLS,) * 3), 2.0), (SIZE,) * 3, slice(20, 28))
    np.testing.assert_allclose(bent[:, 4, SIZE // 2, SIZE // 2], 2.0, rtol=1e-3)


@pytest.mark.parametrize("number", range(1, 13))
def test_nothing_folds(number):
    """Neighbours stay neighbours in their order: the map's Jacobian is positive everywhere."""
    shape = (64, 64, 64)
    at = cohort.places(cohort.subject(number, 1), shape, slice(0, 64))
    slopes = np.stack([np.stack(np.gradient(each), 0) for each in at], 0)
    assert np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1))).min() > 0.1


def test_subjects_differ_and_stay_the_same():
    volume = head()
    one, again, other = (cohort.warped(volume, [], cohort.subject(number, 1))[0] for number in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()


def test_gain_and_noise():
    found = cohort.scanned(np.full((40, 40, 40), 100, np.uint8), replace(same(), gain=1.5))
    assert found.mean() == pytest.approx(150, abs=0.1)
    assert found.std() == pytest.approx(2, rel=0.05)
