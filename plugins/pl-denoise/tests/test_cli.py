"""Both programs as they run in a pod: a real crop whole and in slabs, and inputs that cannot be used."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dipy.data import get_fnames

HERE = Path(sys.executable).parent
NAMES = {
    "sub-1_desc-denoised_dwi.nii",
    "sub-1_desc-denoised_dwi.bval",
    "sub-1_desc-denoised_dwi.bvec",
    "sub-1_desc-noise_dwimap.nii",
    "sub-1_desc-components_dwimap.nii",
    "pl-denoise.json",
}
# 2 mm, tilted by 0.3 rad about the first axis, whose direction is turned round.
AFFINE = np.array(
    [
        [-2, 0, 0, 90],
        [0, 2 * np.cos(0.3), -2 * np.sin(0.3), -126],
        [0, 2 * np.sin(0.3), 2 * np.cos(0.3), -72],
        [0, 0, 0, 1],
    ]
)


def run(program, *words, share=None):
    shares = (
        dict(zip(("CHRIS_SHARD_INDEX", "CHRIS_SHARD_COUNT"), map(str, share), strict=True)) if share else {}
    )
    return subprocess.run(
        [str(HERE / program), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **shares},
    )


def denoise(*words, share=None):
    return run("denoise", *words, share=share)


def tree(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def inputdir(tmp_path_factory):
    """A real crop, 10 × 8 × 7 voxels and 65 volumes, on an oblique grid, as a scanner's integers."""
    folder = tmp_path_factory.mktemp("in")
    image, bval, bvec = get_fnames(name="small_64D")
    values = np.rint(np.asarray(nib.load(image).dataobj)[:, :8, :7]).astype(np.int16)
    whole = nib.Nifti1Image(values, AFFINE)
    whole.set_qform(AFFINE, code=1)
    whole.set_sform(AFFINE, code=2)
    whole.header.set_xyzt_units("mm", "sec")
    whole.header["descrip"] = b"a scanner"
    whole.header["cal_max"] = 900
    nib.save(whole, folder / "sub-1_dwi.nii.gz")
    shutil.copyfile(bval, folder / "sub-1_dwi.bval")
    shutil.copyfile(bvec, folder / "sub-1_dwi.bvec")
    return folder


@pytest.fixture(scope="module")
def whole(inputdir, tmp_path_factory):
    """What a single worker writes."""
    out = tmp_path_factory.mktemp("whole")
    answer = denoise(inputdir, out)
    assert answer.returncode == 0, answer.stderr
    return out


def test_one_worker_writes_the_whole(whole, inputdir):
    assert set(tree(whole)) == NAMES
    before, after = (
        nib.load(path) for path in (inputdir / "sub-1_dwi.nii.gz", whole / "sub-1_desc-denoised_dwi.nii")
    )
    assert after.shape == before.shape
    assert after.get_data_dtype() == np.float32
    np.testing.assert_array_equal(after.affine, before.affine)
    assert after.header["sform_code"] == 2
    assert after.header["cal_max"] == 0
    change = np.asarray(after.dataobj) - np.asarray(before.dataobj)
    noise = np.asarray(nib.load(whole / "sub-1_desc-noise_dwimap.nii").dataobj)
    assert 0.7 < change.std() / np.median(noise) < 1.1
    assert abs(change.mean()) < 0.05 * change.std()


def test_the_summary_tells_what_was_done(whole):
    said = json.loads((whole / "pl-denoise.json").read_text())
    assert said["options"] == {"patchRadius": 2, "inPlane": False}
    assert list(said["inputs"]) == ["sub-1_dwi.nii.gz", "sub-1_dwi.bval", "sub-1_dwi.bvec"]
    assert said["shape"] == [10, 8, 7, 65]
    assert said["measures"]["noiseMedian"] > 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_merged_slabs_are_the_whole_byte_for_byte(count, inputdir, whole, tmp_path):
    slabs, merged = tmp_path / "slabs", tmp_path / "merged"
    for index in range(count):
        part = tmp_path / f"part-{index}"
        answer = denoise(inputdir, part, share=(index, count))
        assert answer.returncode == 0, answer.stderr
        if index >= 6:
            assert "Nothing to do" in answer.stdout
            assert tree(part) == {}
        slabs.mkdir(exist_ok=True)
        for path in part.iterdir():
            assert not (slabs / path.name).exists(), f"two workers write {path.name}"
            path.rename(slabs / path.name)
    if count == 1:
        assert tree(slabs) == tree(whole)
        return
    answer = run("denoise_merge", slabs, merged)
    assert answer.returncode == 0, answer.stderr
    assert tree(merged) == tree(whole)


