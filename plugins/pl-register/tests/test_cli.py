"""The whole program: on inputs that cannot be used, and on the real head."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from pl_register import algorithm, registration

SAMPLE = Path(os.environ["CHRIS_SAMPLE_T1"])
PROGRAM = Path(sys.executable).parent / "register"
HEAD, BRAIN, WHITE = (f"sub-S1_{part}.nii.gz" for part in ("T1w", "desc-brain_mask", "desc-wm_mask"))


def start(*words):
    return subprocess.Popen(
        [str(PROGRAM), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*words):
    process = start(*words)
    out, err = process.communicate()
    return process.returncode, out, err


def volume(shape=(12, 12, 12), value=1.0, spot=None):
    array = np.full(shape, value, dtype=np.float32)
    if spot is not None:
        array[5, 5, 5] = spot
    return nib.Nifti1Image(array, np.eye(4))


def noise(size=12):
    return nib.Nifti1Image(np.random.default_rng(1).random((size,) * 3, dtype=np.float32), np.eye(4))


def truncated(path):
    path.write_bytes(gzip.compress(noise().to_bytes())[:-100])


def not_nifti(path):
    path.write_bytes(b"no image")


@pytest.mark.parametrize(
    ("head", "brain", "message"),
    [
        pytest.param(truncated, noise().to_filename, "sub-1_T1w.nii.gz cannot be read", id="cut off"),
        pytest.param(not_nifti, noise().to_filename, "sub-1_T1w.nii.gz cannot be read", id="not NIfTI"),
        pytest.param(volume((4, 4, 4, 3)).to_filename, noise().to_filename, "one 3-D volume", id="4-D"),
        pytest.param(
            noise().to_filename, volume((9, 12, 12)).to_filename, "not lie on the grid", id="another grid"
        ),
        pytest.param(
            noise().to_filename, volume(value=0).to_filename, "brain mask is empty", id="empty mask"
        ),
        pytest.param(
            volume().to_filename, volume().to_filename, "the same value (1) all over", id="no contrast"
        ),
        pytest.param(
            volume(spot=np.nan).to_filename, volume().to_filename, "1 of its voxels are not", id="NaN"
        ),
        pytest.param(
            noise(2).to_filename, volume((2, 2, 2)).to_filename, "no alignment of sub-1_T1w", id="no head"
        ),
    ],
)
def test_an_unusable_input_is_explained(head, brain, message, tmp_path):
    inputdir = tmp_path / "in"
    inputdir.mkdir()
    head(inputdir / "sub-1_T1w.nii.gz")
    brain(inputdir / "sub-1_desc-brain_mask.nii.gz")
    code, _, err = run(inputdir, tmp_path / "out")
    assert code == 1
    assert err.startswith("pl-register: ")
    assert message in err
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_template_is_refused_with_the_choices(tmp_path):
    code, _, err = run("--template", "talairach", tmp_path, tmp_path / "out")
    assert code == 2
    assert "mni152" in err


def test_the_cut_keeps_every_voxel_in_its_place():
    """A voxel of the brain has the same world coordinates before and after."""
    scan = ants.image_read(str(SAMPLE / HEAD))
    brain = ants.image_read(str(SAMPLE / BRAIN)).numpy() > 0.5
    head = registration.cut(scan, {"brain": brain})
    low, _ = algorithm.bounding_box(brain, registration.MARGIN_VOXELS)
    assert head.masks["brain"].sum() == brain.sum()
    voxel = np.argwhere(brain)[12345]
    found = [
        image.direction @ (np.array(image.spacing) * index) + np.array(image.origin)
        for image, index in ((scan, voxel), (head.brain, voxel - low))
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    assert head.brain.numpy()[tuple(voxel - low)] == scan.numpy()[tuple(voxel)]


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Two runs of the program on the real head, side by side; for the second it lies in a folder of its own."""
    group = tmp_path_factory.mktemp("group")
    shutil.copytree(SAMPLE, group / "one")
    outs = [tmp_path_factory.mktemp("run") / "out" for _ in range(2)]
    for process in [start(inputdir, out) for inputdir, out in zip((SAMPLE, group), outs, strict=True)]:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert [path.name for path in outs[1].iterdir()] == ["one"]
    return outs[0], outs[1] / "one"


