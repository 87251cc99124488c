"""Writing files so that a reader, or the next command after a crash, never sees half of one."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write(target: Path, text: str, *, private: bool = False) -> None:
    """Write a file atomically, making its directory; a private one is its owner's alone from the first byte."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.new")
    if private:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(target)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time into a block; the lock ends with the process, however it ends."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
