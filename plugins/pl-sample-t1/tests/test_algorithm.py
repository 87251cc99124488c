import numpy as np
import pytest
from pl_sample_t1 import algorithm

TETRAHEDRON = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])
OCTAHEDRON = np.array([(a, b, c) for a in (0, 1) for b in (2, 3) for c in (4, 5)])


def sphere(radius, centre, subdivisions=5):
    """A triangulated sphere: an octahedron whose faces are split in four again and again."""
    points = [
        np.array(point, float)
        for point in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    ]
    faces, middles = OCTAHEDRON.tolist(), {}

    def middle(a, b):
        key = (min(a, b), max(a, b))
        if key not in middles:
            total = points[a] + points[b]
            points.append(total / np.linalg.norm(total))
            middles[key] = len(points) - 1
        return middles[key]

    for _ in range(subdivisions):
        split = []
        for a, b, c in faces:
            ab, bc, ca = middle(a, b), middle(b, c), middle(c, a)
            split += [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
        faces = split
    return np.array(points) * radius + centre, np.array(faces)


@pytest.mark.parametrize("radius", [5, 12.3, 20])
def test_a_filled_sphere_is_the_set_of_points_near_its_centre(radius):
    centre = np.array([24.2, 25.1, 23.9])
    filled = algorithm.inside_surface(*sphere(radius, centre), (50, 50, 50))
    distance = np.linalg.norm(np.stack(np.indices(filled.shape), -1) - centre, axis=-1)
    assert filled[distance < radius * 0.995].all()
    assert not filled[distance > radius].any()


def test_round_coordinates_meet_no_edge():
    """A cube whose vertices, edges and faces all lie on the grid's lines is filled without streaks."""
    vertices, faces = sphere(6, np.array([10, 10, 10]), subdivisions=0)
    filled = algorithm.inside_surface(vertices, faces, (21, 21, 21))
    distance = np.abs(np.stack(np.indices(filled.shape), -1) - 10).sum(axis=-1)
    assert filled[distance < 6].all()
    assert not filled[distance > 6].any()


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        pytest.param(np.eye(4, 3) * 9, TETRAHEDRON, "outside a grid", id="leaves the grid"),
        pytest.param(np.eye(4, 3) * 3 + 0.5, TETRAHEDRON[1:], "not closed", id="a face is missing"),
    ],
)
def test_a_bad_surface_is_refused(vertices, faces, message):
    with pytest.raises(ValueError, match=message):
        algorithm.inside_surface(vertices, faces, (8, 8, 8))


def test_white_lies_in_the_cortex_and_wins():
    pial, white = (sphere(radius, np.array([15.3, 15.1, 14.8])) for radius in (10, 7))
    labels = algorithm.ribbon([pial], [white], (31, 31, 31))
    assert labels.dtype == np.int16
    assert labels[15, 15, 15] == algorithm.WHITE
    assert labels[15, 15, 23] == algorithm.CORTEX
    assert labels[15, 15, 26] == 0
    assert (labels == algorithm.WHITE).sum() == pytest.approx(4 / 3 * np.pi * 7**3, rel=0.02)


def test_world_to_voxels_undoes_the_affine():
    affine = np.array([[-1, 0, 0, 125.8], [0, 0, 1, -94.6], [0, -1, 0, 133.3], [0, 0, 0, 1.0]])
    voxels = np.random.default_rng(1).uniform(0, 255, (20, 3))
    world = voxels @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(algorithm.to_voxels(world, affine), voxels, atol=1e-9)
