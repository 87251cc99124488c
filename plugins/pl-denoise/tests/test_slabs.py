import pytest
from pl_denoise import slabs


@pytest.mark.parametrize("size", [3, 5, 12, 104])
@pytest.mark.parametrize("wide", [1, 3])
@pytest.mark.parametrize("parts", [1, 2, 3, 4, 7, 12, 200])
def test_every_plane_belongs_to_one_slab_with_what_it_needs(size, wide, parts):
    shape, width = (size, 2, 2), (wide, 1, 1)
    found = [slabs.slab(shape, width, part, parts) for part in range(parts)]
    kept = [slab for slab in found if slab]
    assert [plane for slab in kept for plane in slab.keep] == list(range(size))
    assert len(kept) == min(parts, size - wide + 1)
    for slab in kept:
        assert slab.read.start <= slab.keep.start
        assert slab.keep.stop <= slab.read.stop
        assert slab.read.start == max(slab.keep.start - wide // 2, 0)
        assert slab.read.stop == min(slab.keep.stop + wide // 2, size)
    work = [len(slab.read) - wide + 1 for slab in kept]
    assert max(work) - min(work) <= 1


@pytest.mark.parametrize(
    ("keeps", "size", "message"),
    [
        pytest.param([range(3)], 5, "planes 3 to 4 are missing", id="end"),
        pytest.param([range(2, 5)], 5, "planes 0 to 1 are missing", id="beginning"),
        pytest.param([range(2), range(3, 5)], 5, "planes 2 to 2 are missing", id="gap"),
        pytest.param([range(3), range(2, 5)], 5, "planes 2 to 2 are there twice", id="overlap"),
        pytest.param([range(5), range(5)], 5, "planes 0 to 4 are there twice", id="twice"),
    ],
)
def test_what_does_not_cover_is_named(keeps, size, message):
    with pytest.raises(slabs.SlabError, match=message):
        slabs.covered(keeps, size)
