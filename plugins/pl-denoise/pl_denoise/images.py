"""NIfTI files as this plugin reads and writes them."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pl_denoise.inputs import InputError
from pl_denoise.slabs import Slab

SPATIAL = 3
LETTERS = "ijk"


def open_image(path: Path) -> Any:
    """A NIfTI image whose values are not read yet; raises InputError."""
    try:
        return nib.Nifti1Image.from_filename(path)
    except (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
        raise InputError(
            f"{path.name} cannot be read as a NIfTI image ({error}); is the file whole?"
        ) from error


def open_series(path: Path) -> Any:
    """A 4-D image of real numbers whose values are not read yet; raises InputError."""
    image = open_image(path)
    kind = image.get_data_dtype()
    if len(image.shape) != SPATIAL + 1 or min(image.shape) < 1 or image.shape[3] == 1:
        raise InputError(
            f"{path.name} has the shape {image.shape}; a series (i, j, k, volume) of 2 volumes or more is needed"
        )
    if kind.kind not in "iuf":
        raise InputError(f"{path.name} holds values of type {kind}; a series of real numbers is needed")
    return image


def read_planes(path: Path, image: Any, axis: int, planes: range) -> NDArray[np.float32]:
    """Some planes along an axis, as float32; raises InputError if the file is cut off or a value is no number."""
    place = tuple(
        slice(planes.start, planes.stop) if each == axis else slice(None) for each in range(SPATIAL)
    )
    try:
        values = np.asarray(image.dataobj[place], dtype=np.float32)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be read as a NIfTI image ({error}); is the file whole?"
        ) from error
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise InputError(
            f"{path.name}: {bad} of the values in planes {LETTERS[axis]} = {planes.start} to {planes.stop - 1} "
            "are not finite numbers; repair the series"
        )
    return values


def check_window(path: Path, shape: Sequence[int], width: Sequence[int]) -> None:
    """Raise InputError unless the window fits into the volume and has more voxels than the series has volumes."""
    for axis in range(SPATIAL):
        if shape[axis] < width[axis]:
            raise InputError(
                f"{path.name} has {shape[axis]} planes along {LETTERS[axis]} and {shape[3]} volumes; the window needs "
                f"{width[axis]} planes: give a smaller --patchRadius, or --inPlane for single or distant slices"
            )
    if int(np.prod(width)) <= shape[3]:
        raise InputError(
            f"{path.name} has {shape[3]} volumes; a window of {' × '.join(map(str, width))} voxels has only "
            f"{int(np.prod(width))} and needs more than that: give a larger --patchRadius, or 0 to have it chosen"
        )


def derived(array: NDArray[Any], like: Any, slab: Slab | None = None) -> Any:
    """An image of an array on the grid of `like`, or, of a slab, on its part of that grid.

    The header carries the grid, units and description of `like` and nothing of its scaling. The first slab's grid
    is the whole's to the last bit, so that the whole's header can be made from it again.
    """
    header = like.header.copy()
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"], header["cal_max"] = 0, 0
    if slab is None or slab.keep.start == 0:
        return nib.Nifti1Image(array, like.affine, header)
    shift = np.eye(4)
    shift[slab.axis, 3] = slab.keep.start
    image = nib.Nifti1Image(array, like.affine @ shift, header)
    for get, put in ((like.get_qform, image.set_qform), (like.get_sform, image.set_sform)):
        matrix, code = get(coded=True)
        put(None if matrix is None else matrix @ shift, int(code))
    return image
