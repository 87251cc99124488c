"""A tenant of the real cluster: apply, look, wait. Look-ups by pykube-ng, one small synchronous client."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pykube

API_VERSION = "chrisproject.org/v1alpha1"
PATIENCE = 90.0
_POLL = 0.2
Object = dict[str, Any]
T = TypeVar("T")


def manifest(kind: str, name: str, namespace: str | None, spec: Object) -> Object:
    """A resource of our group."""
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def succeeded(instance: Object) -> Object:
    """The `Succeeded` condition; empty before anybody looked at the run."""
    conditions = instance.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == "Succeeded"), {})


class Tenant:
    """One namespace that works for one user."""

    def __init__(self, api: pykube.HTTPClient, namespace: str, user: str) -> None:
        self.api, self.namespace, self.user = api, namespace, user

    def kind(self, version: str, kind: str) -> Any:
        """pykube's class for a kind."""
        return pykube.object_factory(self.api, version, kind)

    def create(self, item: Object) -> None:
        """Create a resource."""
        self.kind(item["apiVersion"], item["kind"])(self.api, item).create()

    def run(self, name: str, plugin: str, version: str = "1.0.0", **spec: Any) -> None:
        """Create a PluginInstance that runs though an equal one ran before; `spec` holds previous and the like."""
        wanted = {"plugin": {"name": plugin, "version": version}, "cache": "off", **spec}
        self.create(manifest("PluginInstance", name, self.namespace, wanted))

    def get(self, kind: str, name: str, version: str = API_VERSION) -> Object | None:
        """An object as it is; None where it does not exist."""
        found = self.kind(version, kind).objects(self.api, namespace=self.namespace).get_or_none(name=name)
        return None if found is None else dict(found.obj)

    def all(self, kind: str, version: str = "v1", **labels: str) -> list[Object]:
        """Objects of a kind in this namespace, by labels."""
        query = self.kind(version, kind).objects(self.api, namespace=self.namespace)
        return [dict(each.obj) for each in (query.filter(selector=labels) if labels else query)]

    def until(self, look: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
        """What `look` returns as soon as it is true; AssertionError that says what was awaited and seen."""
        deadline, seen = time.monotonic() + patience, None
        while time.monotonic() < deadline:
            seen = look()
            if seen:
                return seen
            time.sleep(_POLL)
        raise AssertionError(
            f"{what} did not come within {patience:.0f} s in {self.namespace}; seen: {self.state()}"
        )

    def state(self) -> str:
        """What the runs say, for failing tests."""
        runs = self.all("PluginInstance", API_VERSION)
        return "; ".join(
            f"{r['metadata']['name']}: {succeeded(r).get('reason')} {succeeded(r).get('message')}"
            for r in runs
        )

    def reaches(self, name: str, reason: str, status: str, patience: float = PATIENCE) -> Object:
        """The run as soon as it has this reason and status."""

        def look() -> Object | None:
            instance = self.get("PluginInstance", name)
            found = succeeded(instance) if instance else {}
            return instance if (found.get("reason"), found.get("status")) == (reason, status) else None

        found = self.until(look, f"{name}: {reason} {status}", patience)
        assert found is not None
        return found

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and message of the Events about a run, oldest first."""
        about = [e for e in self.all("Event") if e["involvedObject"].get("name") == name]
        ours = [e for e in about if e["involvedObject"]["kind"] == "PluginInstance"]
        ours.sort(key=lambda e: e["firstTimestamp"])
        return [(e["type"], e["reason"], e["message"]) for e in ours]

    def told(self, name: str, kind: str, reason: str) -> list[tuple[str, str, str]]:
        """The Events about a run as soon as one of this type and reason is among them."""

        def look() -> list[tuple[str, str, str]]:
            found = self.events(name)
            return found if (kind, reason) in {each[:2] for each in found} else []

        return self.until(look, f"Event {kind} {reason} about {name}")

    def clear(self) -> None:
        """Delete every run and Feed, and return when they and all that belongs to them are gone."""
        for kind in ("Feed", "PluginInstance"):
            for item in self.kind(API_VERSION, kind).objects(self.api, namespace=self.namespace):
                item.delete()
        self.until(lambda: not self.all("PluginInstance", API_VERSION), "the end of all runs")
        self.until(self.is_empty, "the end of Jobs, Secrets and pods")

    def is_empty(self) -> bool:
        """Whether nothing of a run is left: no Job, no Secret, no pod."""
        return not (self.all("Job", "batch/v1") or self.all("Secret") or self.all("Pod"))

    def change(self, name: str, **spec: Any) -> None:
        """Change what may be changed of a run."""
        kind = self.kind(API_VERSION, "PluginInstance")
        kind.objects(self.api, namespace=self.namespace).get(name=name).patch({"spec": spec})

    def ends(self, name: str, reason: str, status: str, says: str, patience: float = PATIENCE) -> Object:
        """The run at its end; its condition's words match `says` wholly, and exactly one Event tells them."""
        ended = self.reaches(name, reason, status, patience)
        words = succeeded(ended)["message"]
        assert re.fullmatch(says, words), words
        pair = ["Stalled"] if status == "False" else []
        assert [each["type"] for each in ended["status"]["conditions"]] == ["Succeeded", *pair]
        kind = "Warning" if status == "False" and reason != "Cancelled" else "Normal"
        told = self.until(
            lambda: [event for event in self.events(name) if event[2] == words], f"Event {kind} {reason}"
        )
        assert told == [(kind, reason, words)]
        return ended

    def published(self, name: str) -> str:
        """All that is told of a run to whoever may look: its status and Events, as one text."""
        instance = self.get("PluginInstance", name) or {}
        return json.dumps([instance.get("status"), self.events(name)], ensure_ascii=False)

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource of our group."""
        self.kind(API_VERSION, kind).objects(self.api, namespace=self.namespace).get(name=name).delete()


@contextmanager
def namespace(api: pykube.HTTPClient, name: str, labels: dict[str, str]) -> Iterator[None]:
    """A namespace for as long as the block runs; its removal is begun, not awaited."""
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    made = pykube.Namespace(api, item)
    made.create()
    try:
        yield
    finally:
        made.delete()
