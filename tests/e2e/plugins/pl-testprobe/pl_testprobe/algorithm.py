"""What the programs write, decided without touching a file: the same words give the same bytes."""

import hashlib
import itertools
from collections.abc import Iterator

ODD_NAMES = (
    b"new\nline, comma and \xc3\xbc.txt",
    b"not-utf-8-\xff.txt",
    b" blanks around ",
    b"-rf",
    b"tab\tquote\"apostrophe'backslash\\.txt",
    "composed-\u00e9.txt".encode(),
    "decomposed-e\u0301.txt".encode(),
    "\u8133-\U0001f9e0.nii.gz".encode(),
    b"%2e%2e%2fpercent.txt",
    b"x" * 255,
)
"""Names that a file system takes and careless programs do not; two of them look alike."""


LINES_AT_ONCE = 1000  # of a kilobyte each


def content(index: int, size: int) -> bytes:
    """`size` bytes that do not compress and differ from file to file.

    >>> content(0, 3) == content(0, 5)[:3], content(0, 3) == content(1, 3)
    (True, False)
    """
    return hashlib.shake_128(f"file {index}".encode()).digest(size)


def names(count: int) -> list[str]:
    """Relative names of `count` files, at most a hundred in one folder.

    >>> names(2), names(101)[-1]
    (['00/0000.bin', '00/0001.bin'], '01/0100.bin')
    """
    return [f"{index // 100:02}/{index:04}.bin" for index in range(count)]


def log_blocks(size: int) -> Iterator[str]:
    """Numbered lines with their ends, `size` characters in all, many at a time; the last one may be cut.

    >>> "".join(log_blocks(12))
    'log line 000'
    """
    left = size
    for start in itertools.count(0, LINES_AT_ONCE):
        if left <= 0:
            return
        lines = (f"log line {number:09} {'.' * 980}\n" for number in range(start, start + LINES_AT_ONCE))
        block = "".join(lines)[:left]
        left -= len(block)
        yield block
