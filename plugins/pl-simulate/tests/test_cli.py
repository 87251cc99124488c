"""Both programs on the real head, and on inputs and parameters that cannot be used."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SAMPLE = Path(os.environ["CHRIS_SAMPLE_T1"])
HERE = Path(sys.executable).parent
DWI = "sub-S1_acq-simulated_dwi"
BOTH = pytest.mark.parametrize("program", ["simulate_dwi", "simulate_cohort"])


def run(program, *words):
    return subprocess.run(
        [str(HERE / program), *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small series with noise, and the truth."""
    folders = {}
    for name, snr in (("noisy", 20), ("truth", 0)):
        folders[name] = tmp_path_factory.mktemp(name)
        answer = run("simulate_dwi", "--crop", 24, "--directions", 12, "--snr", snr, SAMPLE, folders[name])
        assert answer.returncode == 0, answer.stderr
    return folders


def test_a_series_with_its_gradients(small):
    image = nib.load(small["noisy"] / f"{DWI}.nii.gz")
    assert image.shape == (24, 24, 24, 17)
    assert image.get_data_dtype() == np.int16
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    np.testing.assert_allclose(image.header.get_zooms()[:3], 2, atol=1e-5)
    assert np.loadtxt(small["noisy"] / f"{DWI}.bval").tolist() == [0] * 5 + [1000] * 12
    assert np.loadtxt(small["noisy"] / f"{DWI}.bvec").shape == (3, 17)
    assert json.loads((small["noisy"] / "pl-simulate-dwi.json").read_text())["noiseSigma"] == 30


def test_the_noise_is_as_strong_as_it_says(small):
    noisy, truth = (
        np.asarray(nib.load(small[name] / f"{DWI}.nii.gz").dataobj, float) for name in ("noisy", "truth")
    )
    bright = truth > 200
    assert bright.mean() > 0.5
    assert (noisy - truth)[bright].std() == pytest.approx(30, rel=0.02)


def test_tissue_lies_where_the_labels_say(small):
    """White matter of the labels, in world coordinates, has the truth's signal of white matter."""
    truth = nib.load(small["truth"] / f"{DWI}.nii.gz")
    labels = nib.load(SAMPLE / "sub-S1_desc-ribbon_dseg.nii.gz")
    first = np.asarray(truth.dataobj)[..., 0]
    values = np.asarray(labels.dataobj)
    checked = 0
    for voxel in np.argwhere(first == 600):
        world = truth.affine @ (*voxel, 1)
        near = np.linalg.inv(labels.affine) @ world
        assert values[tuple(np.rint(near[:3]).astype(int))] == 2
        checked += 1
    assert checked > 100


def test_subjects_get_folders_of_their_own(tmp_path):
    answer = run("simulate_cohort", "--subjects", 2, SAMPLE, tmp_path)
    assert answer.returncode == 0, answer.stderr
    names = ["sub-S1x01", "sub-S1x02"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    brain = np.asarray(nib.load(SAMPLE / "sub-S1_desc-brain_mask.nii.gz").dataobj).sum()
    for name in names:
        kinds = ("T1w", "desc-brain_mask", "desc-wm_mask")
        files = {f"{name}_{kind}.nii.gz" for kind in kinds} | {"pl-simulate-cohort.json"}
        assert {path.name for path in (tmp_path / name).iterdir()} == files
        mask = np.asarray(nib.load(tmp_path / name / f"{name}_desc-brain_mask.nii.gz").dataobj)
        assert set(np.unique(mask)) == {0, 1}
        assert 0.7 < mask.sum() / brain < 1.3


@BOTH
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda f: [p.unlink() for p in f.iterdir()], "found 0; the input has no files", id="empty"
        ),
        pytest.param(
            lambda f: shutil.copyfile(
                f / "sub-S1_desc-brain_mask.nii.gz", f / "sub-2_desc-brain_mask.nii.gz"
            ),
            "looked for one <subject>_desc-brain_mask.nii.gz and found 2",
            id="two masks",
        ),
        pytest.param(
            lambda f: (f / "sub-S1_desc-brain_mask.nii.gz").write_bytes(b"no image"),
            "file whole?",
            id="damaged",
        ),
        pytest.param(
            lambda f: nib.save(
                nib.Nifti1Image(np.zeros((8, 8, 8), np.uint8), np.eye(4)), f / "sub-S1_desc-brain_mask.nii.gz"
            ),
            "does not lie on the grid of",
            id="another grid",
        ),
    ],
)
def test_an_unusable_input_is_explained(program, damage, message, tmp_path):
    folder = shutil.copytree(SAMPLE, tmp_path / "in")
    damage(folder)
    answer = run(program, folder, tmp_path / "out")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"pl-{program.replace('_', '-')}: ")
    assert message in answer.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("program", "words", "message"),
    [
        ("simulate_dwi", ("--directions", 0), "--directions 0: give a number from 1 to 500"),
        ("simulate_dwi", ("--snr", -1), "--snr -1.0"),
        ("simulate_dwi", ("--snr", "nan"), "--snr nan"),
        ("simulate_dwi", ("--crop", 4), "--crop 4: give 8 or more"),
        ("simulate_dwi", ("--crop", 73), "--crop 73"),
        ("simulate_dwi", ("--seed", -1), "--seed -1"),
        ("simulate_cohort", ("--subjects", 0), "--subjects 0: give a number from 1 to 99"),
        ("simulate_cohort", ("--subjects", 100), "--subjects 100"),
        ("simulate_cohort", ("--seed", -1), "--seed -1"),
    ],
)
def test_a_wrong_parameter_is_explained(program, words, message, tmp_path):
    answer = run(program, *words, SAMPLE, tmp_path / "out")
    assert answer.returncode == 1
    assert message in answer.stderr
