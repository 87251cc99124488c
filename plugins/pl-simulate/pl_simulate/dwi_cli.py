"""Command line of `pl-simulate-dwi`: a diffusion series with known noise on a real brain's shape."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import nibabel as nib
import numpy as np
from chris_plugin import chris_plugin

from pl_simulate import VERSION, diffusion, sample
from pl_simulate.sample import InputError

KINDS = ("desc-ribbon_dseg", "desc-brain_mask")
SMALLEST = 8
MOST_DIRECTIONS = 500

parser = ArgumentParser(
    description="Simulates a diffusion series with known noise on the shape of a real brain."
)
parser.add_argument("--directions", type=int, default=64, help="volumes with b = 1000, besides 5 with b = 0")
parser.add_argument(
    "--snr", type=float, default=20.0, help="white matter at b = 0 over the noise; 0: no noise"
)
parser.add_argument(
    "--crop", type=int, default=0, help="only a cube of this many voxels a side; 0: the whole brain"
)
parser.add_argument("--seed", type=int, default=1, help="of the noise")


def check(options: Namespace) -> None:
    """Raise InputError for a parameter out of its bounds."""
    bounds = {
        "directions": (1, MOST_DIRECTIONS),
        "snr": (0, 1e6),
        "crop": (0, min(diffusion.SHAPE)),
        "seed": (0, 2**32),
    }
    for name, (low, high) in bounds.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise InputError(f"--{name} {value}: give a number from {low:g} to {high:g}")
    if 0 < options.crop < SMALLEST:
        raise InputError(f"--crop {options.crop}: give {SMALLEST} or more, or 0 for the whole brain")


def affine_at(affine: np.ndarray, corner: diffusion.Corner) -> np.ndarray:
    """The affine of the 2 mm box from that of the 1 mm grid: a voxel's centre lies between two."""
    to_fine = np.diag([diffusion.VOXEL_MM] * 3 + [1.0])
    to_fine[:3, 3] = np.array(corner) * diffusion.VOXEL_MM + 0.5
    return affine @ to_fine


def save_gradients(directions: int, outputdir: Path, stem: str) -> None:
    """FSL's files: directions along voxel axes, the first turned round as the grid is right-handed."""
    bvals, bvecs = diffusion.gradients(directions)
    turned = bvecs * (-1, 1, 1)
    (outputdir / f"{stem}.bval").write_text(" ".join(f"{value:g}" for value in bvals) + "\n")
    lines = (" ".join(f"{value:.6f}" for value in line) for line in turned.T + 0.0)
    (outputdir / f"{stem}.bvec").write_text("\n".join(lines) + "\n")


def run(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """The whole run; raises InputError for an input that cannot be used."""
    check(options)
    subject, image, (labels, mask) = sample.read_all(inputdir, KINDS)
    shape = (options.crop,) * 3 if options.crop else diffusion.SHAPE
    if not np.any(mask):
        raise InputError(f"{subject}_{KINDS[1]}.nii.gz is empty: no brain, no series")
    brain, corner = diffusion.brain_of(labels, mask, shape)
    sigma = diffusion.TISSUES["white"].signal / options.snr if options.snr else 0.0
    volumes = np.empty((*shape, diffusion.B0_VOLUMES + options.directions), np.int16, order="F")
    for number, volume in enumerate(diffusion.series(brain, options.directions, sigma, options.seed)):
        volumes[..., number] = volume
    affine = affine_at(image.affine, corner)
    found = nib.Nifti1Image(volumes, affine)
    found.set_qform(affine, code=1)
    found.set_sform(affine, code=1)
    found.header.set_xyzt_units("mm", "sec")
    stem = f"{subject}_acq-simulated_dwi"
    nib.save(found, outputdir / f"{stem}.nii.gz")
    save_gradients(options.directions, outputdir, stem)
    chosen = {name: getattr(options, name) for name in ("directions", "snr", "crop", "seed")}
    said = {"plugin": "pl-simulate-dwi", "version": VERSION, "simulated": True, "options": chosen}
    sample.write_json(
        outputdir / "pl-simulate-dwi.json", {**said, "noiseSigma": sigma, "shape": volumes.shape}
    )
    print(f"{stem}.nii.gz: {' × '.join(map(str, volumes.shape))}, noise {sigma:g}")


@chris_plugin(
    parser=parser,
    title="Simulate a diffusion series",
    category="simulation",
    min_memory_limit="1Gi",
    min_cpu_limit="500m",
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Simulate on the head below `inputdir`; an unusable input ends with exit code 1 and an explanation."""
    try:
        run(options, inputdir, outputdir)
    except InputError as error:
        sample.leave("pl-simulate-dwi", error)


if __name__ == "__main__":
    main()
