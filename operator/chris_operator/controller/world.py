"""What the operator knows: one store per kind, filled by the watches and by the answers to our own writes."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
from chris_operator.core.brief import Brief, State
from chris_operator.core.names import WORKFLOW_UID_LABEL

from .indexes import compute_of, labels_of, run_uid_of, stores, stores_of_attempts
from .store import Change, Name, Object, Store

_CANDIDATES = 3
"""So many equal runs are looked at; more would hold nobody up for long, and help nobody either."""


class World:
    """Read access to everything that plans look at."""

    def __init__(self) -> None:
        self._stores = stores()
        self._elsewhere: dict[str, dict[Resource, Store]] = {}
        self._users: dict[str, str] = {}
        self._highest: dict[Resource, int] = {}
        self._images: dict[tuple[str, str], dict[str, str]] = {}

    # -- filling it

    def _store(self, resource: Resource, site: str) -> Store:
        """Of this cluster, or, for Jobs and pods, of the one that a ComputeResource names."""
        if not site:
            return self._stores[resource]
        return self._elsewhere.setdefault(site, stores_of_attempts())[resource]

    def take(self, resource: Resource, body: Mapping[str, Any], site: str = "") -> Change | None:
        """An object as the watch showed it, or as an answer to our own write; None where that is no news."""
        number = (body.get("status") or {}).get("id")
        if isinstance(number, int) and number > self._highest.get(resource, 0):
            self._highest[resource] = number
        if resource is INSTANCES:
            self._see_image(body)
        return self._store(resource, site).put(body)

    def _see_image(self, run: Mapping[str, Any]) -> None:
        status, program = run.get("status") or {}, run["spec"].get("plugin") or {}
        image, started = status.get("image"), status.get("startTime")
        if image and started:  # a run without a start took both over from another one
            seen = self._images.setdefault((program.get("name", ""), program.get("version", "")), {})
            seen[image] = max(started, seen.get(image, ""))

    def forget(
        self, resource: Resource, namespace: str, name: str, uid: str | None = None, site: str = ""
    ) -> None:
        """An object is gone."""
        self._store(resource, site).remove((namespace, name), uid)

    def leave(self, site: str) -> None:
        """Nothing more is heard of a cluster."""
        self._elsewhere.pop(site, None)

    def missing(self, resource: Resource, listed: set[Name], version: int, site: str = "") -> list[Object]:
        """What is known and a whole list of `version` no longer shows."""
        store = self._store(resource, site)
        return [body for name in store.older(version) if name not in listed and (body := store.get(name))]

    # -- looking things up

    def instance(self, namespace: str, name: str) -> Object | None:
        """A PluginInstance."""
        return self._stores[INSTANCES].get((namespace, name))

    def brief(self, namespace: str, name: str) -> Brief | None:
        """A PluginInstance in three words, without reading all of it."""
        found: Brief | None = self._stores[INSTANCES].brief((namespace, name))
        return found

    def feed(self, namespace: str, name: str) -> Object | None:
        """A Feed."""
        return self._stores[FEEDS].get((namespace, name))

    def plugin_object(self, name: str) -> Object | None:
        """A Plugin by its object name."""
        return self._stores[PLUGINS].get(("", name))

    def plugin(self, name: str, version: str) -> Object | None:
        """A Plugin by its program's name and version."""
        found = self._stores[PLUGINS].all("program", (name, version))
        return found[0] if found else None

    def namespace(self, name: str) -> Object | None:
        """A namespace."""
        return self._stores[NAMESPACES].get(("", name))

    def moved(self, namespace: str, user: str | None) -> str | None:
        """Remember whom a namespace works for now; returns whom it worked for when last asked."""
        before = self._users.pop(namespace, None)
        if user is not None:
            self._users[namespace] = user
        return before

    def namespaces_of(self, user: str | None) -> list[str]:
        """The namespaces that claim a user, oldest first."""
        known = self._stores[NAMESPACES].all("user", user)
        known.sort(key=lambda ns: (ns["metadata"].get("creationTimestamp", ""), ns["metadata"]["name"]))
        return [ns["metadata"]["name"] for ns in known]

    def compute(self, name: str) -> Object | None:
        """A ComputeResource."""
        return self._stores[COMPUTE_RESOURCES].get(("", name))

    def jobs(self, run_uid: str, site: str = "") -> list[Object]:
        """The Jobs of a run's attempts on one cluster: what another one tells of the run does not count."""
        return self._store(JOBS, site).all("run", run_uid)

    def pods(self, run_uid: str, site: str = "") -> list[Object]:
        """The pods of a run's attempts on one cluster."""
        return self._store(PODS, site).all("run", run_uid)

    def strays(self, site: str) -> list[Object]:
        """Jobs on another cluster whose run is gone, or never was to go there."""
        store = self._store(JOBS, site)
        bodies = [body for name in store if (body := store.get(name))]
        return [body for body in bodies if not self._belongs(body, site)]

    def _belongs(self, job: Object, site: str) -> bool:
        name = self.instance_by_uid(run_uid_of(job))
        run = self.instance(*name) if name else None
        return run is not None and compute_of(run) == site

    def instances_at(self, site: str) -> list[tuple[str, str]]:
        """Namespace and name of every instance that is to run on another cluster."""
        return self._stores[INSTANCES].names("compute", site)

    def children(self, namespace: str, name: str) -> list[str]:
        """Names of the instances that read this one's output."""
        return [child for _, child in self._stores[INSTANCES].names("parent", (namespace, name))]

    def descendants(self, namespace: str, name: str) -> Iterator[str]:
        """Names of the instances that read this one's output, or that of such an instance, and so on."""
        seen, ahead = {name}, deque([name])
        while ahead:
            new = [child for child in self.children(namespace, ahead.popleft()) if child not in seen]
            seen.update(new)
            ahead.extend(new)
            yield from new

    def cancelled_ancestor(self, namespace: str, parents: Iterable[str]) -> str | None:
        """The name of the nearest instance upwards that is to be cancelled with all that descends from it."""
        seen = dict.fromkeys(parents)
        ahead = deque(seen)
        while ahead:
            name = ahead.popleft()
            found = self.brief(namespace, name)
            if found is None:
                continue
            if found.cancel:
                return name
            ahead.extend(up for up in found.previous if up not in seen)
            seen.update(dict.fromkeys(found.previous))
        return None

    def instances_of_feed(self, namespace: str, feed: str) -> list[str]:
        """Names of the instances that name this Feed, or whose status does."""
        return [name for _, name in self._stores[INSTANCES].names("feed", (namespace, feed))]

    def states_in_feed(self, namespace: str, feed: str) -> Iterator[State]:
        """How the instances of a Feed are doing; one that belongs to another Feed after all does not count."""
        store = self._stores[INSTANCES]
        for name in store.names("feed", (namespace, feed)):
            found: Brief = store.brief(name)
            if found.feed in {None, feed}:
                yield found.state

    def instances_of_plugin(self, name: str, version: str) -> list[tuple[str, str]]:
        """Namespace and name of every instance that runs this plugin."""
        return self._stores[INSTANCES].names("plugin", (name, version))

    def images_of_plugin(self, name: str, version: str, since: str) -> list[str]:
        """Image IDs in which runs of this plugin were seen that started no earlier than `since`."""
        seen = self._images.get((name, version), {})
        return sorted((image for image in seen if seen[image] >= since), key=lambda image: seen[image])

    def equal(self, key: str, image: str) -> list[Object]:
        """The runs that ended last of those whose whole output has this key and was made in this image."""
        store = self._stores[INSTANCES]
        found = reversed(store.names("equal", (key, image)))  # of two that ended in one second, the later one
        names = heapq.nlargest(
            _CANDIDATES,
            found,
            key=lambda name: store.brief(name).rests_since or 0.0,
        )
        return [body for name in names if (body := store.get(name))]

    def refers(self, run_id: int) -> bool:
        """Whether some run's output needs the data of the run with this number."""
        return bool(self._stores[INSTANCES].names("refers", run_id))

    def instances_in(self, namespace: str) -> list[str]:
        """Names of all instances of a namespace."""
        return [name for _, name in self._stores[INSTANCES].names("namespace", namespace)]

    def feeds_in(self, namespace: str) -> list[str]:
        """Names of all Feeds of a namespace."""
        return [name for _, name in self._stores[FEEDS].names("namespace", namespace)]

    def instance_by_uid(self, uid: str) -> tuple[str, str] | None:
        """Namespace and name of the instance with this UID."""
        return self._stores[INSTANCES].by_uid(uid)

    def pipeline(self, namespace: str, name: str) -> Object | None:
        """A Pipeline."""
        return self._stores[PIPELINES].get((namespace, name))

    def pipelines_with(self, name: str, version: str) -> list[Name]:
        """Namespace and name of every Pipeline with a node that runs this plugin."""
        return self._stores[PIPELINES].names("plugin", (name, version))

    def workflow(self, namespace: str, name: str) -> Object | None:
        """A Workflow."""
        return self._stores[WORKFLOWS].get((namespace, name))

    def workflow_of(self, instance: Mapping[str, Any]) -> Name | None:
        """Namespace and name of the Workflow that a PluginInstance is a run of."""
        uid = labels_of(instance).get(WORKFLOW_UID_LABEL)
        return self._stores[WORKFLOWS].by_uid(uid) if uid else None

    def runs_of_workflow(self, uid: str) -> list[Name]:
        """Namespace and name of every run of the Workflow with this UID."""
        return self._stores[INSTANCES].names("workflow", uid)

    def going_workflows(self, index: str, namespace: str, name: str = "") -> list[Name]:
        """The Workflows not ended whose `pipeline`, `parent` or `feed` this is, or all of a `namespace`."""
        store = self._stores[WORKFLOWS]
        found = store.names(index, (namespace, name) if name else namespace)
        return [each for each in found if not store.brief(each).ended]

    def restless(self, long_ago: float) -> Iterator[tuple[str, str, str]]:
        """Plural, namespace and name of whatever must be looked at even if nothing happens to it.

        First the runs that are going on. Left out are those that ended before `long_ago` and have no Job any more.
        """
        store, late = self._stores[INSTANCES], []
        for name in store:
            found: Brief = store.brief(name)
            if not found.ended:
                yield INSTANCES.plural, *name
            elif found.rests_since is None or found.rests_since >= long_ago:
                late.append(name)
        late += self._with_leftovers()
        for resource in (FEEDS, PLUGINS, PIPELINES, WORKFLOWS, COMPUTE_RESOURCES):
            yield from ((resource.plural, *name) for name in self._stores[resource])
        yield from ((INSTANCES.plural, *name) for name in late)

    def _with_leftovers(self) -> Iterator[tuple[str, str]]:
        everywhere = (self._stores, *self._elsewhere.values())
        for store in (known[kind] for known in everywhere for kind in (JOBS, PODS)):
            for name in store:
                body = store.get(name)
                run = self.instance_by_uid(run_uid_of(body)) if body else None
                if run is not None:
                    yield run

    def plugin_number_taken(self, number: int) -> bool:
        """Whether some Plugin carries this number."""
        plugins = self._stores[PLUGINS]
        return any((plugins.get(name) or {}).get("status", {}).get("id") == number for name in plugins)

    def highest_id(self, resource: Resource) -> int:
        """The highest `status.id` that any resource of a kind has ever shown."""
        return self._highest.get(resource, 0)
