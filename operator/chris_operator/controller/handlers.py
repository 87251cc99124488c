"""The kopf shell: watch everything, keep the indexes, turn events into keys. No handler decides anything."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kopf

from chris_operator.cluster import FEEDS, INSTANCES, JOBS, NAMESPACES, PLUGINS, PODS, Resource
from chris_operator.core.names import RUN_UID_LABEL, USER_LABEL

from .queue import Key, WorkQueue
from .world import World, labels_of, slim

_FEED_DELAY = 0.5
_OURS = {RUN_UID_LABEL: kopf.PRESENT}
Index = Mapping[Any, Any]


def instance_key(namespace: str, name: str) -> Key:
    """The key of a PluginInstance."""
    return Key(INSTANCES.plural, namespace, name)


def feed_key(namespace: str, name: str) -> Key:
    """The key of a Feed."""
    return Key(FEEDS.plural, namespace, name)


def _feeds_of(body: Mapping[str, Any]) -> set[str]:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    names = {spec.get("feed"), status.get("feed"), None if spec.get("previous") else body["metadata"]["name"]}
    return {name for name in names if name}


def _register_indexes(registry: kopf.OperatorRegistry) -> None:  # noqa: C901  a table of one-liners
    def index(resource: Resource, name: str, **options: Any) -> Callable[[Any], Any]:
        return kopf.index(
            resource.group or "", resource.version, resource.plural, id=name, registry=registry, **options
        )

    @index(INSTANCES, INSTANCES.plural)
    def _instances(namespace: str, name: str, body: kopf.Body, **_: Any) -> Index:
        return {(namespace, name): slim(INSTANCES, body)}

    @index(INSTANCES, "instance_uids")
    def _uids(namespace: str, name: str, uid: str, **_: Any) -> Index:
        return {uid: (namespace, name)}

    @index(INSTANCES, "children")
    def _children(namespace: str, name: str, spec: kopf.Spec, **_: Any) -> Index:
        return {(namespace, parent): name for parent in spec.get("previous") or ()}

    @index(INSTANCES, "feed_instances")
    def _by_feed(namespace: str, name: str, body: kopf.Body, **_: Any) -> Index:
        return {(namespace, feed): name for feed in _feeds_of(body)}

    @index(INSTANCES, "plugin_instances")
    def _by_plugin(namespace: str, name: str, spec: kopf.Spec, **_: Any) -> Index:
        plugin = spec.get("plugin") or {}
        return {(plugin.get("name"), plugin.get("version")): (namespace, name)}

    @index(INSTANCES, "namespace_instances")
    def _by_namespace(namespace: str, name: str, **_: Any) -> Index:
        return {namespace: name}

    @index(FEEDS, FEEDS.plural)
    def _feeds(namespace: str, name: str, body: kopf.Body, **_: Any) -> Index:
        return {(namespace, name): slim(FEEDS, body)}

    @index(PLUGINS, PLUGINS.plural)
    def _plugins(name: str, body: kopf.Body, **_: Any) -> Index:
        return {name: slim(PLUGINS, body)}

    @index(PLUGINS, "plugin_versions")
    def _versions(name: str, spec: kopf.Spec, **_: Any) -> Index:
        return {(spec.get("name"), spec.get("version")): name}

    @index(NAMESPACES, NAMESPACES.plural)
    def _namespaces(name: str, body: kopf.Body, **_: Any) -> Index:
        return {name: slim(NAMESPACES, body)}

    @index(NAMESPACES, "namespace_users")
    def _users(name: str, body: kopf.Body, **_: Any) -> Index:
        user = labels_of(body).get(USER_LABEL)
        return {user: name} if user else {}

    @index(JOBS, JOBS.plural, labels=_OURS)
    def _jobs(body: kopf.Body, **_: Any) -> Index:
        return {labels_of(body)[RUN_UID_LABEL]: slim(JOBS, body)}

    @index(PODS, PODS.plural, labels=_OURS)
    def _pods(body: kopf.Body, **_: Any) -> Index:
        return {labels_of(body)[RUN_UID_LABEL]: slim(PODS, body)}


def _unfinished(world: World, namespace: str, names: Iterator[str] | list[str]) -> Iterator[Key]:
    for name in names:
        body = world.instance(namespace, name)
        if body is not None and not _ended(body):
            yield instance_key(namespace, name)


def _ended(body: Mapping[str, Any]) -> bool:
    return any(
        c.get("type") == "Succeeded" and c.get("status") != "Unknown"
        for c in body["status"].get("conditions") or ()
    )


def keys_of(world: World, resource: Resource, body: Mapping[str, Any]) -> Iterator[Key]:
    """Every key whose answer this object may change."""
    meta = body["metadata"]
    namespace, name = meta.get("namespace", ""), meta["name"]
    if resource is INSTANCES:
        yield instance_key(namespace, name)
        yield from _unfinished(world, namespace, world.children(namespace, name))
        for feed in _feeds_of(body):
            yield feed_key(namespace, feed)
    elif resource is FEEDS:
        yield feed_key(namespace, name)
        yield from _unfinished(world, namespace, world.instances_of_feed(namespace, name))
    elif resource is PLUGINS:
        yield Key(PLUGINS.plural, "", name)
        spec = body.get("spec") or {}
        for where, instance in world.instances_of_plugin(spec.get("name", ""), spec.get("version", "")):
            yield from _unfinished(world, where, [instance])
    elif resource is NAMESPACES:
        user = labels_of(body).get(USER_LABEL)
        # Whom it worked for before may have a claim elsewhere that waits for just this.
        for each in {
            name,
            *(ns for one in {user, world.moved(name, user)} for ns in world.namespaces_of(one)),
        }:
            yield from _unfinished(world, each, world.instances_in(each))
            yield from (feed_key(each, feed) for feed in world.feeds_in(each))
    else:
        found = world.instance_by_uid(labels_of(body).get(RUN_UID_LABEL, ""))
        if found is not None:
            yield instance_key(*found)


def _register_events(registry: kopf.OperatorRegistry, world: World, queue: WorkQueue) -> None:
    def watch(resource: Resource, **options: Any) -> None:
        @kopf.on.event(
            resource.group or "",
            resource.version,
            resource.plural,
            id=f"enqueue-{resource.plural}",
            registry=registry,
            **options,
        )
        async def enqueue(event: kopf.RawEvent, **indexes: Any) -> None:
            world.bind(indexes)
            body = event["object"]
            if event["type"] == "DELETED":
                world.forget(resource, body["metadata"].get("namespace", ""), body["metadata"]["name"])
            for key in keys_of(world, resource, body):
                if key.kind == FEEDS.plural and resource is INSTANCES:
                    # A Feed only counts its runs: once for many of their steps is often enough.
                    await queue.add_at(key, asyncio.get_running_loop().time() + _FEED_DELAY)
                else:
                    await queue.add(key)

    for resource in (INSTANCES, FEEDS, PLUGINS, NAMESPACES):
        watch(resource)
    for resource in (JOBS, PODS):
        watch(resource, labels=_OURS)


def register(registry: kopf.OperatorRegistry, world: World, queue: WorkQueue) -> None:
    """Declare all indexes and event handlers."""
    _register_indexes(registry)
    _register_events(registry, world, queue)
