"""Turns what is heard about objects into keys to look at. Nothing here decides anything.

Plugins and namespaces, of which there are few, are watched by kopf; what comes in thousands by our own informers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import kopf

from chris_operator.cluster import (
    COMPUTE_RESOURCES,
    FEEDS,
    INSTANCES,
    JOBS,
    NAMESPACES,
    PIPELINES,
    PLUGINS,
    PODS,
    WORKFLOWS,
    Resource,
)
from chris_operator.core.names import ATTEMPT_LABEL, RUN_UID_LABEL, USER_LABEL
from chris_operator.core.observe import INDEX_LABEL, job_facts, pod_facts

from .indexes import feeds_of, labels_of, run_uid_of
from .queue import Key, WorkQueue
from .store import Change, Name, Object
from .world import World

_COUNT_DELAY = 0.5
_CREW_DELAY = 1.0
_COUNTING = frozenset({FEEDS.plural, WORKFLOWS.plural})
WATCHED = {
    INSTANCES: "",
    FEEDS: "",
    PIPELINES: "",
    WORKFLOWS: "",
    COMPUTE_RESOURCES: "",
    JOBS: RUN_UID_LABEL,
    PODS: RUN_UID_LABEL,
}
"""Kinds that the informers watch, and the label that objects must have."""


def instance_key(namespace: str, name: str) -> Key:
    """The key of a PluginInstance."""
    return Key(INSTANCES.plural, namespace, name)


def feed_key(namespace: str, name: str) -> Key:
    """The key of a Feed."""
    return Key(FEEDS.plural, namespace, name)


def compute_key(name: str) -> Key:
    """The key of a ComputeResource."""
    return Key(COMPUTE_RESOURCES.plural, "", name)


def _unfinished(world: World, namespace: str, names: Iterable[str]) -> Iterator[Key]:
    for name in names:
        found = world.brief(namespace, name)
        if found is not None and not found.ended:
            yield instance_key(namespace, name)


def keys_of(
    world: World, resource: Resource, body: Mapping[str, Any], change: Change | None
) -> Iterator[Key]:
    """Every key whose answer this object may change; `change` is None where it is no news of its own."""
    meta = body["metadata"]
    namespace, name = meta.get("namespace", ""), meta["name"]
    if resource is INSTANCES:
        yield from _of_instance(world, body, change)
    elif resource is FEEDS:
        yield feed_key(namespace, name)
        if change is not None and _matters(change.before, body):
            yield from _unfinished(world, namespace, world.instances_of_feed(namespace, name))
            yield from _workflow_keys(world.going_workflows("feed", namespace, name))
    elif resource is PLUGINS:
        yield from _of_plugin(world, body)
    elif resource is PIPELINES:
        yield Key(PIPELINES.plural, namespace, name)
        yield from _workflow_keys(world.going_workflows("pipeline", namespace, name))
    elif resource is WORKFLOWS:
        # What we wrote ourselves was planned to the end when it was written.
        yield from _workflow_keys([(namespace, name)] if change is not None else [])
    elif resource is COMPUTE_RESOURCES:
        yield from _of_compute(world, name) if change is not None else ()
    elif resource is NAMESPACES:
        yield from _of_namespace(world, name, labels_of(body).get(USER_LABEL))
    else:
        yield from _of_attempt(world, resource, body, change)


def _workflow_keys(names: Iterable[Name]) -> Iterator[Key]:
    return (Key(WORKFLOWS.plural, *name) for name in names)


def _of_plugin(world: World, body: Mapping[str, Any]) -> Iterator[Key]:
    yield Key(PLUGINS.plural, "", body["metadata"]["name"])
    spec = body.get("spec") or {}
    program = spec.get("name", ""), spec.get("version", "")
    for where, instance in world.instances_of_plugin(*program):
        yield from _unfinished(world, where, [instance])
    for where, pipeline in world.pipelines_with(*program):
        yield Key(PIPELINES.plural, where, pipeline)
        yield from _workflow_keys(world.going_workflows("pipeline", where, pipeline))


def _of_compute(world: World, name: str) -> Iterator[Key]:
    yield compute_key(name)
    yield from runs_at(world, name)


def runs_at(world: World, compute: str) -> Iterator[Key]:
    """The keys of all runs that go on, or wait to go, on another cluster."""
    for namespace, name in world.instances_at(compute):
        yield from _unfinished(world, namespace, [name])


def _of_instance(world: World, body: Mapping[str, Any], change: Change | None) -> Iterator[Key]:
    namespace, name = body["metadata"].get("namespace", ""), body["metadata"]["name"]
    found = world.brief(namespace, name)
    # What we wrote ourselves was planned to the end when it was written; after a run's end its clean-up begins.
    if change is not None or found is None or found.ended:
        yield instance_key(namespace, name)
    cascades = found is not None and found.cancel
    below = world.descendants(namespace, name) if cascades else world.children(namespace, name)
    yield from _unfinished(world, namespace, below)
    for feed in feeds_of(body):
        yield feed_key(namespace, feed)
    own = world.workflow_of(body)
    yield from _workflow_keys([*([own] if own else []), *world.going_workflows("parent", namespace, name)])
    yield from _of_image(world, body)


def _of_image(world: World, body: Mapping[str, Any]) -> Iterator[Key]:
    """The Plugin of a run that was seen in another image than the one that the Plugin tells of."""
    image, program = (body.get("status") or {}).get("image"), body["spec"].get("plugin") or {}
    plugin = world.plugin(program.get("name", ""), program.get("version", "")) if image else None
    if plugin is not None and (plugin.get("status") or {}).get("image") != image:
        yield Key(PLUGINS.plural, "", plugin["metadata"]["name"])


def _of_attempt(
    world: World, resource: Resource, body: Mapping[str, Any], change: Change | None
) -> Iterator[Key]:
    if change is not None and not _told(resource, change.before, body):
        found = world.instance_by_uid(run_uid_of(body))
        if found is not None:
            yield instance_key(*found)


def _of_namespace(world: World, name: str, user: str | None) -> Iterator[Key]:
    # Whom it worked for before may have a claim elsewhere that waits for just this.
    for each in {name, *(ns for one in {user, world.moved(name, user)} for ns in world.namespaces_of(one))}:
        yield from _unfinished(world, each, world.instances_in(each))
        yield from (feed_key(each, feed) for feed in world.feeds_in(each))
        yield from _workflow_keys(world.going_workflows("namespace", each))


def _matters(before: Object | None, feed: Mapping[str, Any]) -> bool:
    """Whether a Feed's runs care: not for every count of them."""

    def facts(body: Mapping[str, Any]) -> tuple[Any, ...]:
        meta = body["metadata"]
        return meta.get("uid"), meta.get("deletionTimestamp"), (body.get("status") or {}).get("id")

    return before is None or facts(before) != facts(feed)


