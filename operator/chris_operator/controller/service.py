"""The running operator: the watches, the Lease, the workers and the HTTP port, as tasks of one process.

Any of them failing for good ends the process with that error; Kubernetes starts another.
"""

import asyncio
import logging
import time

import kopf
from kopf._core.engines.peering import Identity

from chris_operator.cluster import (
    INSTANCES,
    NAMESPACES,
    Cluster,
    ClusterError,
    Resource,
    Unreachable,
    inside_a_pod,
)
from chris_operator.core.housekeeping import RESTS_AFTER
from chris_operator.storage import StorageError

from . import logs, metrics, root
from .apply import Applier
from .facts import Facts
from .grants import Grants
from .handlers import WATCHED, Ear, register
from .heartbeat import Heartbeat
from .ids import Ids
from .informer import RELIST_SECONDS, Informer
from .iohandler import IOHandler
from .leader import Leadership
from .queue import Key, WorkQueue
from .reconcile import TOMBSTONES, LaterError, Reconciler
from .references import References
from .settings import OperatorSettings
from .sites import Sites
from .tombstones import Tombstones
from .world import World

log = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
_MAX_RETRY_SECONDS = 60.0
_ROOT_RETRY_SECONDS = 3.0
_BOOKMARKS = 1.5
"""Times CHRIS_SILENCE_SECONDS: what the API server says once a minute on every watch must not come too late."""


