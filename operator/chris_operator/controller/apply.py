"""Carries out plans: the only place of the controller that writes.

Every action can be repeated: a crash between any two of them is mended by planning again.
"""

import asyncio
import hashlib
import logging
from datetime import datetime
from typing import Any

from chris_operator.cluster import (
    EVENTS,
    FEEDS,
    INSTANCES,
    JOBS,
    SECRETS,
    AlreadyExists,
    Cluster,
    ClusterError,
    Conflict,
    NotFound,
    Resource,
)
from chris_operator.core import inputs, pods, verdict
from chris_operator.core.names import FINALIZER, ID_LABEL, RUN_UID_LABEL, attempt_prefix, run_prefix
from chris_operator.core.observe import parse_time
from chris_operator.core.observed import Observed
from chris_operator.core.plan import final_condition
from chris_operator.core.rejections import with_remedy
from chris_operator.core.verdict import Plan
from chris_operator.models.base import API_VERSION
from chris_operator.storage import Storage, Unavailable

from . import logs, metrics
from .grants import Grants
from .indexes import labels_of
from .references import References
from .settings import OperatorSettings
from .sites import Sites
from .tombstones import Tombstones
from .world import World

log = logging.getLogger(__name__)
REFUSALS = frozenset({400, 403, 422})
"""Quota, policy and admission webhooks (which say 400 unless told otherwise): HTTP codes that stay when tried again."""
Object = dict[str, Any]


class RefusedError(Exception):
    """An object of an attempt cannot be created as long as somebody does not change something; the message says what."""


