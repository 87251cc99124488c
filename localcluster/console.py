"""What the user sees: one line per step with the seconds since the start, so that nothing looks hung."""

import sys
import time

_START = time.monotonic()


def say(text: str) -> None:
    """Print one progress line; standard output is left to results."""
    print(f"[{time.monotonic() - _START:4.0f} s] {text}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print something the user should read, apart from progress."""
    print(f"warning: {text}", file=sys.stderr, flush=True)
