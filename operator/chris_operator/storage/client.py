"""The only Swift control client: small objects, listings, keys and signatures.

Synchronous, for use in threads: every thread has a connection of its own, kept alive. Each call is tried
twice and fails within seconds; whoever calls decides whether and when to ask again. Bytes of files do not
travel through here but through staging.
"""

import builtins
import io
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import requests
import swiftclient

from chris_operator.storage import credentials, tempurl
from chris_operator.storage.errors import (
    NotFound,
    PreconditionFailed,
    StorageError,
    Unauthorized,
    Unavailable,
    Untrusted,
)

CONNECT_SECONDS = 5
READ_SECONDS = 20
"""Bulk deletion sends a blank each ten seconds while it works; everything else answers at once."""
BULK_NAMES = 1000
CHUNK_BYTES = 1 << 20
WRONG_ETAG = 422
"""The answer to bytes that are not those that the ETag sent along stands for."""
BUSY = frozenset({408, 429, 498, 499})
TEMP_URL_KEY = "x-account-meta-temp-url-key"


@dataclass(frozen=True)
class ObjectInfo:
    """One line of a listing, or what a HEAD tells.

    `name` is relative to the container; for a common prefix of a delimited listing it ends in "/" and the rest
    is empty. `etag` in double quotes belongs to a segmented object. `modified` is as Swift writes it.
    """

    name: str
    bytes: int = 0
    etag: str = ""
    modified: str = ""


class Source(Protocol):
    """Bytes to write, of known number, which can begin anew where a request is repeated."""

    size: int

    def read(self, length: int = -1) -> bytes:
        """Some more of them; none at the end."""

    def reset(self, *_: object, **__: object) -> None:
        """Begin anew."""