KERNELS = """
import hashlib
from pl_denoise import algorithm
import numpy as np
samples = np.random.default_rng(0).standard_normal((5, 125, 65))
print(hashlib.sha256(algorithm.analyse(samples).vectors.tobytes()).hexdigest())
"""


def test_the_bits_do_not_follow_the_processor():
    """What each would choose for itself differs in its last bits."""
    found = {
        subprocess.run(
            [sys.executable, "-c", KERNELS],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OPENBLAS_CORETYPE": processor},
        ).stdout
        for processor in ("Nehalem", "Sandybridge", "Haswell")
    }
    assert len(found) == 1


@pytest.fixture(scope="module")
def halves(inputdir, tmp_path_factory):
    """Two slabs."""
    folder = tmp_path_factory.mktemp("halves")
    for index in range(2):
        assert denoise(inputdir, folder, share=(index, 2)).returncode == 0
    return folder


def test_a_slab_lies_where_it_was_cut(halves, whole):
    """The first voxel of the second slab has the world coordinates that it has in the whole."""
    place = json.loads((halves / "sub-1_desc-denoised_dwi.slab-2-of-2.json").read_text())["slab"]
    assert place == {"axis": 0, "start": 5, "stop": 10}
    slab, one = (
        nib.load(path)
        for path in (
            halves / "sub-1_desc-denoised_dwi.slab-2-of-2.nii",
            whole / "sub-1_desc-denoised_dwi.nii",
        )
    )
    np.testing.assert_allclose(slab.affine @ (0, 0, 0, 1), one.affine @ (5, 0, 0, 1), atol=1e-4)
    np.testing.assert_allclose(slab.get_qform(), slab.get_sform(), atol=1e-3)
    np.testing.assert_array_equal(slab.dataobj, one.dataobj[5:10])


def remove(folder, name):
    (folder / name).unlink()


def change(folder, name, **values):
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cut_off(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-100])


