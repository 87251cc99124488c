"""How the pod's three containers agree that the input is there; they may start in any order, or together.

`stage-in` holds a lock while it lives and writes one word into the ready mark. `publish` waits for the lock, so
the kernel wakes it at stage-in's end, however that came. `run` waits in opening the FIFO until publish reads it,
and reads the word then. Nobody polls, but for a stage-in that has not begun.
"""

import errno
import fcntl
import os
import select
import time
from pathlib import Path

from chris_operator.staging import contract
from chris_operator.staging.errors import StagingError
from chris_operator.staging.places import Places

READY, FAILED = "ready", "failed"
NOT_BEGUN_PAUSE = 0.02
RELEASE_SECONDS = 10


def begin_staging(places: Places) -> None:
    """Take the lock until this process ends, and leave a sign that it was taken."""
    descriptor = _open_lock(places)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, b"begun\n")


def _open_lock(places: Places) -> int:
    return os.open(places.state(contract.STAGING_LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def say(places: Places, word: str = READY) -> None:
    """Make the FIFO and, last, the mark."""
    try:
        os.mkfifo(places.state(contract.ALIVE_FIFO))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    new = Path(places.state(f"{contract.READY_MARK}.new"))
    new.write_text(f"{word}\n")
    new.rename(places.state(contract.READY_MARK))


def wait_until_ready(places: Places) -> None:
    """Return when stage-in is done, at once where it is an init container; StagingError where it has failed."""
    mark = Path(places.state(contract.READY_MARK))
    if not mark.exists():
        _wait_for_stage_in(places)
    if not mark.exists():
        say(places, FAILED)  # it was killed before it could say so itself
    if mark.read_text().strip() != READY:
        _release_run(places)
        raise StagingError("StageInFailed", "the inputs could not be staged; see stage-in")


def _wait_for_stage_in(places: Places) -> None:
    """Return when stage-in has begun and nobody holds its lock any more."""
    descriptor = _open_lock(places)
    try:
        while True:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_size:
                return
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(NOT_BEGUN_PAUSE)
    finally:
        os.close(descriptor)


def _release_run(places: Places) -> None:
    """Let `run` see the mark: open the FIFO for it, and stay until it has come and gone.

    Bounded, since its container may never start; one that starts later looks at the mark first.
    """
    fifo = os.open(places.state(contract.ALIVE_FIFO), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        poll = select.poll()
        poll.register(fifo, select.POLLIN)
        poll.poll(RELEASE_SECONDS * 1000)
    finally:
        os.close(fifo)