class Container:
    """One container of one account, reached with the variables that `credentials` names."""

    where = ""
    """Name of the ComputeResource whose cluster's Swift it lies in; empty: our own."""

    def __init__(self, values: Mapping[str, str], *, container: str = "users") -> None:
        self._values = dict(values)
        self._options: dict[str, Any] | None = credentials.connection_options(values)
        self.container = container
        self._local = threading.local()
        self._key = ""

    # Places

    @property
    def url(self) -> str:
        """Scheme, host and port where this Swift answers, as its login says."""
        parts = urlsplit(self._storage_url())
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def ca_bundle(self) -> str | None:
        """Certificates (PEM) of the authorities to trust instead of the public ones; None where none were given."""
        return credentials.ca_bundle(self._values)

    def path(self, name: str = "") -> str:
        """`/v1/<account>/<container>/<name>`, the form manifests and grants are asked for in."""
        return f"{urlsplit(self._storage_url()).path}/{self.container}/{name}"

    def name(self, path: str) -> str:
        """The object name of a `path`; StorageError where it lies in another container."""
        root = self.path()
        if not path.startswith(root):
            raise StorageError(path, f"must lie below {root}")
        return path.removeprefix(root)

    def _storage_url(self) -> str:
        connection = self._connection()
        if not connection.url:
            connection.url, connection.token = self._guard("login", connection.get_auth)
        return str(connection.url).rstrip("/")

    # Objects

    def get(
        self, name: str, *, first_bytes: int | None = None, start: int = 0, if_match: str | None = None
    ) -> tuple[bytes, ObjectInfo]:
        """An object's bytes (or only the first ones, from `start`) and its facts."""
        headers = {"If-Match": if_match} if if_match else {}
        if first_bytes is not None:
            headers["Range"] = f"bytes={start}-{start + first_bytes - 1}"
        try:
            found, body = self._call(name, "get_object", self.container, name, headers=headers)
        except StorageError as error:
            if error.value != EMPTY_RANGE:
                raise
            return b"", self.head(name)
        return bytes(body), object_info(name, found)

    def head(self, name: str) -> ObjectInfo:
        """An object's facts; NotFound where there is none."""
        return object_info(name, self._call(name, "head_object", self.container, name))

    def put(
        self, name: str, data: bytes, *, create: bool = False, content_type: str = "application/octet-stream"
    ) -> str:
        """Write an object and return its ETag; with `create`, PreconditionFailed where it exists already.

        Swift knows no conditional overwrite: If-None-Match: * is the only condition of a PUT.
        """
        headers = {"If-None-Match": "*"} if create else {}
        # A stream, since swiftclient repeats (as after an idle connection was closed) only what it can rewind.
        etag = self._call(
            name,
            "put_object",
            self.container,
            name,
            contents=io.BytesIO(data),
            content_length=len(data),
            headers=headers,
            content_type=content_type,
        )
        return str(etag).strip('"')

    def stream(self, name: str) -> tuple[ObjectInfo, Iterator[bytes]]:
        """An object's facts and its bytes as they come; one whose connection breaks is asked for the rest."""
        found, body = self._call(name, "get_object", self.container, name, resp_chunk_size=CHUNK_BYTES)
        info = object_info(name, found)
        return info, self._chunks(info, body)

    def _chunks(self, info: ObjectInfo, body: Any) -> Iterator[bytes]:
        came = 0
        while chunk := self._guard(info.name, body.read, CHUNK_BYTES):
            came += len(chunk)
            yield chunk
        if came != info.bytes:
            raise Unavailable(info.name, f"ended after {came} of {info.bytes} bytes", where=self.where)

    def segments(self, name: str) -> builtins.list[dict[str, Any]]:
        """What a segmented object is made of, as Swift tells it: `name` (with its container), `hash`, `bytes`, `range`."""
        found = self._call(name, "head_object", self.container, name)
        if dynamic := found.get("x-object-manifest"):
            container, _, prefix = unquote(dynamic).partition("/")
            _, listed = self._call(name, "get_container", container, prefix=prefix, full_listing=True)
            return [{**line, "name": f"/{container}/{line['name']}"} for line in listed]
        ask = {"query_string": "multipart-manifest=get"}
        _, body = self._call(name, "get_object", self.container, name, **ask)
        told: builtins.list[dict[str, Any]] = json.loads(body)
        return told

    def put_segmented(self, name: str, segments: bytes) -> None:
        """Write a static large object; `segments` is its description in JSON."""
        ask = {"query_string": "multipart-manifest=put"}
        self._call(name, "put_object", self.container, name, contents=segments, **ask)

    def put_stream(self, name: str, source: Source, *, etag: str = "") -> None:
        """Write an object from a source; with `etag`, StorageError with the value WRONG_ETAG where its bytes are others."""
        self._call(
            name,
            "put_object",
            self.container,
            name,
            contents=source,
            content_length=source.size,
            etag=etag or None,
            content_type="application/octet-stream",
        )

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
        try:
            self._call(name, "delete_object", self.container, name)
        except NotFound:
            return

    def list(self, prefix: str, *, delimiter: str = "") -> Iterator[ObjectInfo]:
        """Every object below `prefix`, by name; with `delimiter`, common prefixes count as one.

        A prefix that is not empty must end in "/": `feed_1` would also list `feed_10`.
        """
        check_prefix(prefix)
        marker = ""
        while True:
            _, page = self._call(
                prefix,
                "get_container",
                self.container,
                prefix=prefix,
                delimiter=delimiter or None,
                marker=marker,
            )
            yield from (listed(line) for line in page)
            if not page:
                return
            marker = page[-1].get("name") or page[-1]["subdir"]

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object below `prefix` (not empty, ends in "/"); returns how many there were."""
        if not prefix:
            raise StorageError(self.container, "is not deleted whole: the prefix must not be empty")
        names = [each.name for each in self.list(prefix)]
        for start in range(0, len(names), BULK_NAMES):
            self._bulk_delete(prefix, names[start : start + BULK_NAMES])
        return len(names)

    def _bulk_delete(self, prefix: str, names: Sequence[str]) -> None:
        lines = "\n".join(quote(f"{self.container}/{name}") for name in names)
        headers = {"Content-Type": "text/plain", "Accept": "application/json"}
        try:
            _, body = self._call(
                prefix, "post_account", headers=headers, query_string="bulk-delete", data=lines.encode()
            )
        except StorageError as error:
            if isinstance(error, (Unavailable, Unauthorized)):
                raise
            body = b""
        if (
            b'"200 OK"' not in body
        ):  # no bulk middleware, or some names failed: one by one, each with its own error
            for name in names:
                self.delete(name)

    # Account and container

    def ensure_container(self) -> None:
        """Make the container where there is none."""
        self._call(self.container, "put_container", self.container)

    def ensure_temp_url_key(self) -> str:
        """The account's TempURL key, made where there is none; remembered."""
        if not self._key:
            found = self._call("account", "head_account").get(TEMP_URL_KEY)
            if not found:
                self._call("account", "post_account", {TEMP_URL_KEY: secrets.token_urlsafe(32)})
                found = self._call("account", "head_account").get(TEMP_URL_KEY)
            if not found:
                raise Unauthorized("account", "keeps no TempURL key; the user must own the account")
            self._key = str(found)
        return self._key

    def sign(self, method: str, prefix: str, expires: int) -> str:
        """The query that opens `prefix` (a name, ends in "/") for `method` until `expires` (epoch seconds)."""
        return tempurl.sign(self.ensure_temp_url_key(), method, self.path(prefix), expires)

    # Plumbing

    def _connection(self) -> Any:
        """This thread's connection: swiftclient's are not made for sharing."""
        if not hasattr(self._local, "connection"):
            if self._options is None:
                self._options = credentials.connection_options(self._values)
            self._local.connection = swiftclient.Connection(
                **self._options,
                retries=1,
                starting_backoff=0.2,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        return self._local.connection

    def _call(self, object: str, act: str, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        return self._guard(object, getattr(self._connection(), act), *args, **kwargs)

    def _guard(self, object: str, act: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        """Call and translate: nothing above knows swiftclient's exceptions."""
        try:
            return act(*args, **kwargs)
        except swiftclient.ClientException as error:
            raise translate(object, act.__name__, error) from error
        except requests.exceptions.SSLError as error:
            self._forget_connections()
            raise Untrusted(
                object, f"{act.__name__} does not trust the server; {TRUST}", _why(error)
            ) from error
        except (requests.RequestException, OSError) as error:
            raise Unavailable(object, f"{act.__name__} got no answer", type(error).__name__) from error

    def _forget_connections(self) -> None:
        """Connect anew from now on, with the authorities that are given by then."""
        self._options, self._local = None, threading.local()


TRUST = (
    "give its authority's certificate as ConfigMap swift-ca, key ca.crt, beside the operator (or OS_CACERT)"
)
"""What an administrator does about a certificate that nobody here trusts."""


def _why(error: requests.exceptions.SSLError) -> str:
    """OpenSSL's own words, without the addresses and classes around them."""
    found = re.search(r"CERTIFICATE_VERIFY_FAILED\] ([^(']*)", str(error))
    return found[1].strip() if found else type(error).__name__


EMPTY_RANGE = 416
"""The answer to any range of an empty object."""


def translate(object: str, act: str, error: swiftclient.ClientException) -> StorageError:  # noqa: A002
    """One of our errors for one of swiftclient's."""
    status = error.http_status
    kinds: dict[int, type[StorageError]] = {
        401: Unauthorized,
        403: Unauthorized,
        404: NotFound,
        412: PreconditionFailed,
    }
    if not status or status >= 500 or status in BUSY:  # noqa: PLR2004
        return Unavailable(object, f"{act} failed", status or str(error))
    return kinds.get(status, StorageError)(object, f"{act} was refused", status)


def check_prefix(prefix: str) -> None:
    """StorageError unless the prefix is empty or ends in "/"."""
    if prefix and not prefix.endswith("/"):
        raise StorageError(prefix, 'a prefix must end in "/", else feed_1 would include feed_10')


def object_info(name: str, headers: Mapping[str, str]) -> ObjectInfo:
    """Facts from the headers of an answer; a segmented object's ETag is kept in quotes."""
    etag = headers.get("etag", "").strip('"')
    total = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "0")
    segmented = "x-static-large-object" in headers or "x-object-manifest" in headers
    return ObjectInfo(name, int(total), f'"{etag}"' if segmented else etag, headers.get("last-modified", ""))


def listed(line: Mapping[str, Any]) -> ObjectInfo:
    """Facts from one line of a JSON listing."""
    if "subdir" in line:
        return ObjectInfo(str(line["subdir"]))
    etag = str(line.get("slo_etag") or line["hash"])
    if "slo_etag" in line and not etag.startswith('"'):
        etag = f'"{etag}"'
    return ObjectInfo(str(line["name"]), int(line["bytes"]), etag, str(line["last_modified"]))
