"""The running operator: kopf's watches, the Lease, the workers and the HTTP port, as tasks of one process.

Any of them failing for good ends the process with that error; Kubernetes starts another.
"""

import asyncio
import logging
import time

import kopf
from kopf._core.engines.peering import Identity

from chris_operator.cluster import Cluster, ClusterError, Unreachable, inside_a_pod
from chris_operator.storage import StorageError

from . import metrics, root
from .apply import Applier
from .facts import Facts
from .grants import Grants
from .handlers import register
from .ids import Ids
from .leader import Leadership
from .queue import Key, WorkQueue
from .reconcile import TOMBSTONES, LaterError, Reconciler
from .settings import OperatorSettings
from .tombstones import Tombstones
from .world import World

log = logging.getLogger(__name__)
_RELIST_SECONDS = 600
_RETRY_SECONDS = 5.0
_MAX_RETRY_SECONDS = 60.0
_ROOT_RETRY_SECONDS = 3.0
_SILENCE_SECONDS = 60.0


class Service:
    """Wires the parts together; `run` returns when kopf was told to stop."""

    def __init__(self, cluster: Cluster, storage: root.OwnStorage, settings: OperatorSettings) -> None:
        self._cluster, self._storage, self._settings = cluster, storage, settings
        self._world, self._queue = World(), WorkQueue()
        self._ids = Ids(cluster, storage, settings.namespace)
        self._lead = Leadership(cluster, settings.namespace, settings.identity, settings.lease)
        facts = Facts(cluster, storage, self._ids, self._world)
        grants = Grants(cluster, storage, facts, settings)
        self._reconciler = Reconciler(
            cluster=cluster,
            world=self._world,
            queue=self._queue,
            facts=facts,
            applier=Applier(cluster, storage, self._world, grants, settings),
            grants=grants,
            tombstones=Tombstones(cluster, storage, settings.namespace),
            ids=self._ids,
            settings=settings,
        )
        self._may_work = asyncio.Event()
        self._failures: dict[Key, int] = {}

    async def run(self) -> None:
        """Run until kopf ends (SIGTERM, SIGINT) or any part fails for good."""
        registry = kopf.OperatorRegistry()
        register(registry, self._world, self._queue)
        kopf.on.login(registry=registry)(_login)
        server = await metrics.serve(self._settings.port, self._problem)
        watching = asyncio.create_task(self._watch(registry))
        helpers = [asyncio.create_task(self._lead.run(self._gained, self._lost))]
        helpers += [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
        done, _ = await asyncio.wait([watching, *helpers], return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, *helpers):
            task.cancel()
        await asyncio.gather(watching, *helpers, return_exceptions=True)
        await server.cleanup()
        await self._step_down()
        for task in done:
            task.result()  # raises what ended it

    async def _watch(self, registry: kopf.OperatorRegistry) -> None:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False  # our Events are told on transitions, by `Applier.tell`
        settings.scanning.disabled = True  # our resources are installed before the operator starts
        settings.peering.standalone = True  # the Lease decides who leads
        # Each reconnection lists everything again, so a lost event or a dead watch costs that long at most.
        settings.watching.server_timeout = _RELIST_SECONDS
        settings.watching.client_timeout = _RELIST_SECONDS + 30
        # kopf would name itself after the user of the process, and an arbitrary uid has no name.
        await kopf.operator(
            registry=registry,
            settings=settings,
            identity=Identity(self._settings.identity),
            clusterwide=True,
            standalone=True,
        )

    async def _gained(self) -> None:
        metrics.LEADING.set(1)
        while not await self._claimed():
            await self._begin()  # with Swift closed: whoever needs it is told so
            await asyncio.sleep(_ROOT_RETRY_SECONDS)
        await self._begin()

    async def _claimed(self) -> bool:
        try:
            await root.claim(self._cluster, self._storage.unclaimed, self._settings.adopt_root)
        except (StorageError, Unreachable) as error:
            log.warning("the root of Swift cannot be claimed yet: %s", error)
            self._storage.closed = str(error)
            return False
        self._storage.closed = ""
        return True

    async def _begin(self) -> None:
        """Look at everything; the first time, let the workers loose."""
        self._may_work.set()
        for plural, namespace, name in self._world.everything():
            await self._queue.add(Key(plural, namespace, name))
        await self._queue.add(TOMBSTONES)

    async def _lost(self) -> None:
        metrics.LEADING.set(0)
        self._may_work.clear()
        self._ids.forget()
        self._storage.closed = "this replica does not lead"

    async def _step_down(self) -> None:
        try:
            await self._lead.release()
        except ClusterError as error:
            log.warning("the Lease could not be given back: %s", error)

    async def _work(self) -> None:
        while True:
            await self._may_work.wait()
            key = await self._queue.get()
            metrics.QUEUE_DEPTH.set(len(self._queue))
            if not (self._may_work.is_set() and self._lead.leading):
                await self._queue.done(key)
                await self._queue.add(key)  # the next leader of this process, if any, looks at it
                await asyncio.sleep(1)
                continue
            started = time.monotonic()
            try:
                await self._attempt(key)
            finally:
                await self._queue.done(key)
                metrics.RECONCILE_SECONDS.labels(key.kind).observe(time.monotonic() - started)

    async def _attempt(self, key: Key) -> None:
        """Reconcile one key; whatever goes wrong is logged and tried again, ever more slowly."""
        try:
            await self._reconciler.reconcile(key)
        except (ClusterError, StorageError, LaterError) as error:
            log.warning("%s: %s", key, error)
            await self._retry(key, error)
        except Exception as error:
            log.exception("%s: reconciliation failed", key)
            await self._retry(key, error)
        else:
            self._failures.pop(key, None)

    async def _retry(self, key: Key, error: Exception) -> None:
        metrics.RECONCILE_ERRORS.labels(key.kind, type(error).__name__).inc()
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(_RETRY_SECONDS * 2 ** min(count - 1, 8), _MAX_RETRY_SECONDS)
        await self._queue.add_at(key, asyncio.get_running_loop().time() + delay)

    def _problem(self) -> str:
        """What is wrong with this replica; empty while it is alive."""
        silent = asyncio.get_running_loop().time() - self._lead.answered_at
        if silent > _SILENCE_SECONDS:
            return f"the API server has not answered about the Lease for {silent:.0f} s"
        return ""


def _login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
    """Credentials for kopf's watches: the pod's service account, else the user's kubeconfig."""
    if inside_a_pod():
        return kopf.login_with_service_account(settings=settings)
    return kopf.login_with_kubeconfig(settings=settings)
