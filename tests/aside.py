"""Files that a test's commands write into the checkout: what somebody had there before comes back."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def put_aside(root: Path, names: Sequence[str], scratch: Path) -> Iterator[None]:
    """Move these paths of `root` away for the length of a block; afterwards remove what took their place."""
    theirs = [name for name in names if (root / name).exists()]
    for number, name in enumerate(theirs):
        shutil.move(root / name, scratch / str(number))
    try:
        yield
    finally:
        for name in names:
            if (root / name).is_dir():
                shutil.rmtree(root / name)
            else:
                (root / name).unlink(missing_ok=True)
        for number, name in enumerate(theirs):
            shutil.move(scratch / str(number), root / name)
