"""A namespace with its user, and runs in it as a test sees them: conditions, Events, attempts, leftovers."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.apiserver import POLL_SECONDS
from tests.controller.pods import Attempt
from tests.installation import ROOT, documents
from tests.kubeclient import WAIT_SECONDS, Client, Object, condition

from chris_operator.core.phases import PHASES, Reason
from chris_operator.models.base import API_VERSION
from chris_operator.storage import Storage

VERSION = "1.0.0"
EVENT_SECONDS = 30.0
"""Nobody waits so long for what comes in time; a busy machine needs it."""
FILES = {"a.txt": b"alpha", "sub/b.txt": b"beta"}


def plugin(name: str, kind: str = "fs", **spec: Any) -> Object:
    """A Plugin that may be applied."""
    base = {"name": name, "version": VERSION, "dockImage": "localhost/p:1", "type": kind, "selfexec": "go"}
    return {
        "apiVersion": API_VERSION,
        "kind": "Plugin",
        "metadata": {"name": f"{name}-{VERSION}"},
        "spec": base | spec,
    }


PARAMETERS = [
    {"name": "size", "type": "int", "flag": "--size", "optional": True, "default": 1},
    {"name": "word", "type": "str", "flag": "--word", "optional": True, "default": ""},
    {"name": "fast", "type": "bool", "flag": "--fast", "optional": True, "default": False},
    {"name": "level", "type": "float", "flag": "--level", "optional": True, "default": 0.5},
]
EVERY_TYPE = [
    {"name": name, "type": kind, "flag": f"--{name}"}
    for name, kind in (
        ("subject", "str"),
        ("count", "int"),
        ("ratio", "float"),
        ("exact", "bool"),
        ("atlas", "path"),
        ("series", "unextpath"),
    )
]
CATALOGUE = (
    plugin("pl-fs", parameters=PARAMETERS),
    plugin("pl-ds", "ds", parameters=PARAMETERS, minMemoryLimit="200Mi", maxMemoryLimit="500Mi"),
    plugin("pl-needs", parameters=EVERY_TYPE),
    plugin(
        "pl-bounded",
        minCpuLimit="500m",
        maxCpuLimit="2000m",
        minMemoryLimit="200Mi",
        maxMemoryLimit="1Gi",
        minGpuLimit=1,
        maxGpuLimit=2,
        minNumberOfWorkers=2,
        maxNumberOfWorkers=4,
        split="index",
    ),
    plugin("pl-keeps", checkpoint=True),
    plugin("pl-shared", parameters=PARAMETERS, split="index", maxNumberOfWorkers=1000),
    plugin("pl-tolerant", split="index", maxNumberOfWorkers=1000, partialSuccess=True),
    plugin("pl-filewise", "ds", split="files", maxNumberOfWorkers=1000, maxMemoryLimit="500Mi"),
    plugin("pl-folderwise", "ds", split="directories", maxNumberOfWorkers=1000),
    plugin("pl-undemanding", "ds", allowEmptyInput=True),
    plugin("pl-reads", "ds", parameters=[{"name": "atlas", "type": "path", "flag": "--atlas"}]),
    plugin("pl-ts", "ts", parameters=PARAMETERS),
    plugin("pl-world", "ds", network="egress"),
    *(
        document
        for name in ("dircopy", "tsdircopy", "topologicalcopy", "unstack-folders")
        for document in documents(ROOT / "plugins" / f"pl-{name}" / "plugin.yaml")
    ),
)
"""Plugins that are there for every test."""


@dataclass(frozen=True)
class Tenant:
    """A namespace that works for a user of its own."""

    admin: Client
    storage: Storage
    namespace: str
    user: str

    def run(
        self,
        name: str,
        plugin: str = "pl-fs",
        previous: Sequence[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        **spec: Any,
    ) -> "Run":
        """Create a PluginInstance; a plugin is named as `name` or `name:version`.

        It runs though an equal one ran before, as most do here: `cache=None` leaves that to the operator.
        """
        program, _, version = plugin.partition(":")
        body = {
            "apiVersion": API_VERSION,
            "kind": "PluginInstance",
            "metadata": {"name": name, "namespace": self.namespace, "labels": dict(labels or {})},
            "spec": {
                "plugin": {"name": program, "version": version or VERSION},
                "previous": list(previous),
                "cache": "off",
            }
            | spec,
        }
        return Run(self, self.admin.create(body))

    def feed(self, name: str) -> Object:
        """Create a Feed."""
        meta = {"name": name, "namespace": self.namespace}
        return self.admin.create(
            {"apiVersion": API_VERSION, "kind": "Feed", "metadata": meta, "spec": {"title": "A feed"}}
        )

    def done(self, name: str, **spec: Any) -> "Run":
        """A run that has succeeded with FILES as its output."""
        run = self.run(name, **spec)
        run.attempt().succeeds(FILES)
        run.until("Completed", "True")
        return run

    def label(self, user: str | None) -> None:
        """Give the namespace to a user, or to nobody."""
        self.admin.patch(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}},
            {"metadata": {"labels": {"chrisproject.org/user": user}}},
        )

    def objects(self) -> list[str]:
        """Names of everything below the user's home in Swift."""
        return [each.name for each in self.storage.list(f"home/{self.user}/")]

    def await_empty(self) -> None:
        """Return when nothing of the user's is in Swift."""
        deadline = time.monotonic() + WAIT_SECONDS
        while left := self.objects():
            if time.monotonic() > deadline:
                raise TimeoutError(f"still in Swift: {left}")
            time.sleep(POLL_SECONDS)

    def await_stored(self, name: str) -> bytes:
        """What an object of Swift holds, as soon as it is there."""
        deadline = time.monotonic() + WAIT_SECONDS
        while name not in self.objects():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not in Swift: {name}")
            time.sleep(POLL_SECONDS)
        return self.storage.get(name)[0]

    def collect(self) -> None:
        """Garbage collector and kubelets, once over the namespace: what has only owners that are gone goes too."""
        owners = ("Feed", "PluginInstance", "Job")
        alive = {each["metadata"]["uid"] for kind in owners for each in self.admin.list(kind, self.namespace)}
        for kind in ("PluginInstance", "Job", "Secret", "Pod"):
            for item in self.admin.list(kind, self.namespace):
                references = item["metadata"].get("ownerReferences") or []
                if references and not any(each["uid"] in alive for each in references):
                    self.remove(item, grace_seconds=0)

    def remove(self, item: Object, *, grace_seconds: int | None = None) -> None:
        """Delete an object as kubectl does: what it owns is collected in the background."""
        meta = item["metadata"]
        path = self.admin.resource(item["kind"]).path(meta.get("namespace"), meta["name"])
        params = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            params["gracePeriodSeconds"] = str(grace_seconds)
        self.admin.request("DELETE", path, params=params)

    def leftovers(self) -> dict[str, list[str]]:
        """Jobs, Secrets and Pods of the namespace, by name."""
        return {
            kind: [each["metadata"]["name"] for each in found]
            for kind in ("Job", "Secret", "Pod")
            if (found := self.admin.list(kind, self.namespace))
        }