SECOND = "sub-1_desc-denoised_dwi.slab-2-of-2.json"
BROKEN = [
    pytest.param(
        lambda f: remove(f, SECOND), "along i, planes 5 to 9 are missing; did a worker", id="missing"
    ),
    pytest.param(
        lambda f: remove(f, "sub-1_desc-noise_dwimap.slab-1-of-2.nii"),
        "sub-1_desc-noise_dwimap.slab-1-of-2.nii is not; merge",
        id="a file is missing",
    ),
    pytest.param(
        lambda f: change(f, SECOND, slab={"axis": 0, "start": 4, "stop": 10}),
        "planes 4 to 4 are there",
        id="overlap",
    ),
    pytest.param(
        lambda f: change(f, SECOND, slab={"axis": 0, "start": 5, "stop": 11}),
        "not within 0 to 9",
        id="beyond",
    ),
    pytest.param(lambda f: change(f, SECOND, slab={"axis": 7}), "does not describe a slab", id="no slab"),
    pytest.param(lambda f: (f / SECOND).write_text("{"), "does not describe a slab", id="no JSON"),
    pytest.param(
        lambda f: change(f, SECOND, options={"patchRadius": 3}), "they differ in options", id="other options"
    ),
    pytest.param(lambda f: change(f, SECOND, inputs={}), "they differ in inputs", id="another input"),
    pytest.param(
        lambda f: change(f, SECOND, slab={"axis": 0, "start": 5, "stop": 9}), "planes 9 to 9", id="too short"
    ),
    pytest.param(
        lambda f: cut_off(f, "sub-1_desc-denoised_dwi.slab-2-of-2.nii"), "is the file whole?", id="cut off"
    ),
    pytest.param(
        lambda f: (f / "sub-2_desc-denoised_dwi.slab-1-of-2.json").write_text("{}"), "of 2 series", id="mixed"
    ),
    pytest.param(lambda f: [path.unlink() for path in f.iterdir()], "the input has no files", id="empty"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN)
def test_slabs_that_do_not_fit_are_refused(damage, message, halves, tmp_path):
    folder = shutil.copytree(halves, tmp_path / "slabs")
    damage(folder)
    answer = run("denoise_merge", folder, tmp_path / "out")
    assert answer.returncode == 1
    assert answer.stderr.startswith("pl-denoise-merge: ")
    assert message in answer.stderr
    assert tree(tmp_path / "out") == {}


def series(shape=(6, 6, 6, 20), kind=np.float32, spot=None):
    values = np.random.default_rng(1).normal(100, 5, shape).astype(kind)
    if spot is not None:
        values[5, 5, 5, 3] = spot
    return nib.Nifti1Image(values, np.eye(4), dtype=kind)


def save(image):
    return lambda path: nib.save(image, path)


def truncated(path):
    path.write_bytes(gzip.compress(series().to_bytes())[:-100])


@pytest.mark.parametrize(
    ("write", "words", "message"),
    [
        pytest.param(save(series((6, 6, 6))), (), "shape (6, 6, 6); a series", id="3-D"),
        pytest.param(save(series((6, 6, 6, 1))), (), "2 volumes or more", id="one volume"),
        pytest.param(save(series(kind=np.complex64)), (), "type complex64", id="complex"),
        pytest.param(save(series(spot=np.nan)), (), "1 of the values in planes k = 0 to 5", id="NaN"),
        pytest.param(save(series(spot=np.inf)), (), "are not finite numbers", id="infinite"),
        pytest.param(save(series((6, 6, 2, 20))), (), "2 planes along k and 20 volumes", id="two slices"),
        pytest.param(
            save(series((6, 6, 6, 30))), ("--patchRadius", 1), "only 27 and needs", id="window too small"
        ),
        pytest.param(save(series()), ("--patchRadius", 3), "needs 7 planes", id="window too large"),
        pytest.param(save(series()), ("--patchRadius", -1), "--patchRadius -1: give 1", id="negative radius"),
        pytest.param(truncated, (), "is the file whole?", id="cut off"),
        pytest.param(
            lambda path: path.write_bytes(b"no image"), (), "cannot be read as a NIfTI", id="no NIfTI"
        ),
        pytest.param(lambda path: path.with_name("a.txt").write_text(""), (), "has 1: a.txt", id="no series"),
    ],
)
def test_an_unusable_input_is_explained(write, words, message, tmp_path):
    inputdir = tmp_path / "in"
    inputdir.mkdir()
    write(inputdir / "sub-1_dwi.nii.gz")
    for share in (None, (1, 2)):
        answer = denoise(*words, inputdir, tmp_path / "out", share=share)
        assert answer.returncode == 1
        assert answer.stderr.startswith("pl-denoise: ")
        assert message in answer.stderr.replace("k = 2 to 5", "k = 0 to 5")
        assert tree(tmp_path / "out") == {}


def test_a_wrong_share_is_explained(inputdir, tmp_path):
    answer = denoise(inputdir, tmp_path / "out", share=(3, 2))
    assert answer.returncode == 1
    assert "CHRIS_SHARD_INDEX=3" in answer.stderr


def test_distant_slices_are_denoised_each_for_itself(tmp_path):
    inputdir, alone = tmp_path / "in", tmp_path / "alone"
    for folder in (inputdir, alone):
        folder.mkdir()
    both = series((9, 8, 2, 20))
    nib.save(both, inputdir / "sub-1_dwi.nii")
    nib.save(nib.Nifti1Image(both.dataobj[:, :, 1:], np.eye(4)), alone / "sub-1_dwi.nii")
    for folder in (inputdir, alone):
        assert denoise("--inPlane", folder, folder / "out").returncode == 0
    two, one = (
        np.asarray(nib.load(folder / "out" / "sub-1_desc-denoised_dwi.nii").dataobj)
        for folder in (inputdir, alone)
    )
    assert two[:, :, 1:].tobytes() == one.tobytes()
