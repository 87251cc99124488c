"""The sample itself, made as the image makes it; plugins/run_tests.py says where it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

DATA = Path(os.environ["CHRIS_SAMPLE_T1"])
PROGRAM = Path(sys.executable).parent / "sample_t1"
NAMES = {"sub-S1_T1w", "sub-S1_desc-brain_mask", "sub-S1_desc-wm_mask", "sub-S1_desc-ribbon_dseg"}


def run(outputdir, data=DATA):
    environment = {**os.environ, "PL_SAMPLE_T1_DATA": str(data)}
    return subprocess.run(
        [str(PROGRAM), str(outputdir)], capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture(scope="module")
def images():
    return {name: nib.load(DATA / f"{name}.nii.gz") for name in NAMES}


def test_the_plugin_writes_the_sample(tmp_path):
    answer = run(tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.nii.gz" for name in NAMES),
        "pl-sample-t1.json",
        "LICENSE.pycortex",
    }


def test_a_damaged_sample_is_not_given(tmp_path):
    data = shutil.copytree(DATA, tmp_path / "data")
    with (data / "sub-S1_T1w.nii.gz").open("ab") as file:
        file.write(b"!")
    answer = run(tmp_path / "out", data)
    assert answer.returncode == 1
    assert "sub-S1_T1w.nii.gz: sha256 is" in answer.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_sample_the_message_names_the_remedy(tmp_path):
    answer = run(tmp_path / "out", tmp_path)
    assert answer.returncode == 1
    assert "set PL_SAMPLE_T1_DATA" in answer.stderr


@pytest.mark.parametrize(
    ("name", "kind"), [(name, "int16" if "dseg" in name else "uint8") for name in sorted(NAMES)]
)
def test_every_file_stands_on_the_head_s_grid(images, name, kind):
    image, head = images[name], images["sub-S1_T1w"]
    assert image.shape == (256, 256, 256)
    assert image.get_data_dtype() == kind
    np.testing.assert_array_equal(image.affine, head.affine)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert image.header["qform_code"] == image.header["sform_code"] == 1
    assert image.header.get_xyzt_units()[0] == "mm"


def test_volumes_are_those_of_an_adult_brain():
    summary = json.loads((DATA / "pl-sample-t1.json").read_text())
    volumes = {name: entry.get("cm3") for name, entry in summary["files"].items()}
    assert volumes["sub-S1_desc-brain_mask.nii.gz"]["brain"] == pytest.approx(1537, abs=1)
    assert 450 < volumes["sub-S1_desc-ribbon_dseg.nii.gz"]["cortex"] < 700
    assert 500 < volumes["sub-S1_desc-wm_mask.nii.gz"]["white"] < 800


def test_the_labels_lie_in_the_brain_and_follow_the_scan(images):
    head, brain, labels = (
        np.asanyarray(images[f"sub-S1_{part}"].dataobj)
        for part in ("T1w", "desc-brain_mask", "desc-ribbon_dseg")
    )
    assert (brain[labels > 0] > 0).mean() > 0.98
    assert np.median(head[labels == 2]) > 1.2 * np.median(head[labels == 1])
