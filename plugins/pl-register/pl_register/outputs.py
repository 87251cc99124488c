"""What a run leaves behind: images on the template's grid, transforms, pl-register.json."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pl_register import VERSION
from pl_register.algorithm import Metric, OnTemplate
from pl_register.registration import Transforms

SPACE = "MNI152"
BIDS_KIND = {"brain": "brain", "white": "wm"}


def save(array: NDArray[np.generic], affine: NDArray[np.float64], path: Path) -> None:
    """Save a volume; qform and sform equal and marked as MNI152 (code 4), units mm."""
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=4)
    image.set_qform(affine, code=4)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def save_images(outputdir: Path, subject: str, aligned: OnTemplate, affine: NDArray[np.float64]) -> None:
    """The aligned brain (float32) and its masks (uint8)."""
    save(aligned.head, affine, outputdir / f"{subject}_space-{SPACE}_desc-brain_T1w.nii.gz")
    for name, mask in aligned.masks.items():
        target = outputdir / f"{subject}_space-{SPACE}_desc-{BIDS_KIND[name]}_mask.nii.gz"
        save(mask.astype(np.uint8), affine, target)


def save_transforms(outputdir: Path, subject: str, transforms: Transforms) -> None:
    """ANTs' own files, as `antsApplyTransforms` reads them."""
    to, back = f"from-T1w_to-{SPACE}_mode-image", f"from-{SPACE}_to-T1w_mode-image"
    shutil.move(transforms.affine, outputdir / f"{subject}_{to}_desc-affine_xfm.mat")
    shutil.move(transforms.warp, outputdir / f"{subject}_{to}_desc-warp_xfm.nii.gz")
    shutil.move(transforms.inverse_warp, outputdir / f"{subject}_{back}_desc-warp_xfm.nii.gz")


def metric_entry(metric: Metric) -> dict[str, object]:
    """One measure as it stands in pl-register.json."""
    entry: dict[str, object] = {
        "value": round(metric.value, 4),
        "beforeRegistration": round(metric.before, 4),
    }
    if metric.threshold is not None:
        entry |= {
            "threshold": metric.threshold,
            "passed": metric.passed,
            "passedBeforeRegistration": metric.passed_before,
        }
    return entry


def summary(
    subject: str,
    checksums: dict[str, str],
    options: dict[str, Any],
    template: dict[str, Any],
    found: dict[str, Metric],
) -> dict[str, object]:
    """The content of pl-register.json. No date, host or duration: the same input gives the same text."""
    return {
        "plugin": "pl-register",
        "version": VERSION,
        "subject": subject,
        "passed": all(metric.passed for metric in found.values()),
        "metrics": {name: metric_entry(metric) for name, metric in found.items()},
        "notMeasured": {}
        if "whiteMatterDice" in found
        else {"whiteMatterDice": f"the input has no {subject}_desc-wm_mask.nii.gz"},
        "inputs": {name: {"sha256": checksum} for name, checksum in checksums.items()},
        "options": options,
        "template": template,
        "transforms": {
            "convention": "ITK: points from the template to the scan, LPS, mm",
            "toTemplate": ["desc-warp", "desc-affine"],
            "toScan": ["desc-affine, inverted", "desc-warp of the other direction"],
        },
        "software": {name: version(name) for name in ("antspyx", "matplotlib", "nibabel", "numpy")},
    }


def save_summary(outputdir: Path, content: dict[str, object]) -> None:
    """Write pl-register.json."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (outputdir / "pl-register.json").write_text(text + "\n", encoding="utf-8")