@pytest.fixture(scope="module")
def measured(twice):
    return json.loads((twice[0] / "pl-register.json").read_text())


@pytest.mark.parametrize(("name", "least"), [("brainMaskDice", 0.95), ("whiteMatterDice", 0.70)])
def test_the_real_head_is_aligned_and_was_not_before(measured, name, least):
    metric = measured["metrics"][name]
    assert metric["threshold"] == least
    assert metric["value"] >= least
    assert metric["passed"] is True
    assert metric["beforeRegistration"] < least - 0.2
    assert metric["passedBeforeRegistration"] is False


def test_correlation_rises(measured):
    metric = measured["metrics"]["correlation"]
    assert metric["beforeRegistration"] < 0.3
    assert metric["value"] > 0.7
    assert measured["passed"] is True


def test_two_runs_give_the_same_arrays(twice):
    one, other = ({path.name: path for path in folder.iterdir()} for folder in twice)
    assert set(one) == set(other)
    for name, path in one.items():
        if name.endswith(".nii.gz"):
            first, second = (np.asanyarray(nib.load(file).dataobj) for file in (path, other[name]))
            np.testing.assert_array_equal(first, second, err_msg=name)
        else:
            assert path.read_bytes() == other[name].read_bytes().replace(b'"one/', b'"'), name


def test_outputs_stand_on_the_template_s_grid(twice):
    kinds = {"desc-brain_T1w": "float32", "desc-brain_mask": "uint8", "desc-wm_mask": "uint8"}
    for part, kind in kinds.items():
        image = nib.load(twice[0] / f"sub-S1_space-MNI152_{part}.nii.gz")
        assert image.shape == (197, 233, 189)
        assert image.get_data_dtype() == kind
        np.testing.assert_allclose(image.affine, image.get_qform(), atol=1e-4)
        assert image.header["sform_code"] == image.header["qform_code"] == 4
        assert image.header.get_xyzt_units()[0] == "mm"


def test_the_transforms_lead_there_and_back(twice):
    """Template points carried to the scan and back by the saved files come home, deep inside the brain."""
    name = "sub-S1_from-{}_mode-image_desc-{}_xfm.{}"
    warp = str(twice[0] / name.format("T1w_to-MNI152", "warp", "nii.gz"))
    affine = str(twice[0] / name.format("T1w_to-MNI152", "affine", "mat"))
    back = str(twice[0] / name.format("MNI152_to-T1w", "warp", "nii.gz"))
    points = pd.DataFrame([(0.0, 20, 10), (30, 30, 20), (-25, 0, 30)], columns=["x", "y", "z"])
    there = ants.apply_transforms_to_points(3, points, [warp, affine])
    home = ants.apply_transforms_to_points(3, there, [affine, back], whichtoinvert=[True, False])
    np.testing.assert_allclose(home.to_numpy(), points.to_numpy(), atol=1.0)
    assert np.linalg.norm(there.to_numpy() - points.to_numpy(), axis=1).min() > 5


def test_nothing_tells_when_or_where_it_ran(twice):
    text = (twice[0] / "pl-register.json").read_text()
    assert str(twice[0]) not in text
    assert str(SAMPLE) not in text


@pytest.mark.fine
def test_the_fine_preset_is_better(measured, tmp_path):
    code, _, err = run("--fine", SAMPLE, tmp_path / "out")
    assert code == 0, err
    fine = json.loads((tmp_path / "out" / "pl-register.json").read_text())
    for name, least in (("brainMaskDice", 0.98), ("whiteMatterDice", 0.74)):
        assert fine["metrics"][name]["value"] >= max(least, measured["metrics"][name]["value"])
