"""What the programs write, decided without touching a file: the same words give the same bytes."""

import hashlib
import itertools
from collections.abc import Iterator


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


def log_lines(size: int) -> Iterator[str]:
    """Numbered lines with their ends, `size` characters in all; the last one may be cut.

    >>> "".join(log_lines(12))
    'log line 000'
    """
    left = size
    for number in itertools.count():
        if left <= 0:
            return
        line = f"log line {number:09} {'.' * 80}\n"[:left]
        left -= len(line)
        yield line
