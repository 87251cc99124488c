"""Watching a plugin's life through the FIFO that `run` holds open: no polling, no signals, no process table."""

import os
import select
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chris_operator.staging import contract
from chris_operator.staging.contract import Usage
from chris_operator.staging.errors import StagingError
from chris_operator.staging.places import Places


@dataclass(frozen=True)
class Life:
    """When the plugin started and ended (RFC 3339)."""

    start: str
    end: str


@contextmanager
def plugin_started(places: Places) -> Iterator["Watch"]:
    """From the plugin's start, which opening the FIFO waits for."""
    descriptor = os.open(places.state(contract.ALIVE_FIFO), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise StagingError("StateTampered", f"{contract.ALIVE_FIFO} is no FIFO")
        yield Watch(descriptor, now())
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Watch:
    """A plugin that has started; its FIFO is open."""

    descriptor: int
    start: str

    def wait_for_end(self) -> Life:
        """Return when nobody holds the FIFO any more, however that came."""
        while os.read(self.descriptor, 1 << 16):
            pass  # whatever the plugin writes there itself
        return Life(self.start, now())

    def ends_within(self, seconds: float) -> bool:
        """Wait so long for the end at most; whether it came."""
        poll, deadline = select.poll(), time.monotonic() + seconds
        poll.register(self.descriptor, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0 and poll.poll(left * 1000):
            if not os.read(self.descriptor, 1 << 16):
                return True
        return False


def now() -> str:
    """The time as Kubernetes writes it, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Ending:
    """What SIGTERM means: before the plugin's end an abortion, afterwards only if the plugin did not succeed."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self._terminated = False

    def watch(self) -> None:
        """Take SIGTERM from now on."""
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._terminated = True
        self.check()

    def check(self) -> None:
        """StagingError (Aborted) if the pod is being deleted and the plugin did not end well of itself."""
        if self._terminated and (self.usage is None or self.usage.exit_code != 0):
            raise StagingError("Aborted", "the pod was deleted before the plugin's end; nothing is published")
