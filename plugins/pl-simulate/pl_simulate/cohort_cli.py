"""Command line of `pl-simulate-cohort`: subjects that differ, all from one real head."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from chris_plugin import chris_plugin
from numpy.typing import NDArray

from pl_simulate import VERSION, cohort, sample
from pl_simulate.sample import InputError

KINDS = ("T1w", "desc-brain_mask", "desc-wm_mask")
MOST = 99

parser = ArgumentParser(
    description="Simulates subjects that differ in shape, place and brightness from one real head."
)
parser.add_argument("--subjects", type=int, default=12, help="how many, each in a folder of its own")
parser.add_argument("--seed", type=int, default=1, help="of all that differs")


def save(values: NDArray[np.uint8], like: Any, path: Path) -> None:
    """Save a volume on the grid of `like`."""
    image = nib.Nifti1Image(values, like.affine)
    image.set_qform(like.affine, code=1)
    image.set_sform(like.affine, code=1)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def byte_valued(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """The values as bytes; raises InputError if they are not whole numbers from 0 to 255."""
    small = values.astype(np.uint8) if np.isfinite(values).all() else np.zeros_like(values)
    if not np.array_equal(small, values):
        raise InputError(f"{name}: values must be whole numbers from 0 to 255, as pl-sample-t1 gives them")
    return small


def run(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """The whole run; raises InputError for an input that cannot be used."""
    if not 1 <= options.subjects <= MOST:
        raise InputError(f"--subjects {options.subjects}: give a number from 1 to {MOST}")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}: give 0 or more")
    subject, image, values = sample.read_all(inputdir, KINDS)
    volumes = [
        byte_valued(each, f"{subject}_{kind}.nii.gz") for kind, each in zip(KINDS, values, strict=True)
    ]
    for number in range(1, options.subjects + 1):
        how = cohort.subject(number, options.seed)
        name = f"{subject}x{number:02}"
        folder = outputdir / name
        folder.mkdir()
        head, *masks = cohort.warped(volumes[0], volumes[1:], how)
        for kind, volume in zip(KINDS, (cohort.scanned(head, how), *masks), strict=True):
            save(volume, image, folder / f"{name}_{kind}.nii.gz")
        said = {"plugin": "pl-simulate-cohort", "version": VERSION, "simulated": True, "from": subject}
        sample.write_json(
            folder / "pl-simulate-cohort.json", {**said, "number": number, "seed": options.seed}
        )
        print(f"{name}: simulated from {subject}", flush=True)


@chris_plugin(
    parser=parser,
    title="Simulate a group of subjects",
    category="simulation",
    min_memory_limit="1Gi",
    min_cpu_limit="500m",
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Simulate from the head below `inputdir`; an unusable input ends with exit code 1 and an explanation."""
    try:
        run(options, inputdir, outputdir)
    except InputError as error:
        sample.leave("pl-simulate-cohort", error)


if __name__ == "__main__":
    main()
