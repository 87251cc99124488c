"""Command line of `pl-denoise`: find the series, take the noise out of it or of this pod's slab of it, save."""

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from chris_plugin import chris_plugin

from pl_denoise import algorithm, images, inputs, outputs, slabs

STEPS = 10

parser = ArgumentParser(description="Takes the noise out of a diffusion MRI series by MP-PCA.")
parser.add_argument(
    "--patchRadius",
    type=int,
    default=0,
    help="half the window's width in voxels, the centre not counted; 0: the smallest that has more voxels than volumes",
)
parser.add_argument(
    "--inPlane",
    action="store_true",
    help="windows within a slice (i, j), for series of single or distant slices",
)


def say(text: str) -> None:
    """A line of the log, with the CPU time so far; times stay in the log, never in an output."""
    print(f"[{time.process_time():6.1f} CPU s] {text}", flush=True)


def tell(done: int, of: int) -> None:
    """Tell of every tenth of the planes."""
    if done * STEPS // of > (done - 1) * STEPS // of:
        say(f"{done} of {of} planes of windows")


def window(options: Namespace, path: Path, shape: tuple[int, ...]) -> algorithm.Width:
    """The window's width along (i, j, k); raises InputError if it does not fit."""
    if options.patchRadius < 0:
        raise inputs.InputError(
            f"--patchRadius {options.patchRadius}: give 1 or more, or 0 to have it chosen"
        )
    radius = options.patchRadius or algorithm.radius_for(shape[3], in_plane=options.inPlane)
    wide = 2 * radius + 1
    width = (wide, wide, 1 if options.inPlane else wide)
    images.check_window(path, shape, width)
    return width


def compute(path: Path, image: object, slab: slabs.Slab, width: algorithm.Width) -> outputs.Arrays:
    """The slab's own planes of the denoised series and its maps, axes as in the file."""
    read = images.read_planes(path, image, slab.axis, slab.read)
    order = [slab.axis, *(axis for axis in range(images.SPATIAL) if axis != slab.axis)]
    moved = np.ascontiguousarray(read.transpose(*order, images.SPATIAL))
    wide = (width[order[0]], width[order[1]], width[order[2]])
    found = algorithm.denoise(moved, wide, tell)
    own = (found.series[slab.inside], found.noise[slab.inside], found.components[slab.inside])
    return [np.moveaxis(array, 0, slab.axis) for array in own]


def run(options: Namespace, inputdir: Path, outputdir: Path, shard: inputs.Shard) -> None:
    """The whole run, or its part; raises InputError for an input that cannot be used."""
    series = inputs.find_series(inputdir)
    image = images.open_series(series.image)
    width = window(options, series.image, image.shape)
    slab = slabs.slab(image.shape, width, shard.index, shard.count)
    if slab is None:
        say(f"Nothing to do: there are fewer planes of windows than the {shard.count} workers")
        return
    own = f"planes {images.LETTERS[slab.axis]} = {slab.keep.start} to {slab.keep.stop - 1}"
    say(f"{series.image.name}, {image.shape}: {own}, windows of {' × '.join(map(str, width))} voxels")
    arrays = compute(series.image, image, slab, width)
    sums = {path.name: inputs.sha256(path) for path in (series.image, *series.gradients)}
    chosen = {"patchRadius": width[0] // 2, "inPlane": options.inPlane}
    said = outputs.facts(image.shape, sums, chosen)
    with outputs.whole_or_nothing(outputdir) as draft:
        if slab.keep.start == 0:
            outputs.copy_gradients(series.gradients, series.subject, draft)
        if shard.count == 1:
            outputs.save_whole(draft, series.subject, arrays, [image] * len(arrays), said)
        else:
            stem = series.subject, outputs.part_name(shard.index, shard.count)
            outputs.save_slab(
                draft, stem, [images.derived(array, image, slab) for array in arrays], slab, said
            )
    say("Saved")


@chris_plugin(
    parser=parser,
    title="Take the noise out of a diffusion series",
    category="diffusion",
    min_memory_limit="1Gi",
    min_cpu_limit="1000m",
    max_number_of_workers=64,
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Denoise the series below `inputdir`; an unusable input ends with exit code 1 and an explanation."""
    try:
        run(options, inputdir, outputdir, inputs.shard(os.environ))
    except inputs.InputError as error:
        sys.exit(f"pl-denoise: {error}")


if __name__ == "__main__":
    main()
