"""How far a transfer is, on one line of standard error that overwrites itself; silent where that is no terminal."""

import sys
import threading
import time

from chris_operator.core.words import size

_PAUSE = 0.2
"""Seconds between two drawings."""


class Progress:
    """Counts bytes from many threads."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0.0
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._start = self._drawn = time.monotonic()

    def add(self, count: float) -> None:
        """So many bytes more have arrived."""
        with self._lock:
            self.done += count
            now = time.monotonic()
            if self._live and now - self._drawn >= _PAUSE:
                self._drawn = now
                print(
                    f"\r\033[2K{line(self.done, self.total, now - self._start)}",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )

    def clear(self) -> None:
        """Take the line away."""
        if self._live:
            print("\r\033[2K", end="", file=sys.stderr, flush=True)


def line(done: float, total: int, seconds: float) -> str:
    """What the line says.

    >>> line(250e6, 1_000_000_000, 5)
    '25 %  250.0 MB of 1.0 GB  50.0 MB/s'
    """
    share = 100 * done / total if total else 100
    return f"{share:.0f} %  {size(done)} of {size(total)}  {size(done / seconds if seconds else 0)}/s"
