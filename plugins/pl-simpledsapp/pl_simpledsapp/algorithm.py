"""What is copied to where, and how long to wait before: decided without touching a file."""

import math
from collections.abc import Iterable
from pathlib import PurePosixPath


def prefixed(files: Iterable[PurePosixPath], prefix: str) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """Pairs (from, to) of relative paths, sorted: folders keep their names, files get the prefix.

    Raises ValueError if the prefix would change folders.

    >>> prefixed([PurePosixPath("b"), PurePosixPath("a/c.nii")], "x-")
    [(PurePosixPath('a/c.nii'), PurePosixPath('a/x-c.nii')), (PurePosixPath('b'), PurePosixPath('x-b'))]
    """
    if "/" in prefix:
        message = (
            f"--prefix {prefix!r}: a prefix is a part of a file name and cannot contain '/'; leave it out"
        )
        raise ValueError(message)
    return [(file, file.with_name(prefix + file.name)) for file in sorted(files)]


def seconds(text: str) -> float:
    """The time to sleep; the parameter is text because that is its type in today's ChRIS.

    Raises ValueError unless it is a finite number and not negative.

    >>> seconds("1.5")
    1.5
    """
    message = f"--sleepLength {text!r} is not a time in seconds: give a number such as 0, 2.5 or 60"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(message) from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(message)
    return value
