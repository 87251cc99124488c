"""What a run leaves behind: the denoised series, two maps and pl-denoise.json; or the same of one slab.

Not compressed: a tenth is all that floats with noise in them would shrink by, and every worker would wait for it.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from pl_denoise import VERSION
from pl_denoise.images import derived
from pl_denoise.slabs import Slab

SUMMARY = "pl-denoise.json"
IMAGES = ("desc-denoised_dwi", "desc-noise_dwimap", "desc-components_dwimap")
"""Series, standard deviation of the noise, number of components kept; in the order of `Denoised`."""

Arrays = Sequence[NDArray[Any]]
Facts = dict[str, Any]


@contextmanager
def whole_or_nothing(outputdir: Path) -> Iterator[Path]:
    """A folder whose files get into `outputdir` when the block ends well, and never otherwise."""
    with tempfile.TemporaryDirectory(dir=outputdir, prefix=".draft-") as name:
        draft = Path(name)
        yield draft
        for path in sorted(draft.iterdir()):
            path.rename(outputdir / path.name)


def facts(shape: Sequence[int], sums: dict[str, str], options: Facts) -> Facts:
    """What whole and slab say alike. No date, host or duration: the same input gives the same text."""
    return {
        "plugin": "pl-denoise",
        "version": VERSION,
        "inputs": {name: {"sha256": checksum} for name, checksum in sums.items()},
        "shape": list(shape),
        "options": options,
        "software": {name: version(name) for name in ("nibabel", "numpy")},
    }


def measures(arrays: Arrays) -> dict[str, float]:
    """A few numbers of the whole, to judge a result by."""
    _, noise, components = arrays
    return {
        "noiseMedian": float(np.median(noise)),
        "noiseP95": float(np.percentile(noise, 95)),
        "componentsMedian": float(np.median(components)),
    }


def write_json(path: Path, content: Facts) -> None:
    """Write a description."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def copy_gradients(gradients: Sequence[Path], subject: str, folder: Path) -> None:
    """The gradient files under the denoised series' name."""
    for path in gradients:
        shutil.copyfile(path, folder / f"{subject}_{IMAGES[0]}{path.suffix}")


def save_whole(folder: Path, subject: str, arrays: Arrays, likes: Sequence[Any], said: Facts) -> None:
    """The final images, each with the grid of its like, and the summary."""
    for name, array, like in zip(IMAGES, arrays, likes, strict=True):
        nib.save(derived(array, like), folder / f"{subject}_{name}.nii")
    write_json(folder / SUMMARY, {**said, "measures": measures(arrays)})


def save_slab(folder: Path, stem: tuple[str, str], images: Sequence[Any], slab: Slab, said: Facts) -> None:
    """One slab's images and its description; `stem` is the subject and the slab's part of the names."""
    subject, part = stem
    for name, image in zip(IMAGES, images, strict=True):
        nib.save(image, folder / f"{subject}_{name}.{part}.nii")
    place = {"axis": slab.axis, "start": slab.keep.start, "stop": slab.keep.stop}
    write_json(folder / f"{subject}_{IMAGES[0]}.{part}.json", {**said, "slab": place})


def part_name(index: int, count: int) -> str:
    """A slab's part of the names, counted from 1, so that names sort.

    >>> part_name(0, 4), part_name(9, 12)
    ('slab-1-of-4', 'slab-10-of-12')
    """
    return f"slab-{index + 1:0{len(str(count))}}-of-{count}"
