"""What the operator knows: kopf's indexes, overlaid with our own latest writes.

kopf fills the indexes from its watches and calls no handler before all of them are complete, so a plan
is never made from a half-listed cluster. Our own writes arrive there milliseconds later; until then
`note` keeps them visible, so that a key that is looked at twice in a row does not plan from the past.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chris_operator.cluster import FEEDS, INSTANCES, JOBS, NAMESPACES, PLUGINS, PODS, Resource
from chris_operator.core.names import RUN_UID_LABEL, USER_LABEL

Object = dict[str, Any]
_OVERLAY_SECONDS = 30.0
_OPENSHIFT_RANGE = "openshift.io/sa.scc.uid-range"


def slim(resource: Resource, body: Mapping[str, Any]) -> Object:
    """An object without what nobody here reads: 50,000 finished runs must fit into memory."""
    meta = {k: v for k, v in body["metadata"].items() if k not in {"managedFields", "annotations"}}
    if resource is NAMESPACES:
        meta["annotations"] = body["metadata"].get("annotations") or {}
    found = {"metadata": meta, "status": body.get("status") or {}}
    if resource is PODS:
        found["spec"] = {"nodeName": body.get("spec", {}).get("nodeName")}
    elif resource is not JOBS:
        found["spec"] = body.get("spec") or {}
    return found


@dataclass(frozen=True, slots=True)
class _Written:
    body: Object | None
    """None: we deleted it."""
    version: int
    until: float


def version_of(body: Mapping[str, Any]) -> int:
    """A resourceVersion as a number; Kubernetes orders those of one resource."""
    return int(body["metadata"].get("resourceVersion") or 0)


class World:
    """Read access to everything that plans look at."""

    def __init__(self) -> None:
        self._index: Mapping[str, Mapping[Any, Iterable[Any]]] = {}
        self._written: dict[tuple[str, str, str], _Written] = {}
        self._users: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        """Whether kopf has listed everything once."""
        return bool(self._index)

    def bind(self, indexes: Mapping[str, Any]) -> None:
        """Take kopf's indexes, which are the same objects for the life of the operator."""
        self._index = indexes

    def note(self, resource: Resource, body: Mapping[str, Any]) -> None:
        """Remember our own write until the watch shows it."""
        meta = body["metadata"]
        key = (resource.plural, meta.get("namespace", ""), meta["name"])
        self._written[key] = _Written(
            slim(resource, body), version_of(body), time.monotonic() + _OVERLAY_SECONDS
        )

    def forget(self, resource: Resource, namespace: str, name: str) -> None:
        """An object is gone: no write of ours may keep it visible."""
        self._written.pop((resource.plural, namespace, name), None)

    def _values(self, index: str, key: Any) -> list[Any]:
        return list(self._index.get(index, {}).get(key, ()))

    def _overlaid(self, resource: Resource, namespace: str, name: str, seen: Object | None) -> Object | None:
        key = (resource.plural, namespace, name)
        ours = self._written.get(key)
        if ours is None:
            return seen
        caught_up = seen is not None and version_of(seen) >= ours.version
        if caught_up or time.monotonic() > ours.until:
            del self._written[key]
            return seen
        return ours.body

    def _one(self, resource: Resource, namespace: str, name: str) -> Object | None:
        key = (namespace, name) if resource.namespaced else name
        found = self._values(resource.plural, key)
        return self._overlaid(resource, namespace, name, found[0] if found else None)

    def instance(self, namespace: str, name: str) -> Object | None:
        """A PluginInstance."""
        return self._one(INSTANCES, namespace, name)

    def feed(self, namespace: str, name: str) -> Object | None:
        """A Feed."""
        return self._one(FEEDS, namespace, name)

    def plugin_object(self, name: str) -> Object | None:
        """A Plugin by its object name."""
        return self._one(PLUGINS, "", name)

    def plugin(self, name: str, version: str) -> Object | None:
        """A Plugin by its program's name and version."""
        names = self._values("plugin_versions", (name, version))
        return self.plugin_object(names[0]) if names else None

    def namespace(self, name: str) -> Object | None:
        """A namespace."""
        return self._one(NAMESPACES, "", name)

    def moved(self, namespace: str, user: str | None) -> str | None:
        """Remember whom a namespace works for now; returns whom it worked for when last asked."""
        before = self._users.pop(namespace, None)
        if user is not None:
            self._users[namespace] = user
        return before

    def namespaces_of(self, user: str | None) -> list[str]:
        """The namespaces that claim a user, oldest first."""
        found = [self.namespace(name) for name in self._values("namespace_users", user)]
        known = [ns for ns in found if ns is not None and labels_of(ns).get(USER_LABEL) == user]
        known.sort(key=lambda ns: (ns["metadata"].get("creationTimestamp", ""), ns["metadata"]["name"]))
        return [ns["metadata"]["name"] for ns in known]

    def jobs(self, run_uid: str) -> list[Object]:
        """The Jobs of a run's attempts."""
        seen = {(j["metadata"]["namespace"], j["metadata"]["name"]): j for j in self._values("jobs", run_uid)}
        for (plural, namespace, name), ours in list(self._written.items()):
            if plural == JOBS.plural and ours.body and labels_of(ours.body).get(RUN_UID_LABEL) == run_uid:
                seen.setdefault((namespace, name), ours.body)
        return [
            job
            for (namespace, name), body in seen.items()
            if (job := self._overlaid(JOBS, namespace, name, body)) is not None
        ]

    def pods(self, run_uid: str) -> list[Object]:
        """The pods of a run's attempts."""
        return self._values("pods", run_uid)

    def children(self, namespace: str, name: str) -> list[str]:
        """Names of the instances that read this one's output."""
        return self._values("children", (namespace, name))

    def instances_of_feed(self, namespace: str, feed: str) -> list[str]:
        """Names of the instances that name this Feed, or whose status does."""
        return self._values("feed_instances", (namespace, feed))

    def instances_of_plugin(self, name: str, version: str) -> list[tuple[str, str]]:
        """Namespace and name of every instance that runs this plugin."""
        return self._values("plugin_instances", (name, version))

    def instances_in(self, namespace: str) -> list[str]:
        """Names of all instances of a namespace."""
        return self._values("namespace_instances", namespace)

    def feeds_in(self, namespace: str) -> list[str]:
        """Names of all Feeds of a namespace."""
        return [name for where, name in list(self._index.get(FEEDS.plural, {})) if where == namespace]

    def instance_by_uid(self, uid: str) -> tuple[str, str] | None:
        """Namespace and name of the instance with this UID."""
        found = self._values("instance_uids", uid)
        return found[0] if found else None

    def everything(self) -> Iterable[tuple[str, str, str]]:
        """Plural, namespace and name of every resource that is reconciled."""
        for namespace, name in list(self._index.get(INSTANCES.plural, {})):
            yield INSTANCES.plural, namespace, name
        for namespace, name in list(self._index.get(FEEDS.plural, {})):
            yield FEEDS.plural, namespace, name
        for name in list(self._index.get(PLUGINS.plural, {})):
            yield PLUGINS.plural, "", name

    def plugin_number_taken(self, number: int) -> bool:
        """Whether some Plugin carries this number."""
        stores = self._index.get(PLUGINS.plural, {})
        return any(body["status"].get("id") == number for key in list(stores) for body in stores[key])

    def highest_id(self, resource: Resource) -> int:
        """The highest `status.id` that any resource of a kind carries."""
        stores = self._index.get(resource.plural, {})
        return max((body["status"].get("id") or 0 for key in list(stores) for body in stores[key]), default=0)


def labels_of(body: Mapping[str, Any]) -> Mapping[str, str]:
    """An object's labels."""
    return body["metadata"].get("labels") or {}


def has_user_range(namespace: Mapping[str, Any]) -> bool:
    """Whether the cluster chooses user ids for this namespace (OpenShift)."""
    return _OPENSHIFT_RANGE in (namespace["metadata"].get("annotations") or {})