class Applier:
    """Writes plans to the API server and to Swift."""

    def __init__(
        self,
        cluster: Cluster,
        storage: Storage,
        world: World,
        *,
        grants: Grants,
        references: References,
        tombstones: Tombstones,
        sites: Sites,
        settings: OperatorSettings,
    ) -> None:
        self._cluster, self._storage, self._world = cluster, storage, world
        self._grants, self._sites, self._settings = grants, sites, settings
        self._references, self._tombstones = references, tombstones
        self._copied: set[tuple[str, int]] = set()

    async def apply(self, o: Observed, plan: Plan) -> None:
        """First what must stand before the status, then the status, then what follows from it."""
        version = o.instance.metadata.resource_version
        for action in plan.before:
            version = await self.act(o, action) or version
        if plan.status is not None:
            await self.write_status(INSTANCES, o.instance.metadata, plan.status, version)
            if final_condition(o.instance) is None:
                metrics.observe(plan.status)
        if plan.event is not None:
            await self.tell(INSTANCES, o.instance.metadata, *plan.event)
        for action in plan.actions:
            await self.act(o, action)

    async def write_status(self, resource: Resource, meta: Any, status: Object, version: str) -> None:
        """Write a whole status; Conflict when `version` is not the newest."""
        body = await self._cluster.apply_status(resource, meta.name, meta.namespace or None, status, version)
        self._world.take(resource, body)

    async def act(self, o: Observed, action: verdict.Action) -> str | None:
        """Carry out one action; returns the instance's new resourceVersion where it changed."""
        match action:
            case verdict.CreateFeed():
                await self.create_feed(o.instance.metadata.namespace, action)
            case verdict.Claim():
                return await self._claim(o, action)
            case verdict.StartAttempt():
                await self._start(o, action)
            case verdict.StopAttempt():
                await self._stop(o, action)
            case verdict.CopyManifest():
                await self._copy_manifest(o, action.attempt)
            case verdict.SweepAttempts():
                await self._sweep(o, action)
            case verdict.DeleteData():
                await self._delete_data(o)
                await self._release(o)
            case verdict.Release():
                await self._release(o)
        return None

    async def create_feed(self, namespace: str, action: verdict.CreateFeed) -> None:
        """Make a Feed where none has this name."""
        meta = {"name": action.name, "namespace": namespace}
        body = {"apiVersion": API_VERSION, "kind": "Feed", "metadata": meta, "spec": {"title": action.title}}
        try:
            made: Object | None = await self._cluster.create(FEEDS, body, namespace)
        except AlreadyExists:
            made = await self._cluster.find(FEEDS, action.name, namespace)
        if made is not None:
            self._world.take(FEEDS, made)

    async def _claim(self, o: Observed, action: verdict.Claim) -> str:
        meta = o.instance.metadata
        patch = {
            "metadata": {
                "resourceVersion": meta.resource_version,
                "finalizers": sorted({*meta.finalizers, FINALIZER}),
                "ownerReferences": [feed_owner(action.feed, action.feed_uid)],
                **({"labels": {ID_LABEL: str(action.run_id)}} if action.run_id else {}),
            }
        }
        body = await self._cluster.merge(INSTANCES, meta.name, meta.namespace, patch)
        self._world.take(INSTANCES, body)
        version: str = body["metadata"]["resourceVersion"]
        return version

    async def _release(self, o: Observed) -> None:
        meta = o.instance.metadata
        rest = [name for name in meta.finalizers if name != FINALIZER]
        patch = {"metadata": {"resourceVersion": meta.resource_version, "finalizers": rest}}
        try:
            body = await self._cluster.merge(INSTANCES, meta.name, meta.namespace, patch)
        except NotFound:
            return
        if rest:
            self._world.take(INSTANCES, body)
        else:  # it is gone, and the answer has the resourceVersion that it had before
            self._world.forget(INSTANCES, meta.namespace, meta.name, meta.uid)
        self._copied = {(uid, n) for uid, n in self._copied if uid != meta.uid}

    async def _start(self, o: Observed, action: verdict.StartAttempt) -> None:
        """The Secret first: a pod that starts before it would wait for the kubelet's next look."""
        attempt, namespace, now = action.attempt, o.namespace, self._cluster.clock.now()
        logs.on_attempt(attempt.number)
        share = attempt.fan.share if attempt.fan else None
        job = await self._grants.order(o, attempt.number, action.prefixes, now, share)
        await self._sites.fences(o.site).ensure(namespace, job.swift.url, now)
        secret = pods.secret(attempt, job.to_json())
        _, there = await self._create_or_adopt(SECRETS, secret, o)
        if there:  # it may be from long ago, and its TempURLs no longer valid
            cluster, patch = self._sites.cluster(o.site), {"stringData": secret["stringData"]}
            await cluster.merge(SECRETS, attempt.name, namespace, patch)
        made, _ = await self._create_or_adopt(JOBS, pods.job(attempt, o.settings.pods), o)
        self._world.take(JOBS, made, o.site.name)
        log.info("attempt %s/%s was started", namespace, attempt.name)

    async def _create_or_adopt(self, resource: Resource, body: Object, o: Observed) -> tuple[Object, bool]:
        """The object as it is on the API server, and whether it was there before; RefusedError where it cannot be."""
        cluster, namespace, name = self._sites.cluster(o.site), o.namespace, body["metadata"]["name"]
        try:
            return await cluster.create(resource, body, namespace), False
        except AlreadyExists:
            found = await cluster.find(resource, name, namespace)
        except ClusterError as error:
            if error.status not in REFUSALS:
                raise
            raise refusal(resource, name, namespace, error) from error
        if found is None:
            raise Conflict(f"{resource.kind} {namespace}/{name}", 409, "went away in this moment")
        if labels_of(found).get(RUN_UID_LABEL) != o.instance.metadata.uid:
            words = f"{resource.kind} {namespace}/{name} exists and belongs to somebody else"
            raise RefusedError(f"{words}: delete it, or create this run under another name")
        return found, True

    async def _stop(self, o: Observed, action: verdict.StopAttempt) -> None:
        """Delete an attempt's Secret and Job where they are ours: names may be taken by somebody else's."""
        cluster, namespace = self._sites.cluster(o.site), o.namespace
        for resource, grace in ((SECRETS, None), (JOBS, action.grace_seconds)):
            found = await cluster.find(resource, action.name, namespace)
            if found and labels_of(found).get(RUN_UID_LABEL) == o.instance.metadata.uid:
                uid = found["metadata"]["uid"]
                await cluster.delete(resource, action.name, namespace, grace_seconds=grace, uid=uid)

    async def _copy_manifest(self, o: Observed, attempt: int) -> None:
        """Make the run's `manifest` its committed attempt's; done once per replica, and again after a restart."""
        meta, status = o.instance.metadata, o.instance.status
        run_id = status.id or o.given.run_id
        if (
            (meta.uid, attempt) in self._copied
            or run_id is None
            or o.feed is None
            or o.feed.status.id is None
        ):
            return
        place = (o.tenant.user or status.user or "", o.feed.status.id, run_id)
        source = attempt_prefix(*place, attempt) + inputs.MANIFEST
        target = run_prefix(*place) + inputs.MANIFEST
        await asyncio.to_thread(self._storage.copy_manifest, source, target)
        self._copied.add((meta.uid, attempt))

    async def _sweep(self, o: Observed, action: verdict.SweepAttempts) -> None:
        status = o.instance.status
        if status.user is None or status.feed_id is None or status.id is None:
            return
        place = run_prefix(status.user, status.feed_id, status.id)
        kept = attempt_prefix(status.user, status.feed_id, status.id, action.keep) if action.keep else None
        await asyncio.to_thread(self._storage.sweep, f"{place}attempts/", kept)
        await asyncio.to_thread(self._storage.delete_prefix, place + inputs.CHECKPOINTS)

    async def _delete_data(self, o: Observed) -> None:
        status = o.instance.status
        if status.user is None or status.feed_id is None or status.id is None:
            return
        prefix, now = run_prefix(status.user, status.feed_id, status.id), self._cluster.clock.now()
        # Pods on a lost cluster may go on to write; their last signature is no younger than this moment.
        until = now + self._settings.url_lifetime if o.site.problem and status.attempt else None
        if self._references.hold(status.id):
            await self._tombstones.bury(prefix, until)
            return
        try:
            count = await asyncio.to_thread(self._storage.delete_prefix, prefix)
        except Unavailable:
            asked = parse_time(o.instance.metadata.deletion_timestamp) or now
            if now - asked < self._settings.plans.give_up:
                raise
            await self._tombstones.bury(prefix, until)
            return
        if until:
            await self._tombstones.bury(prefix, until)
        log.info("removed %d objects of run %d", count, status.id)

    async def tell(self, resource: Resource, meta: Any, kind: str, reason: str, message: str) -> None:
        """Post an Event; one that cannot be posted is logged and forgotten, since the status tells the same."""
        namespace = meta.namespace or "default"
        body = event(
            resource, meta, (kind, reason, message), self._settings.identity, self._cluster.clock.now()
        )
        try:
            await self._cluster.create(EVENTS, body, namespace)
        except ClusterError as error:
            log.warning("no Event for %s: %s", meta.name, error)


def refusal(resource: Resource, name: str, namespace: str, error: ClusterError) -> RefusedError:
    """One of REFUSALS in words that name the object and what to do."""
    words = f"the {resource.kind} {name} is refused: {error.server_message}"
    return RefusedError(with_remedy(words, namespace))


def feed_owner(name: str, uid: str) -> Object:
    """The Feed as the sole owner of a run or a Workflow: garbage collection waits for all owners."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Feed",
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def event(resource: Resource, meta: Any, told: tuple[str, str, str], identity: str, now: datetime) -> Object:
    """A core/v1 Event about an object, with a name that no other Event takes."""
    kind, reason, message = told
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    unique = hashlib.sha256(f"{meta.uid}{reason}{message}{now.isoformat()}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta.name[:230]}.{unique}"},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": meta.name,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        }
        | ({"namespace": meta.namespace} if meta.namespace else {}),
        "type": kind,
        "reason": reason,
        "message": message[:1024],
        "source": {"component": "chris-operator"},
        "reportingComponent": "chris-operator",
        "reportingInstance": identity,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
