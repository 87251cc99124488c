"""Watching a plugin's life through the FIFO that `run` holds open: no polling, no signals, no process table."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from chris_operator.staging import contract
from chris_operator.staging.errors import StagingError
from chris_operator.staging.places import Places

READY_PAUSE = 0.05


def wait_until_ready(places: Places) -> None:
    """Return when stage-in is done; at once where it is an init container, after a while where it runs beside us."""
    mark = Path(places.state(contract.READY_MARK))
    while not mark.exists():
        time.sleep(READY_PAUSE)
    if mark.read_text().strip() != "ready":
        raise StagingError("StageInFailed", "the inputs could not be staged; see stage-in")


@contextmanager
def plugin_life(places: Places) -> Iterator[tuple[int, str]]:
    """From the plugin's start (opening waits for it): the FIFO's descriptor and the time (RFC 3339)."""
    descriptor = os.open(places.state(contract.ALIVE_FIFO), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise StagingError("StateTampered", f"{contract.ALIVE_FIFO} is no FIFO")
        yield descriptor, now()
    finally:
        os.close(descriptor)


def wait_for_end(descriptor: int) -> str:
    """Return when nobody holds the FIFO any more, however that came; the time (RFC 3339)."""
    while os.read(descriptor, 1 << 16):
        pass  # whatever the plugin writes there itself
    return now()


def now() -> str:
    """The time as Kubernetes writes it, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