@dataclass
class Run:
    """One PluginInstance."""

    tenant: Tenant
    created: Object

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.created["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its UID."""
        return str(self.created["metadata"]["uid"])

    @property
    def admin(self) -> Client:
        """Whoever may do everything."""
        return self.tenant.admin

    def now(self) -> Object:
        """The whole resource as it is."""
        return self.admin.get("PluginInstance", self.name, self.tenant.namespace)

    @property
    def status(self) -> Object:
        """Its status as it is."""
        return dict(self.now().get("status") or {})

    def until(
        self,
        reason: str,
        status: str = "Unknown",
        *,
        attempt: int | None = None,
        seconds: float = WAIT_SECONDS,
    ) -> str:
        """The message of the condition `Succeeded` as soon as it has, or has had, this reason and status.

        It looks back to the run's creation, since some states are over before anybody can look.
        """
        last = self.created
        since = {"resourceVersion": last["metadata"]["resourceVersion"]}
        selector = {"fieldSelector": f"metadata.name={self.name}", **since}
        for _, item in self.admin.watch("PluginInstance", self.tenant.namespace, seconds=seconds, **selector):
            last, found = item, condition(item, "Succeeded")
            number = ((item.get("status") or {}).get("attempt") or {}).get("number")
            if (found.get("reason"), found.get("status")) == (reason, status) and attempt in (None, number):
                self._check_conditions(item, status)
                return str(found["message"])
        raise TimeoutError(
            f"{self.name} never was {reason} ({status}): {json.dumps(last.get('status'), indent=1)}"
        )

    @staticmethod
    def _check_conditions(item: Object, status: str) -> None:
        """kstatus's pair says the same as `Succeeded`, about the same generation."""
        found = item["status"]["conditions"]
        waits = "Stalled" if PHASES[Reason(found[0]["reason"])].stalls else "Reconciling"
        pair = {"True": [], "False": ["Stalled"], "Unknown": [waits]}[status]
        assert [each["type"] for each in found] == ["Succeeded", *pair]
        assert len({(each["reason"], each["message"]) for each in found}) == 1
        assert item["status"]["observedGeneration"] == item["metadata"]["generation"]

    def attempt(self, number: int = 1) -> Attempt:
        """The attempt with this number as soon as its Job exists."""
        namespace, name = self.tenant.namespace, f"{self.name}-{number}"
        job = self.admin.wait("Job", name, namespace, until=bool)
        return Attempt(self.admin, job, self.admin.get("Secret", name, namespace))

    def change(self, **spec: Any) -> None:
        """Change what may be changed."""
        self.admin.patch(self.created, {"spec": spec})

    def told(self, *expected: tuple[str, str, str]) -> None:
        """Assert that exactly these Events (type, reason, message) are told of it; the last comes after its status."""
        found: dict[int, tuple[str, str, str]] = {}
        selector = {"fieldSelector": f"involvedObject.uid={self.uid}"}
        for _, event in self.admin.watch("Event", self.tenant.namespace, seconds=EVENT_SECONDS, **selector):
            version = int(event["metadata"]["resourceVersion"])
            found[version] = (event["type"], event["reason"], event["message"])
            if len(found) == len(expected):
                break
        assert [found[version] for version in sorted(found)] == list(expected)

    def heard(self, kind: str, reason: str, message: str) -> None:
        """Return when this Event is told of it, whatever else is."""
        selector = {"fieldSelector": f"involvedObject.uid={self.uid}"}
        for _, event in self.admin.watch("Event", self.tenant.namespace, seconds=EVENT_SECONDS, **selector):
            if (event["type"], event["reason"], event["message"]) == (kind, reason, message):
                return
        raise AssertionError(f"no Event tells of {self.name}: {kind} {reason} {message}")

    def delete(self) -> None:
        """Ask for its removal."""
        self.admin.delete(self.created)

    def await_clean(self) -> None:
        """Return when every Job and Secret of it is gone, as they are some time after the end."""
        selector = {"labelSelector": f"chrisproject.org/run-uid={self.uid}"}
        for kind in ("Job", "Secret"):
            for item in self.admin.list(kind, self.tenant.namespace, **selector):
                self.admin.wait_gone(item)
        self.tenant.collect()

    @property
    def ended(self) -> bool:
        """Whether it has succeeded or failed."""
        return condition(self.now(), "Succeeded").get("status") in ("True", "False")
