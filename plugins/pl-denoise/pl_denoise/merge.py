"""Command line of `pl-denoise-merge`: the slabs of one series as the files that a single worker would have written."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from chris_plugin import chris_plugin

from pl_denoise import images, inputs, outputs, slabs

parser = ArgumentParser(description="Puts the slabs of a denoised series together, bit for bit the whole.")


@dataclass(frozen=True)
class Part:
    """A slab's description as it was read."""

    path: Path
    said: dict[str, Any]
    axis: int
    keep: range

    def image(self, name: str) -> Path:
        """Where the slab's image of a kind lies."""
        start, end = self.path.name.split(f"_{outputs.IMAGES[0]}.")
        return self.path.with_name(f"{start}_{name}.{end.removesuffix('.json')}.nii")


def read_part(path: Path) -> Part:
    """A slab's description; raises InputError if it is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        place = said.pop("slab")
        part = Part(path, said, int(place["axis"]), range(int(place["start"]), int(place["stop"])))
        size = said["shape"][part.axis]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise inputs.InputError(
            f"{path.name} does not describe a slab ({error!r}); is it pl-denoise's?"
        ) from error
    if not 0 <= part.keep.start < part.keep.stop <= size:
        raise inputs.InputError(f"{path.name}: planes {part.keep} are not within 0 to {size - 1}")
    return part


def ordered(parts: Sequence[Part]) -> list[Part]:
    """The slabs from first to last; raises InputError unless they are one run's and make up the whole."""
    first = parts[0]
    for part in parts:
        differing = [key for key in first.said if part.said.get(key) != first.said[key]]
        if differing or part.axis != first.axis:
            raise inputs.InputError(
                f"{part.path.name} and {first.path.name} are not of one run: they differ in "
                f"{', '.join(differing or ['axis'])}; merge the output of one run"
            )
    try:
        order = slabs.covered([part.keep for part in parts], first.said["shape"][first.axis])
    except slabs.SlabError as error:
        letter = images.LETTERS[first.axis]
        raise inputs.InputError(
            f"the {len(parts)} slabs do not make one volume: along {letter}, {error}; did a worker fail?"
        ) from error
    return [parts[number] for number in order]


def read(part: Part, name: str) -> tuple[Any, Any]:
    """A slab's image of a kind and its array; raises InputError if it is not what the description says."""
    path = part.image(name)
    if not path.is_file():
        raise inputs.InputError(
            f"{part.path.name} is there and {path.name} is not; merge a run's whole output"
        )
    image = images.open_image(path)
    shape = list(part.said["shape"])[: len(image.shape)]
    shape[part.axis] = len(part.keep)
    if list(image.shape) != shape:
        raise inputs.InputError(
            f"{path.name} has the shape {image.shape}, its description says {tuple(shape)}"
        )
    try:
        return image, np.asarray(image.dataobj)
    except (OSError, EOFError, ValueError) as error:
        raise inputs.InputError(f"{path.name} cannot be read ({error}); is the file whole?") from error


def run(inputdir: Path, outputdir: Path) -> None:
    """The whole run; raises InputError for slabs that do not make one volume."""
    parts = ordered([read_part(path) for path in inputs.find_slabs(inputdir)])
    first = parts[0]
    subject = first.path.name.split(f"_{outputs.IMAGES[0]}.")[0]
    likes, arrays = [], []
    for name in outputs.IMAGES:
        found = [read(part, name) for part in parts]
        likes.append(found[0][0])
        arrays.append(slabs.join([array for _, array in found], first.axis))
    stem = f"{subject}_{outputs.IMAGES[0]}"
    beside = (first.path.with_name(f"{stem}{suffix}") for suffix in inputs.GRADIENTS)
    with outputs.whole_or_nothing(outputdir) as draft:
        outputs.copy_gradients([path for path in beside if path.is_file()], subject, draft)
        outputs.save_whole(draft, subject, arrays, likes, first.said)
    print(f"Merged {len(parts)} slabs of {subject}")


@chris_plugin(
    parser=parser,
    title="Merge the slabs of a denoised series",
    category="diffusion",
    min_memory_limit="1Gi",
    min_cpu_limit="500m",
)
def main(_options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Merge the slabs below `inputdir`; slabs that do not fit end with exit code 1 and an explanation."""
    try:
        run(inputdir, outputdir)
    except inputs.InputError as error:
        sys.exit(f"pl-denoise-merge: {error}")


if __name__ == "__main__":
    main()
