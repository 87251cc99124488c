"""The real head that everything is made from: pl-sample-t1's output, told by BIDS names."""

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SHOWN = 10


class InputError(Exception):
    """The input cannot be used; the text says what was looked for and what was there."""


def find(folder: Path, kind: str) -> tuple[str, Path]:
    """Subject and path of the one `<subject>_<kind>.nii.gz` below a folder; raises InputError."""
    suffix = f"_{kind}.nii.gz"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in files if path.name.endswith(suffix)]
    if len(found) != 1:
        there = ", ".join(str(path.relative_to(folder)) for path in files[:SHOWN]) or "no files"
        raise InputError(
            f"looked for one <subject>{suffix} and found {len(found)}; the input has {there}: give pl-sample-t1's output"
        )
    return found[0].name.removesuffix(suffix), found[0]


def read(path: Path) -> tuple[Any, Any]:
    """A 3-D image whose axes are turned to RAS, and its values; raises InputError."""
    try:
        image = nib.as_closest_canonical(nib.Nifti1Image.from_filename(path))
        values = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
        raise InputError(
            f"{path.name} cannot be read as a NIfTI image ({error}); is the file whole?"
        ) from error
    if values.ndim != 3 or any(size % 2 for size in values.shape):  # noqa: PLR2004  axes
        raise InputError(f"{path.name} has the shape {values.shape}; a 3-D volume of even size is needed")
    return image, values


def read_all(inputdir: Path, kinds: tuple[str, ...]) -> tuple[str, Any, list[Any]]:
    """Subject, the first image and all values of images on one grid; raises InputError."""
    subject, path = find(inputdir, kinds[0])
    image, values = read(path)
    found = [values]
    for kind in kinds[1:]:
        _, other = find(inputdir, kind)
        same, values = read(other)
        if same.shape != image.shape or not np.allclose(same.affine, image.affine, atol=1e-3):
            raise InputError(f"{other.name} does not lie on the grid of {path.name}: give files of one scan")
        found.append(values)
    return subject, image, found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a description. No date, host or duration: the same input gives the same text."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def leave(plugin: str, error: InputError) -> None:
    """End the program with an explanation."""
    sys.exit(f"{plugin}: {error}")
