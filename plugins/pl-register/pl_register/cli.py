"""Command line: find each scan, register it, measure, save."""

import sys
import tempfile
import time
import zlib
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from chris_plugin import chris_plugin

from pl_register import inputs

TEMPLATES = ("mni152",)

parser = ArgumentParser(description="Aligns a T1-weighted head scan to a standard brain.")
parser.add_argument(
    "--template", type=str, default="mni152", choices=TEMPLATES, help="the standard brain to align to"
)
parser.add_argument(
    "--fine", action="store_true", help="register at 1 mm instead of 2 mm: better, and seven times slower"
)


def read_image(path: Path) -> Any:
    """A 3-D ANTs image of a file; raises InputError."""
    import ants  # noqa: PLC0415  takes seconds: a wrong parameter or input must not wait for it
    import nibabel as nib  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    try:
        # ITK puts zeros in place of what is cut off or not a number, without a word; nibabel tells.
        whole = nib.Nifti1Image.from_filename(path)
        data = np.asanyarray(whole.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
        message = f"{path.name} cannot be read as a NIfTI image ({error}); is the file whole?"
        raise inputs.InputError(message) from error
    if data.ndim != 3:  # noqa: PLR2004  axes
        message = f"{path.name} has the shape {data.shape}; one 3-D volume is needed"
        raise inputs.InputError(message)
    if not np.isfinite(data).all():
        message = f"{path.name}: {int((~np.isfinite(data)).sum())} of its voxels are not finite numbers; repair the scan"
        raise inputs.InputError(message)
    return ants.image_read(str(path))


def read_head(folder: Path, scan: inputs.Scan) -> Any:
    """The scan and its masks, which must lie on its grid, cut to the brain; raises InputError."""
    import ants  # noqa: PLC0415

    from pl_register import registration  # noqa: PLC0415

    head = read_image(folder / scan.head)
    masks = {}
    for name, file in (("brain", scan.brain), ("white", scan.white)):
        if file is None:
            continue
        mask = read_image(folder / file)
        if mask.shape != head.shape or not ants.image_physical_space_consistency(head, mask):
            message = f"{file.name} (shape {mask.shape}) does not lie on the grid of {scan.head.name} (shape {head.shape}): masks must be made from the same scan"
            raise inputs.InputError(message)
        masks[name] = mask.numpy() > 0.5  # noqa: PLR2004  some programs store 1.00000006
    try:
        return registration.cut(head, masks)
    except ValueError as error:
        message = f"{scan.brain.name}: {error}"
        raise inputs.InputError(message) from error


def say(text: str) -> None:
    """A line of the log, with the CPU time so far; times stay in the log, never in an output."""
    print(f"[{time.process_time():5.1f} CPU s] {text}", flush=True)


def align(fixed: Any, head: Any, scratch: Path, scan: inputs.Scan) -> Any:
    """The transforms; raises InputError if there are none to be found."""
    from pl_register import registration  # noqa: PLC0415

    try:
        return registration.register(fixed, head, scratch)
    except RuntimeError as error:
        message = f"no alignment of {scan.head.name} was found ({error}); is it a head, and {scan.brain.name} its brain?"
        raise inputs.InputError(message) from error


def run(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Every scan of the input; raises InputError for one that cannot be used."""
    for scan in inputs.find(inputdir):
        target = outputdir / scan.place
        target.mkdir(exist_ok=True)
        run_one(options, inputdir, scan, target)


def run_one(options: Namespace, inputdir: Path, scan: inputs.Scan, outputdir: Path) -> None:
    """One scan, whose results go to `outputdir`; raises InputError."""
    from pl_register import algorithm, outputs, picture, registration, template  # noqa: PLC0415  see read_image

    head = read_head(inputdir, scan)
    standard = template.load(options.template)
    say(f"Read {scan.head.name}; registering on a {1 if options.fine else 2} mm grid")
    with tempfile.TemporaryDirectory() as scratch:
        fixed = standard.fine if options.fine else standard.coarse
        transforms = align(fixed, head, Path(scratch), scan)
        say("Registered; bringing the scan and its masks to the 1 mm grid")
        after = registration.carry(head, standard.fine, transforms.forward)
        before = registration.carry(head, standard.fine, [])
        outputs.save_transforms(outputdir, scan.subject, transforms)
    found = algorithm.metrics(after, before, standard.head, standard.white)
    outputs.save_images(outputdir, scan.subject, after, standard.affine)
    say("Saved the aligned images; drawing the picture")
    target = outputdir / f"{scan.subject}_space-{outputs.SPACE}_qc.png"
    picture.draw(target, scan.subject, (before.head, after.head), (standard.white, standard.affine), found)
    chosen = {"template": options.template, "fine": options.fine}
    checksums = inputs.checksums(inputdir, scan)
    outputs.save_summary(
        outputdir, outputs.summary(scan.subject, checksums, chosen, standard.description, found)
    )
    for name, metric in found.items():
        say(f"{name}: {metric.value:.4f} (before {metric.before:.4f}; {picture.verdict(metric)[0]})")


@chris_plugin(
    parser=parser,
    title="Align a head scan to the standard brain",
    category="registration",
    min_memory_limit="2Gi",
    min_cpu_limit="1000m",
    max_number_of_workers=1000,
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Register the scans below `inputdir`; an unusable input ends with exit code 1 and an explanation."""
    try:
        run(options, inputdir, outputdir)
    except inputs.InputError as error:
        sys.exit(f"pl-register: {error}")


if __name__ == "__main__":
    main()
