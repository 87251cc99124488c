import matplotlib.image
import numpy as np
import pytest
from pl_register import picture
from pl_register.algorithm import Metric

SHAPE = (60, 80, 70)
AFFINE = np.array([[1, 0, 0, -30], [0, 1, 0, -40], [0, 0, 1, -20], [0, 0, 0, 1.0]])


def ball(centre, radius):
    distance = np.linalg.norm(np.stack(np.indices(SHAPE), -1) - centre, axis=-1)
    return (distance < radius).astype(np.float32)


@pytest.mark.parametrize(
    ("plane", "index", "side", "row", "column"),
    [
        pytest.param("Axial", 35, "right", "middle", "left", id="axial: right at the left"),
        pytest.param("Axial", 35, "front", "top", "middle", id="axial: front at the top"),
        pytest.param("Coronal", 40, "right", "middle", "left", id="coronal: right at the left"),
        pytest.param("Coronal", 40, "up", "top", "middle", id="coronal: up at the top"),
        pytest.param("Sagittal", 30, "front", "middle", "left", id="sagittal: front at the left"),
        pytest.param("Sagittal", 30, "up", "top", "middle", id="sagittal: up at the top"),
    ],
)
def test_sides_stand_where_their_marks_say(plane, index, side, row, column):
    """Axes grow to the right, to the front and upward: i, j, k in RAS."""
    centre = np.array(SHAPE) // 2
    axis = {"right": 0, "front": 1, "up": 2}[side]
    centre[axis] = SHAPE[axis] - 8
    shown = picture.panel(ball(centre, 5), picture.PLANES[plane][0], index)[::-1]  # first row at the top
    at_row, at_column = np.argwhere(shown > 0).mean(axis=0) / shown.shape
    assert {"top": at_row < 1 / 3, "middle": 1 / 3 < at_row < 2 / 3}[row]
    assert {"left": at_column < 1 / 3, "middle": 1 / 3 < at_column < 2 / 3}[column]
    letter = {"right": "R", "front": "A", "up": "S"}[side]
    place = {"left": 0, "top": 2}[column if column != "middle" else row]
    assert picture.MARKS[plane][place] == letter


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "qc.png"
    brain = ball((30, 40, 35), 25) * 100
    found = {"brainMaskDice": Metric(0.97, 0.6, 0.95), "whiteMatterDice": Metric(0.6, 0.3, 0.7)}
    picture.draw(path, "sub-1", (brain, brain), (ball((30, 40, 35), 15), AFFINE), found)
    return path


def colour(word):
    return np.array([int(word[start : start + 2], 16) / 255 for start in (1, 3, 5)])


@pytest.mark.parametrize(
    ("what", "shade", "least"),
    [
        pytest.param("outline", picture.OUTLINE, 1000, id="outline"),
        pytest.param("accepted", picture.GOOD, 300, id="accepted in green"),
        pytest.param("refused", picture.BAD, 300, id="not accepted in red"),
    ],
)
def test_the_picture_shows(drawn, what, shade, least):
    pixels = matplotlib.image.imread(drawn)[..., :3]
    assert pixels.shape[:2] == (1440, 1650)
    near = np.abs(pixels - colour(shade)).max(axis=-1) < 0.05
    assert near.sum() > least, what


def test_the_same_numbers_give_the_same_file(drawn, tmp_path):
    brain = ball((30, 40, 35), 25) * 100
    found = {"brainMaskDice": Metric(0.97, 0.6, 0.95), "whiteMatterDice": Metric(0.6, 0.3, 0.7)}
    picture.draw(tmp_path / "qc.png", "sub-1", (brain, brain), (ball((30, 40, 35), 15), AFFINE), found)
    assert (tmp_path / "qc.png").read_bytes() == drawn.read_bytes()


@pytest.mark.parametrize(("place", "expected"), [(14.0, 34), (1000.0, 49), (-1000.0, 0)])
def test_slices_stay_in_the_box(monkeypatch, place, expected):
    monkeypatch.setattr(picture, "PLANES", {"Axial": (2, place)})
    assert picture.slices(AFFINE, ((0, 0, 0), (60, 80, 50))) == {"Axial": expected}
