"""A few threads that share work; the first error stops them all."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

Task = Callable[[], None]


class Stopped(Exception):  # noqa: N818 - it is no error of its own but the echo of another thread's
    """The crew is stopping because another task failed."""


class Crew:
    """Threads over a short queue: `submit` waits while the queue is full, so that nothing piles up."""

    def __init__(self, threads: int) -> None:
        self.stopped = threading.Event()
        self._error: BaseException | None = None
        self._tasks: queue.Queue[Task | None] = queue.Queue(maxsize=threads)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """Have a task done; raises the first error of any task."""
        self._raise_error()
        self._tasks.put(task)

    def finish(self) -> None:
        """Wait for every task; raises the first error of any of them. Nothing can be submitted afterwards."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._raise_error()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the tasks, which stop early where the block failed; its error precedes theirs."""
        if error is None:
            self.finish()
        else:
            self.stopped.set()

    def _raise_error(self) -> None:
        if self._error:
            raise self._error

    def _work(self) -> None:
        while task := self._tasks.get():
            if not self.stopped.is_set():
                self._run(task)

    def _run(self, task: Task) -> None:
        try:
            task()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self._error = self._error or error
            self.stopped.set()


def taken(numbers: deque[int]) -> Iterator[int]:
    """Numbers from the front of a queue that several tasks empty together."""
    with suppress(IndexError):
        while True:
            yield numbers.popleft()