class Service:
    """Wires the parts together; `run` returns when kopf was told to stop."""

    def __init__(self, cluster: Cluster, storage: root.OwnStorage, settings: OperatorSettings) -> None:
        self._cluster, self._storage, self._settings = cluster, storage, settings
        self._world, self._queue = World(), WorkQueue()
        self._ear = Ear(self._world, self._queue)
        self._informers = [
            Informer(cluster, resource, self._ear, self._listed, labels)
            for resource, labels in WATCHED.items()
        ]
        self._silence = settings.silence.total_seconds()
        cluster.silence = self._silence * _BOOKMARKS
        self._heart = Heartbeat()
        self._informers.append(self._heart.informer(cluster, settings.namespace))
        self._unlisted = {*WATCHED, NAMESPACES}
        self._known = asyncio.Event()
        """Everything was listed once: no plan is made from a half-known cluster."""
        self._ids = Ids(cluster, storage, settings.namespace)
        self._lead = Leadership(cluster, settings.namespace, settings.identity, settings.lease)
        references = References(self._world)
        tombstones = Tombstones(cluster, storage, settings.namespace, references)
        self._sites = Sites(cluster, self._world, self._queue, settings, self._look_at_all)
        self._io = IOHandler(self._sites, storage, self._world, self._queue)
        facts = Facts(self._sites, storage, self._ids, self._world, references, io=self._io)
        grants = Grants(cluster, self._sites, storage, facts, settings)
        self._reconciler = Reconciler(
            cluster=cluster,
            world=self._world,
            queue=self._queue,
            facts=facts,
            applier=Applier(
                cluster,
                storage,
                self._world,
                grants=grants,
                references=references,
                tombstones=tombstones,
                sites=self._sites,
                settings=settings,
            ),
            grants=grants,
            references=references,
            tombstones=tombstones,
            ids=self._ids,
            sites=self._sites,
            io=self._io,
        )
        metrics.QUEUE_DEPTH.set_function(lambda: float(len(self._queue)))
        self._may_work = asyncio.Event()
        self._failures: dict[Key, int] = {}

    async def run(self) -> None:
        """Run until kopf ends (SIGTERM, SIGINT) or any part fails for good."""
        registry = kopf.OperatorRegistry()
        register(registry, self._ear, lambda: self._listed(NAMESPACES))
        kopf.on.login(registry=registry)(_login)
        metrics.look_at_ourselves(self._heart)
        server = await metrics.serve(self._settings.port, self._problem)
        watching = asyncio.create_task(self._watch(registry))
        helpers = [asyncio.create_task(self._lead.run(self._gained, self._lost))]
        helpers += [asyncio.create_task(informer.run()) for informer in self._informers]
        helpers += [asyncio.create_task(self._work()) for _ in range(self._settings.workers)]
        done, _ = await asyncio.wait([watching, *helpers], return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, *helpers):
            task.cancel()
        await asyncio.gather(watching, *helpers, return_exceptions=True)
        await server.cleanup()
        await self._io.close()
        await self._sites.close()
        await self._step_down()
        for task in done:
            task.result()  # raises what ended it

    async def _watch(self, registry: kopf.OperatorRegistry) -> None:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False  # our Events are told on transitions, by `Applier.tell`
        settings.scanning.disabled = True  # our resources are installed before the operator starts
        settings.peering.standalone = True  # the Lease decides who leads
        settings.watching.server_timeout = RELIST_SECONDS
        settings.watching.client_timeout = RELIST_SECONDS + 30
        settings.watching.inactivity_timeout = self._silence * _BOOKMARKS
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
        self._ear.awake = True
        self._look_at_all()

    def _listed(self, resource: Resource) -> None:
        """A kind was listed; with the runs, all is looked at again, so that nothing that was missed stays so."""
        self._unlisted.discard(resource)
        complete = not self._unlisted
        if complete and (resource is INSTANCES or not self._known.is_set()):
            self._known.set()
            self._look_at_all()

    def _look_at_all(self) -> None:
        if not (self._known.is_set() and self._may_work.is_set()):
            return
        long_ago = time.time() - (self._settings.plans.keep_ended + RESTS_AFTER).total_seconds()
        for plural, namespace, name in self._world.restless(long_ago):
            self._queue.add(Key(plural, namespace, name))
        self._queue.add(TOMBSTONES)

    async def _lost(self) -> None:
        metrics.LEADING.set(0)
        self._may_work.clear()
        self._ear.awake = False
        self._queue.clear()
        self._ids.forget()
        self._storage.closed = "this replica does not lead"
        await self._io.close()
        await self._sites.close()

    async def _step_down(self) -> None:
        try:
            await self._lead.release()
        except ClusterError as error:
            log.warning("the Lease could not be given back: %s", error)

    async def _work(self) -> None:
        await self._known.wait()
        while True:
            await self._may_work.wait()
            key = await self._queue.get()
            if not (self._may_work.is_set() and self._lead.leading):
                self._queue.done(key)
                self._queue.add(key)  # the Lease may be ours again in a moment
                await asyncio.sleep(1)
                continue
            started = time.monotonic()
            try:
                with logs.about(key):
                    await self._attempt(key)
            finally:
                self._queue.done(key)
                metrics.RECONCILE_SECONDS.labels(key.kind).observe(time.monotonic() - started)

    async def _attempt(self, key: Key) -> None:
        """Reconcile one key; whatever goes wrong is logged and tried again, ever more slowly."""
        try:
            await self._reconciler.reconcile(key)
        except (ClusterError, StorageError, LaterError) as error:
            log.warning("%s: %s", key, error)
            self._retry(key, error)
        except Exception as error:
            log.exception("%s: reconciliation failed", key)
            self._retry(key, error)
        else:
            self._failures.pop(key, None)

    def _retry(self, key: Key, error: Exception) -> None:
        metrics.RECONCILE_ERRORS.labels(key.kind, type(error).__name__).inc()
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(_RETRY_SECONDS * 2 ** min(count - 1, 8), _MAX_RETRY_SECONDS)
        self._queue.add_in(key, delay)

    def _problem(self) -> str:
        """What is wrong with this replica; empty while it is alive."""
        silent = asyncio.get_running_loop().time() - self._lead.answered_at
        if silent > self._silence:
            return f"the API server has not answered about the Lease for {silent:.0f} s"
        return self._heart.problem(self._silence)


def _login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
    """Credentials for kopf's watches: the pod's service account, else the user's kubeconfig."""
    if inside_a_pod():
        return kopf.login_with_service_account(settings=settings)
    return kopf.login_with_kubeconfig(settings=settings)
