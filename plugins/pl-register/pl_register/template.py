"""The standard brain: how its files are made when the image is built, and how they are read."""

import argparse
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ants
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pl_register.algorithm import Volume

DATA_VARIABLE = "PL_REGISTER_TEMPLATES"
DESCRIPTION = "template.json"
NAMES = ("mni152",)
COARSE_MM = 2.0

# Members of nilearn's wheel; the licence goes along.
MEMBERS = {
    "T1w.nii.gz": "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
    "white.nii.gz": "nilearn/datasets/data/mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
    "LICENSE": "nilearn-0.14.1.dist-info/licenses/LICENSE",
}


@dataclass(frozen=True)
class Template:
    """A skull-stripped T1 on a 1 mm and a 2 mm grid and its white-matter probability (0…1, 1 mm, axes i, j, k)."""

    name: str
    fine: Any
    coarse: Any
    white: Volume
    affine: NDArray[np.float64]
    description: dict[str, Any]

    @property
    def head(self) -> Volume:
        """The T1's intensities on the 1 mm grid."""
        intensities: Volume = self.fine.numpy()
        return intensities


def load(name: str) -> Template:
    """Read a template; raises FileNotFoundError if this machine has none."""
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / name
    if not (folder / DESCRIPTION).is_file():
        message = (
            f"no template {name} in {folder.parent}: set {DATA_VARIABLE} to what pl_register.template wrote"
        )
        raise FileNotFoundError(message)
    white = nib.Nifti1Image.from_filename(folder / "white.nii.gz")
    probability = np.asarray(white.dataobj, dtype=np.float32) / np.float32(255)
    fine, coarse = (ants.image_read(str(folder / file)) for file in ("T1w.nii.gz", "coarse.nii.gz"))
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    return Template(name, fine, coarse, probability, white.affine, description)


def make(wheel: Path, folder: Path) -> None:
    """Write the MNI152 template below `folder`, from nilearn's wheel; its checksums go into template.json."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name, member in MEMBERS.items():
            (folder / name).write_bytes(archive.read(member))
    fine = ants.image_read(str(folder / "T1w.nii.gz"))
    coarse = ants.resample_image(fine, (COARSE_MM,) * 3, use_voxels=False, interp_type=0)
    ants.image_write(coarse, str(folder / "coarse.nii.gz"))
    description = {
        "name": "MNI152 2009a, symmetric, skull-stripped, 1 mm",
        "source": wheel.name.split("-py")[0].replace("-", " "),
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in MEMBERS
            if "nii" in name
        },
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and make the template."""
    parser = argparse.ArgumentParser(
        description="Makes the templates: python -m pl_register.template WHEEL FOLDER"
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    make(options.wheel, options.folder / NAMES[0])


if __name__ == "__main__":
    main()