def _told(resource: Resource, before: Object | None, body: Mapping[str, Any]) -> bool:
    """Whether a Job or pod tells nothing that decides anything and that it did not tell before."""
    if before is None:
        return False
    if resource is JOBS:
        return job_facts(before, ATTEMPT_LABEL) == job_facts(body, ATTEMPT_LABEL)
    return pod_facts(before) == pod_facts(body)


def _one_of_many(resource: Resource, body: Mapping[str, Any]) -> bool:
    """Whether it tells of one worker of several, or counts them: a look now and then is often enough."""
    if resource is JOBS:
        job = job_facts(body, ATTEMPT_LABEL)
        return job.workers is not None and not job.over
    return resource is PODS and INDEX_LABEL in labels_of(body)


class Ear:
    """Takes everything into the world and asks for a look at what it may change."""

    def __init__(self, world: World, queue: WorkQueue, site: str = "") -> None:
        """`site`: name of the ComputeResource whose cluster is listened to; empty: this one."""
        self._world, self._queue, self._site = world, queue, site
        self.awake = False
        """Whether anybody works here: a replica that does not lead only keeps its knowledge fresh."""

    def shown(self, resource: Resource, body: Mapping[str, Any]) -> None:
        """A list shows this object, most often as it was."""
        change = self._world.take(resource, body, self._site)
        if change is not None:
            self._ask(resource, body, change)

    def heard(self, resource: Resource, kind: str, body: Mapping[str, Any]) -> None:
        """Something happened to an object (ADDED, MODIFIED), or it was DELETED."""
        if kind == "DELETED":
            meta = body["metadata"]
            self._world.forget(resource, meta.get("namespace", ""), meta["name"], meta.get("uid"), self._site)
            self._ask(resource, body, Change(None))
        else:
            self._ask(resource, body, self._world.take(resource, body, self._site))

    def missing(self, resource: Resource, listed: set[Name], version: int) -> None:
        """A whole list of that resourceVersion shows these and no others: the rest was deleted unheard."""
        for body in self._world.missing(resource, listed, version, self._site):
            self.heard(resource, "DELETED", body)

    def _ask(self, resource: Resource, body: Mapping[str, Any], change: Change | None) -> None:
        if not self.awake:
            return
        for key in keys_of(self._world, resource, body, change):
            if key.kind in _COUNTING and resource is INSTANCES:
                # Feeds and Workflows only count their runs: once for many of their steps is often enough.
                self._queue.add_in(key, _COUNT_DELAY)
            elif _one_of_many(resource, body):
                self._queue.add_in(key, _CREW_DELAY)
            else:
                self._queue.add(key)


def register(registry: kopf.OperatorRegistry, ear: Ear, listed: Callable[[], None]) -> None:
    """Let kopf hear Plugins and namespaces; `listed` is called when it has listed all of them."""

    def watch(resource: Resource) -> None:
        place = resource.group or "", resource.version, resource.plural

        # kopf calls no handler before every object that it listed went through the indexes.
        @kopf.index(*place, id=resource.plural, registry=registry)
        def take(body: kopf.Body, **_: Any) -> None:
            ear.shown(resource, body)

        @kopf.on.event(*place, id=f"enqueue-{resource.plural}", registry=registry)
        def tell(event: kopf.RawEvent, **_: Any) -> None:
            if event["type"] == "DELETED":
                ear.heard(resource, "DELETED", event["object"])
            listed()

    for resource in (PLUGINS, NAMESPACES):
        watch(resource)
