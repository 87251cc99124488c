"""Workflows and Pipelines: gather, plan, apply. A Workflow's runs are made some at a time, each as often as necessary."""

import asyncio
from dataclasses import replace
from typing import Any

from chris_operator.cluster import (
    INSTANCES,
    PIPELINES,
    WORKFLOWS,
    AlreadyExists,
    Cluster,
    ClusterError,
    Resource,
)
from chris_operator.core import tenancy, workflow
from chris_operator.core.pipelines import pipeline_status
from chris_operator.core.verdict import CreateFeed
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.pipeline import Pipeline
from chris_operator.storage import StorageError

from .apply import REFUSALS, Applier, RefusedError, feed_owner, refusal
from .gather import tenant_of
from .gather_workflows import observed, plugins_of
from .handlers import keys_of
from .ids import Ids
from .queue import Key, WorkQueue
from .store import Object
from .world import World


class Workflows:
    """Makes Workflows and Pipelines true, one key at a time."""

    def __init__(
        self, *, cluster: Cluster, world: World, queue: WorkQueue, applier: Applier, ids: Ids
    ) -> None:
        self._cluster, self._world, self._queue = cluster, world, queue
        self._applier, self._ids = applier, ids

    async def reconcile_pipeline(self, key: Key) -> None:
        """Number a Pipeline, and tell whether it can be run."""
        body = self._world.pipeline(key.namespace, key.name)
        tenant = tenant_of(self._world, key.namespace)
        if body is None or body["metadata"].get("deletionTimestamp") or tenancy.objection(tenant):
            return
        pipeline = Pipeline.model_validate(body)
        number = pipeline.status.id or await self._number(PIPELINES)
        plugins = plugins_of(self._world, pipeline)
        status = pipeline_status(pipeline, number, plugins, self._cluster.clock.now())
        if status is not None:
            meta = pipeline.metadata
            await self._applier.write_status(PIPELINES, meta, status, meta.resource_version)

    async def reconcile_workflow(self, key: Key) -> None:
        """Make a Workflow true; where the API server takes no run, it is planned again with that known."""
        body = self._world.workflow(key.namespace, key.name)
        if body is None:
            return
        seen = await self._numbered(observed(self._world, body))
        try:
            again = await self._follow(seen)
        except RefusedError as refused:
            newest = self._world.workflow(key.namespace, key.name) or body
            seen = replace(observed(self._world, newest), number=seen.number, refused=str(refused))
            again = await self._follow(seen)
        if again is not None:
            self._queue.add_in(key, max(again, 0.0))

    async def _number(self, resource: Resource) -> int:
        return await self._ids.take(resource, self._world.highest_id(resource))

    async def _numbered(self, o: workflow.Observed) -> workflow.Observed:
        if o.workflow.status.id or tenancy.objection(o.tenant):
            return o
        try:
            return replace(o, number=await self._number(WORKFLOWS))
        except StorageError as error:
            return replace(o, storage_problem=str(error))

    async def _follow(self, o: workflow.Observed) -> float | None:
        """Plan and apply; returns in how many seconds to look again."""
        meta, now = o.workflow.metadata, self._cluster.clock.now()
        plan = workflow.plan(o, now)
        version = meta.resource_version
        for action in plan.before:
            version = await self._before(meta, action, version)
        if plan.status is not None:
            await self._applier.write_status(WORKFLOWS, meta, plan.status, version)
        if plan.event is not None:
            await self._applier.tell(WORKFLOWS, meta, *plan.event)
        await _all(self._create(body) for body in plan.create)
        await _all(self._steer(meta.namespace, each) for each in plan.steer)
        return None if plan.again is None else (plan.again - now).total_seconds()

    async def _before(self, meta: ObjectMeta, action: CreateFeed | workflow.Claim, version: str) -> str:
        """Carry out what must stand before the status; returns the Workflow's newest resourceVersion."""
        if isinstance(action, CreateFeed):
            await self._applier.create_feed(meta.namespace, action)
            return version
        owner = feed_owner(action.feed, action.feed_uid)
        patch = {"metadata": {"resourceVersion": version, "ownerReferences": [owner]}}
        body = await self._cluster.merge(WORKFLOWS, meta.name, meta.namespace, patch)
        self._world.take(WORKFLOWS, body)
        return str(body["metadata"]["resourceVersion"])

    async def _create(self, body: Object) -> None:
        """Make a run; one that is there already is taken note of, whoever made it."""
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        try:
            made: Object | None = await self._cluster.create(INSTANCES, body, namespace)
        except AlreadyExists:
            made = await self._cluster.find(INSTANCES, name, namespace)
        except ClusterError as error:
            if error.status not in REFUSALS:
                raise
            raise refusal(INSTANCES, name, namespace, error) from error
        if made is not None:
            self._written(made)

    async def _steer(self, namespace: str, steer: workflow.Steer) -> None:
        self._written(await self._cluster.merge(INSTANCES, steer.name, namespace, {"spec": steer.spec}))

    def _written(self, run: Object) -> None:
        """Take note of a run and look at it: when the watch shows what is known already, nobody else will."""
        change = self._world.take(INSTANCES, run)
        for key in keys_of(self._world, INSTANCES, run, change):
            if key.kind == INSTANCES.plural:
                self._queue.add(key)


async def _all(tasks: Any) -> None:
    """Await all of them; the first error is raised when none is under way any more."""
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
