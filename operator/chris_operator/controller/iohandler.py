"""The IO handler: inputs to the Swifts of other clusters, outputs back, and away with what is not needed there.

Copies go on beside the plans, one of a run at a time: a plan asks how far it is, and the run is looked at again when it
has ended. All of it can be lost at any moment; whoever comes next begins again and skips what is there.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from chris_operator.core import inputs, transfers
from chris_operator.core.endings import job_of
from chris_operator.core.observed import Observed, Transfer
from chris_operator.staging.share import part_prefix
from chris_operator.storage import (
    DamagedError,
    Mirror,
    Progress,
    StoppedError,
    Storage,
    StorageElsewhere,
    StorageError,
)

from . import metrics
from .gather import model_of, parent_of, tenant_of
from .handlers import compute_key, instance_key
from .queue import WorkQueue
from .sites import Sites
from .world import World

log = logging.getLogger(__name__)
_COPIES = 4
"""So many runs' data travel to or from a cluster at a time."""
SEND, FETCH = "send", "fetch"


class _Copy(NamedTuple):
    """What is copied for a run."""

    what: str
    attempt: int
    act: Callable[[Mirror, Progress], None]


@dataclass
class _Going:
    """A copy on its way, or its end until somebody has asked for it."""

    copy: _Copy
    since: datetime
    progress: Progress
    task: asyncio.Task[None] | None = None
    done: bool = False
    problem: str | None = None
    error: Exception | None = None


class IOHandler:
    """Copies between our Swift and those of other clusters."""

    def __init__(self, sites: Sites, storage: Storage, world: World, queue: WorkQueue) -> None:
        self._sites, self._storage, self._world, self._queue = sites, storage, world, queue
        self._going: dict[str, _Going] = {}
        self._gates: dict[str, asyncio.Lock] = {}
        """One per cluster: no copy begins there while something is removed."""
        self._threads: dict[str, ThreadPoolExecutor] = {}
        """Of each cluster for itself: one that hangs holds no other up."""

    # -- what plans ask

    async def sent(self, o: Observed) -> Transfer:
        """How far the input of a run's next attempt is; raises StorageError where it does not get on."""
        manifests = tuple(each.manifest for each in inputs.of(o))
        anew = transfers.distrusted(o)
        act = _pushing(manifests, anew=anew)
        return self._ask(o, _Copy(SEND, transfers.next_attempt(o), act))

    async def fetched(self, o: Observed) -> Transfer:
        """How far the output of a run's ended attempt is; raises StorageError where it does not get on."""
        attempt = o.instance.status.attempt
        number = attempt.number if attempt else 1
        return self._ask(o, _Copy(FETCH, number, _pulling(_directories(o, number))))

    def _ask(self, o: Observed, copy: _Copy) -> Transfer:
        uid = o.instance.metadata.uid
        going = self._going.get(uid)
        if going is None or going.copy[:2] != copy[:2]:
            self.end(uid)
            going = self._begin(o, copy)
        if going.error is not None:
            del self._going[uid]
            raise going.error
        return Transfer(going.done, going.since, going.problem)

    def end(self, uid: str) -> None:
        """Nobody waits for a run's copy any more."""
        going = self._going.pop(uid, None)
        if going is not None:
            going.progress.stop.set()

    async def close(self) -> None:
        """End all copies: this replica ends, or leads no more. Threads that hang in a request are not waited for."""
        tasks = [going.task for going in self._going.values() if going.task]
        for uid in list(self._going):
            self.end(uid)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- one copy

    def _begin(self, o: Observed, copy: _Copy) -> _Going:
        meta, name = o.instance.metadata, o.site.name
        there = self._sites.swifts.of(o.site)
        if there is None:
            raise ValueError(f"cluster {name} has no Swift of its own, and {copy.what} was asked for")
        moved = metrics.TRANSFERRED_BYTES.labels(name, copy.what).inc
        now = self._sites.clock(o.site).now()
        going = self._going[meta.uid] = _Going(copy, now, Progress(moved=moved))
        key = instance_key(meta.namespace, meta.name)
        going.task = asyncio.create_task(self._run(going, there, name))
        going.task.add_done_callback(lambda _: self._queue.add(key))
        return going

    async def _run(self, going: _Going, there: StorageElsewhere, name: str) -> None:
        copy = going.copy
        try:
            async with self._gate(name):
                pass  # what is removed there in this moment must be seen as absent
            mirror, loop = Mirror(self._storage, there), asyncio.get_running_loop()
            await loop.run_in_executor(self._pool(name), copy.act, mirror, going.progress)
        except DamagedError as error:
            going.problem = str(error)
        except StoppedError:
            return
        except StorageError as error:
            going.error = _nameless(error) if copy.what == SEND else error
            log.warning("%s for attempt %d does not get on: %s", copy.what, copy.attempt, going.error)
            self._queue.add(compute_key(name))
        except Exception as error:  # noqa: BLE001  told to whoever asks
            going.error = error
        going.done = True

    def _pool(self, name: str) -> ThreadPoolExecutor:
        if name not in self._threads:
            self._threads[name] = ThreadPoolExecutor(_COPIES, thread_name_prefix=f"iohandler-{name}")
        return self._threads[name]

    def _gate(self, name: str) -> asyncio.Lock:
        return self._gates.setdefault(name, asyncio.Lock())

    # -- what is not needed there

    async def sweep(self, name: str) -> None:
        """Remove from a cluster's Swift what nothing needs that goes on there."""
        there = self._sites.swifts.known(name)
        if there is None or self._sites.site(name).storage_problem:
            return
        places = await self._sites.swifts.ask(there.places)
        async with self._gate(name):
            for place in transfers.left_over(places, *self._needed(name)):
                count = await self._sites.swifts.ask(there.clear, place)
                log.info("%s: removed %d objects below %s from its Swift", name, count, place)

    def _needed(self, name: str) -> tuple[set[int], set[str]]:
        """Numbers of the runs whose data must stay there, and the users whose uploads must."""
        runs, users = [], set()
        for namespace, run in self._world.instances_at(name):
            body, brief = self._world.instance(namespace, run), self._world.brief(namespace, run)
            if body is None or brief is None or brief.ended:
                continue
            users.add(tenant_of(self._world, namespace).user or "")
            parents = [parent_of(self._world, namespace, parent) for parent in brief.previous]
            runs += [model_of(body)[0], *(parent for parent in parents if parent)]
        return transfers.needed(runs), users


def _nameless(error: StorageError) -> StorageError:
    """The error without the object: users name what they upload, after patients at times."""
    value = error.value if isinstance(error.value, int) or str(error.value).isidentifier() else ""
    return type(error)("an object of the input", error.rule, value, where=error.where)


def _pushing(manifests: Sequence[str], *, anew: bool) -> Callable[[Mirror, Progress], None]:
    return lambda mirror, progress: mirror.push(manifests, progress, anew=anew)


def _pulling(directories: Sequence[str]) -> Callable[[Mirror, Progress], None]:
    return lambda mirror, progress: mirror.pull(directories, progress)


def _directories(o: Observed, number: int) -> list[str]:
    """Where an attempt's output lies: below its own directory, or each worker's."""
    prefix, job = inputs.own_prefix(o, number), job_of(o, number)
    if job is None or not job.workers:
        return [prefix]
    return [part_prefix(prefix, worker) for worker in range(job.workers)]
