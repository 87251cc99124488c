"""A small client of the API server for tests: objects are dicts, waiting is a watch with a deadline."""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

Object = dict[str, Any]
WAIT_SECONDS = 60.0
GONE = 410
"""Answer of an API server that does not remember so old a state."""
REQUEST_SECONDS = 30.0
_numbers = itertools.count(1)


class ApiError(Exception):
    """A refused request: HTTP code, Kubernetes' reason and message."""

    def __init__(self, answer: requests.Response) -> None:
        body = answer.json() if "json" in answer.headers.get("content-type", "") else {"message": answer.text}
        self.code = answer.status_code
        self.reason = str(body.get("reason", ""))
        self.message = str(body.get("message", ""))
        super().__init__(f"{answer.request.method} {answer.request.path_url}: {self.code} {self.message}")


@dataclass(frozen=True)
class Resource:
    """Where the objects of a kind are found."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of an object or, without a name, of the collection."""
        scope = ["namespaces", namespace] if self.namespaced and namespace else []
        parts = [self.prefix, *scope, self.plural, name, subresource]
        return "/".join(str(part) for part in parts if part)


class Client:
    """Speaks as one user. Kinds are named as in manifests; an object names its own."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy of the machine's stands before the loopback interface
        self.session.verify = str(ca)
        self.session.headers["Authorization"] = f"Bearer {token}"
        # As every client of Kubernetes does: a server that still fills its caches says when to ask again.
        again = Retry(8, connect=0, read=0, status_forcelist=[429], allowed_methods=None, backoff_factor=0.2)
        self.session.mount("https://", HTTPAdapter(max_retries=again))
        self._resources: dict[str, Resource] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    # -- requests

    def request(self, method: str, path: str, **options: Any) -> Object:
        """One request; raises ApiError unless it succeeds."""
        answer = self.session.request(method, f"{self.url}/{path}", timeout=REQUEST_SECONDS, **options)
        if not answer.ok:
            raise ApiError(answer)
        body: Object = answer.json()
        return body

    def resource(self, kind: str) -> Resource:
        """The place of a kind, found by discovery (again, if it was not known: CRDs come late)."""
        if kind not in self._resources:
            self._resources = dict(self._discover())
        if kind not in self._resources:
            raise LookupError(f"{kind}: the API server knows no such kind; were the CRDs installed?")
        return self._resources[kind]

    def _discover(self) -> Iterator[tuple[str, Resource]]:
        groups = self.request("GET", "apis")["groups"]
        prefixes = [f"apis/{group['preferredVersion']['groupVersion']}" for group in groups]
        for prefix in [*reversed(prefixes), "api/v1"]:  # a kind of the core group wins over its namesakes
            for entry in self.request("GET", prefix)["resources"]:
                if "/" not in entry["name"]:
                    yield entry["kind"], Resource(prefix, entry["name"], entry["namespaced"])

    def _path_of(self, item: Object, subresource: str | None = None) -> str:
        metadata = item["metadata"]
        return self.resource(item["kind"]).path(metadata.get("namespace"), metadata["name"], subresource)

    # -- one object

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object as it is now."""
        return self.request("GET", self.resource(kind).path(namespace, name))

    def create(self, item: Object, *, dry_run: bool = False) -> Object:
        """Create it; unknown fields are errors, as with kubectl."""
        path = self.resource(item["kind"]).path(item["metadata"].get("namespace"))
        return self.request("POST", path, json=item, params=_writing(dry_run=dry_run))

    def replace(self, item: Object, subresource: str | None = None, *, dry_run: bool = False) -> Object:
        """Replace the whole object; its resourceVersion, if given, must be the current one."""
        return self.request(
            "PUT", self._path_of(item, subresource), json=item, params=_writing(dry_run=dry_run)
        )

    def patch(self, item: Object, change: Object, subresource: str | None = None) -> Object:
        """Merge a change into the object that `item` names; None removes a key."""
        return self._patch(item, change, "application/merge-patch+json", subresource, _writing())

    def apply(self, item: Object, manager: str = "tests", subresource: str | None = None) -> Object:
        """Server-side apply, taking over fields from other managers."""
        options = {**_writing(), "fieldManager": manager, "force": "true"}
        return self._patch(item, item, "application/apply-patch+yaml", subresource, options)

    def _patch(
        self, item: Object, body: Object, media_type: str, subresource: str | None, params: dict[str, str]
    ) -> Object:
        headers = {"Content-Type": media_type}
        path = self._path_of(item, subresource)
        return self.request("PATCH", path, data=json.dumps(body), headers=headers, params=params)

    def set_status(self, item: Object, status: Object) -> Object:
        """Play the part of whoever writes this object's status: the kubelet, the Job controller."""
        return self.patch(item, {"status": status}, "status")

    def delete(self, item: Object, *, grace_seconds: int | None = None) -> None:
        """Delete the object that `item` names."""
        params = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        self.request("DELETE", self._path_of(item), params=params)

    # -- many objects

    def list(self, kind: str, namespace: str | None = None, **selectors: str) -> list[Object]:
        """All objects of a kind, by `labelSelector` and `fieldSelector`."""
        found = self.request("GET", self.resource(kind).path(namespace), params=selectors)
        # Items of a list name no kind; given one, each can be handed to every method above.
        kind_of = {"apiVersion": found["apiVersion"], "kind": kind}
        return [{**kind_of, **item} for item in found["items"]]

    def watch(
        self, kind: str, namespace: str | None = None, *, seconds: float = WAIT_SECONDS, **selectors: str
    ) -> Iterator[tuple[str, Object]]:
        """Events (ADDED, MODIFIED, DELETED) from the present state on, until the time is over.

        With a `resourceVersion`, from that one on, as long as the API server remembers it: a CRD that changes makes it
        forget.
        """
        deadline = time.monotonic() + seconds
        params = {**selectors, "watch": "1", "timeoutSeconds": str(max(1, round(seconds)))}
        url = f"{self.url}/{self.resource(kind).path(namespace)}"
        with self.session.get(url, params=params, stream=True, timeout=seconds + 5) as answer:
            if not answer.ok:
                raise ApiError(answer)
            for line in answer.iter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR" and event["object"].get("code") == GONE:
                    break
                yield event["type"], event["object"]
                if time.monotonic() > deadline:
                    return
            else:
                return
        now = {name: value for name, value in selectors.items() if name != "resourceVersion"}
        yield from self.watch(kind, namespace, seconds=seconds, **now)

    def wait(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        until: Callable[[Object], object],
        seconds: float = WAIT_SECONDS,
    ) -> Object:
        """The object as soon as `until` holds of it; it need not exist yet."""
        last: Object | None = None
        by_name = {"fieldSelector": f"metadata.name={name}"}
        for event, item in self.watch(kind, namespace, seconds=seconds, **by_name):
            last = item if event != "DELETED" else None
            if last is not None and until(last):
                return last
        raise TimeoutError(
            f"{kind} {name}: not as expected after {seconds:g} s; it was {json.dumps(last, indent=1)}"
        )

    def wait_condition(
        self,
        item: Object,
        kind: str,
        *,
        status: str,
        reason: str | None = None,
        seconds: float = WAIT_SECONDS,
    ) -> Object:
        """The condition of a type as soon as it has this status (and reason)."""

        def reached(current: Object) -> bool:
            found = condition(current, kind)
            return found.get("status") == status and reason in (None, found.get("reason"))

        metadata = item["metadata"]
        current = self.wait(
            item["kind"], metadata["name"], metadata.get("namespace"), until=reached, seconds=seconds
        )
        return condition(current, kind)

    def wait_gone(self, item: Object, *, seconds: float = WAIT_SECONDS) -> None:
        """Return when this very object (by UID) is gone."""
        metadata = item["metadata"]
        path = self.resource(item["kind"]).path(metadata.get("namespace"))
        by_name = {"fieldSelector": f"metadata.name={metadata['name']}"}
        found = self.request("GET", path, params=by_name)
        if not any(self._is(item, other) for other in found["items"]):
            return
        since = {**by_name, "resourceVersion": found["metadata"]["resourceVersion"]}
        for event, other in self.watch(item["kind"], metadata.get("namespace"), seconds=seconds, **since):
            if event == "DELETED" or not self._is(item, other):
                return
        raise TimeoutError(f"{item['kind']} {metadata['name']}: still there after {seconds:g} s")

    @staticmethod
    def _is(item: Object, other: Object) -> bool:
        uid = item["metadata"].get("uid")
        return uid in (None, other["metadata"]["uid"])

    # -- what most tests need

    def namespace(self, user: str | None = None) -> str:
        """A new namespace, the tenant of a user where one is given; `{}` in it stands for the namespace."""
        name = f"t{next(_numbers)}-{os.getpid()}"
        labels = {"chrisproject.org/user": user.format(name)} if user else {}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name


def _writing(*, dry_run: bool = False) -> dict[str, str]:
    return {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}


def condition(item: Object, kind: str) -> Object:
    """The condition of a type, empty where there is none."""
    conditions: list[Object] = item.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})
