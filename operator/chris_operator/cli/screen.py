"""Text that redraws itself in place on a terminal, and plain lines of what changed elsewhere."""

import shutil
import sys
from collections.abc import Sequence


class Screen:
    """Shows a block of lines again and again without scrolling."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._height = 0
        self._told: set[str] = set()

    def draw(self, block: Sequence[str], changes: Sequence[str]) -> None:
        """Redraw the block; where output is no terminal, print those changes that are new instead."""
        if not self._live:
            for line in changes:
                if line not in self._told:
                    self._told.add(line)
                    print(line, flush=True)
            return
        shown = fitting(block, *shutil.get_terminal_size())
        up = f"\033[{self._height}A" if self._height else ""
        print(up + "".join(f"\033[2K{line}\n" for line in shown) + "\033[J", end="", flush=True)
        self._height = len(shown)


def fitting(block: Sequence[str], columns: int, rows: int) -> list[str]:
    """The block cut to a terminal's size, as only what is on the screen can be drawn over.

    >>> fitting(["abcdef", "b", "c", "d"], 4, 4)
    ['abcd', 'b', '… and 2 more lines']
    """
    lines = [line[:columns] for line in block]
    if len(lines) < rows:
        return lines
    return [*lines[: rows - 2], f"… and {len(lines) - rows + 2} more lines"]
