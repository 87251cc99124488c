"""The client of the kube-apiserver.

Objects go in and come out as plain dictionaries; every failure comes out as a `ClusterError` that
names the object and carries the API server's own words. Built on `kubernetes.aio` for TLS and
credentials. Its generated models and its request code are not used: `models/` validates dictionaries
anyway, and walking through every body once more costs more than sending it.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
from kubernetes.aio import client, config

from .clock import Clock
from .errors import Conflict, NotFound, Unreachable, Untrusted, error_of
from .resources import Resource

FIELD_MANAGER = "chris-operator"
Object = dict[str, Any]

_REQUEST_SECONDS = 30.0
_LINE_BYTES = 1 << 21
_CHUNK = 500
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def inside_a_pod() -> bool:
    """Whether a service account is mounted here."""
    return _SERVICE_ACCOUNT.exists()


def _selectors(labels: str, fields: str) -> dict[str, str]:
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {name: text for name, text in given.items() if text}


@contextmanager
def _in_memory(text: str) -> Iterator[str | None]:
    """A path under which a text can be read that stands on no disk: OpenSSL reads keys from files only."""
    if not text:
        yield None
        return
    file = os.memfd_create("certificate")
    try:
        os.write(file, text.encode())
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


class Cluster:
    """A connection to one API server; close it with `await close()` or use it as a context manager."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api, self.clock = api, Clock()
        self.silence = 90.0
        """Seconds; a watch that brings not even a bookmark (one a minute) for so long is dead."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=api.rest_client.ssl_context),
            read_bufsize=_LINE_BYTES,
            trust_env=True,
        )

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> "Cluster":
        """Connect from inside a pod where a service account is mounted, else by kubeconfig."""
        settings = client.Configuration()
        if kubeconfig is None and inside_a_pod():
            config.load_incluster_config(client_configuration=settings)
        else:
            await config.load_kube_config(
                config_file=kubeconfig, context=context, client_configuration=settings, persist_config=False
            )
        return cls(client.ApiClient(settings))

    @classmethod
    def elsewhere(cls, server: str, authority: str, token: str, certificate: str) -> "Cluster":
        """Connect to another cluster; `authority` and `certificate` (with its key) are PEM, and empty where none."""
        settings = client.Configuration(host=server, ca_cert_data=authority or None)
        if token:
            settings.api_key = {"BearerToken": f"Bearer {token}"}
        with _in_memory(certificate) as path:
            settings.cert_file = path
            return cls(client.ApiClient(settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._api.close()

    async def _send(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own
        *,
        body: Any = None,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        # Asks for the token each time: that of a pod changes every hour.
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)
        settings = self._api.configuration
        return await self._session.request(
            verb,
            settings.host + path,
            params=query,
            data=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
            headers=headers,
            timeout=timeout,
            proxy=settings.proxy,
        )

    async def request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        """Send one request and decode the answer; raises ClusterError."""
        what = f"{verb} {path}"
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        try:
            sent = self._send(verb, path, query or {}, timeout, body=body, content_type=content_type)
            async with await sent as answer:
                raw = await answer.read()
                self.clock.hear(answer.headers.get("Date", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            kind = Untrusted if isinstance(error, aiohttp.ClientConnectorCertificateError) else Unreachable
            raise kind(what, 0, f"{type(error).__name__}: {error}") from error
        if not answer.ok:
            raise error_of(what, answer.status, raw)
        decoded: Object = json.loads(raw) if raw else {}
        return decoded

    async def version(self) -> tuple[int, int]:
        """Major and minor version of the API server; vendors write minors like `35+`."""
        told = await self.request("GET", "/version")
        return int(told["major"]), int(re.match(r"\d*", told["minor"])[0] or 0)  # type: ignore[index]

    async def chunks(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """All objects of a kind, some at a time, each time with the resourceVersion of the whole list."""
        query = {"limit": str(_CHUNK), **_selectors(labels, fields)}
        while True:
            answer = await self.request("GET", resource.path(namespace), query)
            meta = answer["metadata"]
            yield answer.pop("items", None) or [], meta["resourceVersion"]
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]

    async def watch(
        self,
        resource: Resource,
        since: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        seconds: int,
    ) -> AsyncIterator[tuple[str, Object]]:
        """What happens to a kind after `since`: ADDED, MODIFIED, DELETED or BOOKMARK, and the object.

        Ends when `seconds` are over. Raises Gone where `since` is too old, Unreachable when the stream breaks or
        is silent for longer than bookmarks take.
        """
        what = f"watch {resource.path(namespace)}"
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            **_selectors(labels, fields),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_REQUEST_SECONDS, sock_read=self.silence)
        try:
            async with await self._send("GET", resource.path(namespace), query, timeout) as answer:
                if not answer.ok:
                    raise error_of(what, answer.status, await answer.read())
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise error_of(
                            what, event["object"].get("code", 0), json.dumps(event["object"]).encode()
                        )
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unreachable(what, 0, f"{type(error).__name__}: {error}") from error

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """Read one object; raises NotFound."""
        return await self.request("GET", resource.path(namespace, name))

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """Read one object; None where it does not exist."""
        try:
            return await self.get(resource, name, namespace)
        except NotFound:
            return None

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects of a kind, optionally by label or field selector."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        answer = await self.request("GET", resource.path(namespace), {k: v for k, v in query.items() if v})
        items: list[Object] = answer.get("items") or []
        return items

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """Create an object; raises AlreadyExists, Forbidden (quota, policy) or Invalid."""
        return await self.request("POST", resource.path(namespace), {"fieldManager": FIELD_MANAGER}, body)

    async def replace(self, resource: Resource, body: Object) -> Object:
        """Write an object back as read and changed; raises Conflict when somebody wrote in between."""
        meta = body["metadata"]
        return await self.request("PUT", resource.path(meta.get("namespace"), meta["name"]), body=body)

    async def merge(
        self, resource: Resource, name: str, namespace: str | None, patch: Object, sub: str | None = None
    ) -> Object:
        """JSON merge patch; with `metadata.resourceVersion` in the patch it raises Conflict when stale."""
        path = resource.path(namespace, name, sub)
        query = {"fieldManager": FIELD_MANAGER}
        return await self.request("PATCH", path, query, patch, "application/merge-patch+json")

    async def apply(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        """Server-side apply: the fields in `body` are ours, whatever somebody made of them."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = resource.path(namespace, body["metadata"]["name"])
        return await self.request("PATCH", path, query, body, "application/apply-patch+yaml")

    async def apply_status(
        self, resource: Resource, name: str, namespace: str | None, status: Object, resource_version: str
    ) -> Object:
        """Server-side apply of the *whole* status; Conflict when `resource_version` is not the newest."""
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "resourceVersion": resource_version}
            | ({"namespace": namespace} if namespace else {}),
            "status": status,
        }
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = resource.path(namespace, name, "status")
        return await self.request("PATCH", path, query, body, "application/apply-patch+yaml")

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete an object and, in the background, what it owns; fine when it is gone already.

        With `uid`, another object that has taken the name since is left alone.
        """
        options: Object = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", resource.path(namespace, name), body=options)
        except (NotFound, Conflict):
            return
