"""Which files of an input are the scan and its masks, told by BIDS names."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SUFFIX = r"\.nii(?:\.gz)?"
HEAD = re.compile(rf"(?P<subject>.+)_T1w{SUFFIX}")
DERIVED = re.compile(r"_(space|desc)-")
SHOWN = 10


class InputError(Exception):
    """The input cannot be used; the text says what was looked for and what was there."""


@dataclass(frozen=True)
class Scan:
    """One subject's files, relative to the input; `white` is there only if someone knows the truth."""

    subject: str
    head: PurePosixPath
    brain: PurePosixPath
    white: PurePosixPath | None

    @property
    def place(self) -> PurePosixPath:
        """Where the results belong: the input's folder in which the scan lies, or the top if it lies there."""
        return PurePosixPath(*self.head.parts[:-1][:1])

    @property
    def files(self) -> list[PurePosixPath]:
        """All files that are read."""
        return [file for file in (self.head, self.brain, self.white) if file]


def listing(files: Sequence[PurePosixPath]) -> str:
    """The files that are there, in words, for an error message."""
    if not files:
        return "the input has no files"
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"the input has {len(files)}: {', '.join(map(str, files[:SHOWN]))}{more}"


def only(files: Sequence[PurePosixPath], what: str, everything: Sequence[PurePosixPath]) -> PurePosixPath:
    """The one file of a kind; raises InputError if there is none or more than one."""
    if len(files) == 1:
        return files[0]
    if files:
        message = f"looked for one {what} and found {len(files)}: {', '.join(map(str, files))}; give one scan, or each in a folder of its own"
    else:
        message = f"looked for one {what} and found none; {listing(everything)}"
    raise InputError(message)


def heads_of(files: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    """Head scans: `<subject>_T1w.nii[.gz]`, unless a `space-` or `desc-` says that it has been processed."""
    return [file for file in files if HEAD.fullmatch(file.name) and not DERIVED.search(file.name)]


def choose_all(files: Sequence[PurePosixPath]) -> list[Scan]:
    """The scans of an input: one, or one in each of several folders, with all that belongs to it; raises InputError."""
    heads = heads_of(files)
    folders = sorted({head.parts[0] for head in heads if head.parent.name})
    if len(folders) <= 1 or any(not head.parent.name for head in heads):
        return [choose(files)]
    return [choose([file for file in files if file.parts[0] == folder]) for folder in folders]


def choose(files: Sequence[PurePosixPath]) -> Scan:
    """The scan among the input's files.

    The masks carry the head scan's subject. Raises InputError.
    """
    everything = sorted(files)
    head = only(heads_of(everything), "head scan (<subject>_T1w.nii.gz)", everything)
    match = HEAD.fullmatch(head.name)
    subject = match["subject"] if match else ""

    def masks(kind: str) -> list[PurePosixPath]:
        pattern = re.compile(rf"{re.escape(subject)}_desc-{kind}_mask{SUFFIX}")
        return [file for file in everything if pattern.fullmatch(file.name)]

    brain = only(masks("brain"), f"brain mask ({subject}_desc-brain_mask.nii.gz)", everything)
    white = only(found, "white-matter mask", everything) if (found := masks("wm")) else None
    return Scan(subject, head, brain, white)


def find(folder: Path) -> list[Scan]:
    """The scans in a folder or anywhere below it; raises InputError."""
    return choose_all(
        [PurePosixPath(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    )


def checksums(folder: Path, scan: Scan) -> dict[str, str]:
    """SHA-256 of every file that is read, by relative name."""
    return {str(file): hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in scan.files}
