"""`reconcile(key)`: gather, plan, apply. Level-based: it never asks what happened, only what is."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chris_operator.cluster import (
    COMPUTE_RESOURCES,
    FEEDS,
    INSTANCES,
    NAMESPACES,
    PIPELINES,
    PLUGINS,
    WORKFLOWS,
    Cluster,
    Conflict,
    NotFound,
    Resource,
)
from chris_operator.core import compute
from chris_operator.core.observed import Given, Observed
from chris_operator.core.plan import plan
from chris_operator.core.summary import feed_status, plugin_status
from chris_operator.core.verdict import DeleteData, Need
from chris_operator.models.computeresource import ComputeResource
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import Plugin
from chris_operator.storage import StorageError

from . import logs
from .apply import Applier, RefusedError
from .facts import Facts
from .gather import observed, tenant_of
from .grants import Grants
from .handlers import instance_key, keys_of
from .ids import PLUGIN_ONE, Ids
from .iohandler import IOHandler
from .queue import Key, WorkQueue
from .references import References
from .sites import Sites
from .tombstones import Tombstones
from .workflows import Workflows
from .world import World

log = logging.getLogger(__name__)
Object = dict[str, Any]
_MAX_NEEDS = 10
_SWEEP = timedelta(minutes=10)
MIRROR = Key("mirrors", "", "")
"""With a ComputeResource's name, stands for what lies in its cluster's own Swift."""
_SWEEP_SOON = 1.0
TOMBSTONES = Key("tombstones", "", "all")
"""Stands for all data that are left to sweep."""


class Reconciler:
    """Makes one key true at a time; safe to call for different keys at once."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        world: World,
        queue: WorkQueue,
        facts: Facts,
        applier: Applier,
        grants: Grants,
        references: References,
        tombstones: Tombstones,
        ids: Ids,
        sites: Sites,
        io: IOHandler,
    ) -> None:
        self._cluster, self._world, self._queue = cluster, world, queue
        self._facts, self._applier, self._grants, self._ids = facts, applier, grants, ids
        self._tombstones, self._sites, self._clock = tombstones, sites, cluster.clock
        self._references, self._io = references, io
        self._workflows = Workflows(cluster=cluster, world=world, queue=queue, applier=applier, ids=ids)

    async def reconcile(self, key: Key) -> None:
        """Make one key true; a conflict means that the world moved, so it is read again and planned again."""
        try:
            await self._dispatch(key)
        except Conflict:
            await self._refresh(key)
            self._queue.add(key)
        except NotFound:
            await self._refresh(key)

    async def _dispatch(self, key: Key) -> None:
        match key.kind:
            case INSTANCES.plural:
                await self._run(key)
            case FEEDS.plural:
                await self._feed(key)
            case PLUGINS.plural:
                await self._plugin(key)
            case PIPELINES.plural:
                await self._workflows.reconcile_pipeline(key)
            case WORKFLOWS.plural:
                await self._workflow(key)
            case COMPUTE_RESOURCES.plural:
                await self._compute(key)
            case MIRROR.kind:
                await self._io.sweep(key.name)
            case TOMBSTONES.kind:
                await self._tombstones.sweep()
                self._look_again(key, [_SWEEP])
            case _:
                raise ValueError(f"{key} is of no kind that is reconciled")

    async def _refresh(self, key: Key) -> None:
        kinds = (INSTANCES, FEEDS, PLUGINS, PIPELINES, WORKFLOWS, COMPUTE_RESOURCES)
        resource = {each.plural: each for each in kinds}[key.kind]
        body = await self._cluster.find(resource, key.name, key.namespace or None)
        if body is None:
            self._world.forget(resource, key.namespace, key.name)
        else:
            self._world.take(resource, body)

    async def _run(self, key: Key) -> None:
        body = self._world.instance(key.namespace, key.name)
        if body is None:
            return
        try:
            await self._instance(key, body)
        finally:
            if self._references.unpin(body["metadata"]["uid"]):
                self._queue.add(TOMBSTONES)

    async def _instance(self, key: Key, body: Object) -> None:
        await self._meet(body)
        given = Given()
        for _ in range(_MAX_NEEDS):
            site = self._sites.of(body)
            # Jobs and pods tell their times by their own cluster's clock.
            now = self._sites.clock(site).now()
            seen = observed(self._world, self._sites.settings(site), body, given, site)
            if seen.instance.status.attempt is not None:
                logs.on_attempt(seen.instance.status.attempt.number)
            decided = plan(seen, now)
            if isinstance(decided, Need):
                given = await self._facts.fetch(decided.fact, seen)
                continue
            try:
                await self._applier.apply(seen, decided)
            except RefusedError as refusal:
                log.warning("%s: %s", key, refusal)
                given, body = replace(given, refused=str(refusal)), self._known(key, body)
                continue
            if seen.instance.status.id is not None or decided.status is not None:
                self._facts.numbered(seen.instance.metadata.uid)
            if DeleteData() in decided.actions and seen.instance.status.references:
                self._queue.add(TOMBSTONES)  # it may have been the last one that needed them
            self._leave_elsewhere(seen)
            renewal = await self._grants.renew(seen)
            times = [decided.again - self._sites.clock(site).now()] if decided.again else []
            self._look_again(key, [*times, *([renewal] if renewal else [])])
            return
        raise RuntimeError(f"{key}: the plan asked for {_MAX_NEEDS} facts and still had no answer")

    def _leave_elsewhere(self, o: Observed) -> None:
        """What has ended or goes needs no copies any more, neither those on their way nor those that are there."""
        meta = o.instance.metadata
        brief = self._world.brief(meta.namespace, meta.name)
        if brief is None or brief.ended or meta.deletion_timestamp:
            self._io.end(meta.uid)
            if o.site.own_swift:
                self._queue.add_in(replace(MIRROR, name=o.site.name), _SWEEP_SOON)

    async def _workflow(self, key: Key) -> None:
        body = self._world.workflow(key.namespace, key.name)
        if body is not None:
            await self._meet(body)
            await self._workflows.reconcile_workflow(key)

    async def _meet(self, run: Object) -> None:
        """Read the namespace of a new run or Workflow where no user is known for it: both may have been applied together."""
        namespace = run["metadata"]["namespace"]
        told = (run.get("status") or {}).get("conditions")
        if told or tenant_of(self._world, namespace).user is not None:
            return
        body = await self._cluster.find(NAMESPACES, namespace)
        if body is not None:
            change = self._world.take(NAMESPACES, body)
            for key in keys_of(self._world, NAMESPACES, body, change):
                self._queue.add(key)

    def _known(self, key: Key, body: Object) -> Object:
        """The instance as it is after our own writes."""
        return self._world.instance(key.namespace, key.name) or body

    def _look_again(self, key: Key, waits: list[timedelta]) -> None:
        for wait in waits:
            self._queue.add_in(key, max(wait.total_seconds(), 0.0))

    async def _feed(self, key: Key) -> None:
        body = self._world.feed(key.namespace, key.name)
        if body is None:
            return
        feed, tenant = Feed.model_validate(body), tenant_of(self._world, key.namespace)
        if feed.metadata.deletion_timestamp or tenant.user is None or tenant.rival:
            return
        number = feed.status.id or self._remembered(feed) or await self._number(FEEDS, key)
        states = self._world.states_in_feed(key.namespace, key.name)
        status = feed_status(feed, number, states, self._clock.now())
        if status is not None:
            await self._applier.write_status(FEEDS, feed.metadata, status, feed.metadata.resource_version)
            if feed.status.id is None:
                for name in self._world.instances_of_feed(key.namespace, key.name):
                    self._queue.add(instance_key(key.namespace, name))

    def _remembered(self, feed: Feed) -> int | None:
        """The number that a Feed's own runs tell, where its status lost it: their data lie below it."""
        meta = feed.metadata
        for name in self._world.instances_of_feed(meta.namespace, meta.name):
            body = self._world.instance(meta.namespace, name) or {}
            owners = {each["uid"] for each in body.get("metadata", {}).get("ownerReferences") or ()}
            number = (body.get("status") or {}).get("feedId")
            if meta.uid in owners and number:
                return int(number)
        return None

    async def _compute(self, key: Key) -> None:
        body = self._world.compute(key.name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            await self._sites.leave(key.name)
            return
        resource = ComputeResource.model_validate(body)
        finding = await self._sites.look(resource)
        self._look_again(key, [self._sites.pause(key.name)])
        status = compute.status(resource, finding, self._clock.now())
        if status is not None:
            meta = resource.metadata
            await self._applier.write_status(COMPUTE_RESOURCES, meta, status, meta.resource_version)
            if told := compute.event(resource, finding):
                await self._applier.tell(COMPUTE_RESOURCES, meta, *told)
        await self._sites.sweep(key.name)
        self._queue.add(replace(MIRROR, name=key.name))

    async def _plugin(self, key: Key) -> None:
        body = self._world.plugin_object(key.name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return
        plugin = Plugin.model_validate(body)
        number = plugin.status.id or await self._plugin_number(plugin, key)
        images = self._world.images_of_plugin(
            plugin.spec.name, plugin.spec.version, plugin.metadata.creation_timestamp or ""
        )
        status = plugin_status(plugin, number, self._clock.now(), images)
        if status is not None:
            await self._applier.write_status(
                PLUGINS, plugin.metadata, status, plugin.metadata.resource_version
            )

    async def _plugin_number(self, plugin: Plugin, key: Key) -> int:
        if plugin.spec.name == PLUGIN_ONE and not self._world.plugin_number_taken(1):
            return 1
        return await self._number(PLUGINS, key)

    async def _number(self, resource: Resource, key: Key) -> int:
        try:
            return await self._ids.take(resource, self._world.highest_id(resource))
        except StorageError as error:
            raise LaterError(f"{key} gets no number: {error}") from error


class LaterError(Exception):
    """This key cannot be made true now; look at it again soon."""
