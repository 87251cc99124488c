"""Which files of an input are the series and its gradients, or the slabs of one; and what a worker is told."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SERIES = re.compile(r"(?P<subject>.+)_dwi\.nii(?:\.gz)?")
DERIVED = re.compile(r"_(space|desc)-")
SLAB = re.compile(r"(?P<subject>.+)_desc-denoised_dwi\.slab-\d+-of-\d+\.json")
GRADIENTS = (".bval", ".bvec")
SHOWN = 10


class InputError(Exception):
    """The input cannot be used; the text says what was looked for and what was there."""


@dataclass(frozen=True)
class Series:
    """One subject's diffusion series with its gradient files, which may be absent."""

    subject: str
    image: Path
    gradients: tuple[Path, ...]


@dataclass(frozen=True)
class Shard:
    """Which part of the work is this pod's: number `index` (from 0) of `count`."""

    index: int
    count: int


def files_below(folder: Path) -> list[Path]:
    """Every file, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def listing(folder: Path, files: Sequence[Path]) -> str:
    """The files that are there, in words."""
    if not files:
        return "the input has no files"
    names = ", ".join(str(path.relative_to(folder)) for path in files[:SHOWN])
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"the input has {len(files)}: {names}{more}"


def find_series(folder: Path) -> Series:
    """The one `<subject>_dwi.nii[.gz]` below a folder that no `space-` or `desc-` calls processed.

    Raises InputError if there is none or more than one.
    """
    files = files_below(folder)
    found = [path for path in files if SERIES.fullmatch(path.name) and not DERIVED.search(path.name)]
    if len(found) != 1:
        sought = "looked for one diffusion series (<subject>_dwi.nii.gz)"
        if not found:
            raise InputError(f"{sought} and found none; {listing(folder, files)}")
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise InputError(f"{sought} and found {len(found)}: {names}; give one series per run")
    (image,) = found
    match = SERIES.fullmatch(image.name)
    subject = match["subject"] if match else ""
    beside = (image.with_name(f"{subject}_dwi{suffix}") for suffix in GRADIENTS)
    return Series(subject, image, tuple(path for path in beside if path.is_file()))


def find_slabs(folder: Path) -> list[Path]:
    """The description of every slab below a folder; raises InputError if there are none, or of two series."""
    files = files_below(folder)
    found = [path for path in files if SLAB.fullmatch(path.name)]
    if not found:
        sought = (
            "looked for slabs (<subject>_desc-denoised_dwi.slab-1-of-4.json and its images) and found none"
        )
        raise InputError(
            f"{sought}; {listing(folder, files)}; give the output of pl-denoise with several workers"
        )
    stems = {str(path.parent / path.name.partition(".slab-")[0]) for path in found}
    if len(stems) > 1:
        names = ", ".join(sorted(Path(stem).name for stem in stems))
        raise InputError(f"the slabs are of {len(stems)} series: {names}; merge one series per run")
    return found


def shard(environment: Mapping[str, str]) -> Shard:
    """Which part this pod does, as the operator says for `split: index`; without word all of it.

    Raises InputError unless both numbers are there and fit.

    >>> shard({"CHRIS_SHARD_INDEX": "2", "CHRIS_SHARD_COUNT": "4"}), shard({})
    (Shard(index=2, count=4), Shard(index=0, count=1))
    """
    names = ("CHRIS_SHARD_INDEX", "CHRIS_SHARD_COUNT")
    texts = [environment.get(name) for name in names]
    if texts == [None, None]:
        return Shard(0, 1)
    told = ", ".join(f"{name}={text}" for name, text in zip(names, texts, strict=True))
    if not all(text and text.isdecimal() for text in texts):
        raise InputError(f"{told}: both must be whole numbers, or both be absent")
    index, count = (int(text or 0) for text in texts)
    if index >= count:
        raise InputError(f"{told}: the index counts from 0 and must be below the count")
    return Shard(index, count)


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
