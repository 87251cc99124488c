"""Requests to Swift by TempURL, repeated until they succeed or time is up.

Every thread keeps one connection alive. What may pass (no answer, 5xx, an expired signature) is tried again
with growing pauses for `limits.give_up_seconds`; before each repetition `job.json` is read again, since the
operator renews the signatures there. What will not pass is a StagingError at once.
"""

import hashlib
import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, TypeVar
from urllib.parse import quote, urlsplit

from chris_operator.staging.contract import Grant, StageJob
from chris_operator.staging.crew import Stopped
from chris_operator.staging.document import ContractError
from chris_operator.staging.errors import StagingError
from chris_operator.staging.places import log

T = TypeVar("T")
Range = tuple[int, int]
"""First byte and the one after the last."""

TIMEOUT_SECONDS = 60
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
CHUNK = 1 << 18
BUSY = frozenset({408, 409, 425, 429, 498, 499})
DENIED = frozenset({401, 403})
LASTING = {
    404: ("ObjectMissing", "object is missing in Swift"),
    412: ("ChecksumMismatch", "object is no longer the one of the manifest"),
    413: ("QuotaExceeded", "Swift's quota or its largest object size is exceeded"),
    416: ("ChecksumMismatch", "object is shorter than the manifest says"),
}
"""Answers that repeating does not change."""
TRUST = "an administrator gives its authority's certificate as ConfigMap swift-ca beside the operator"


class Passing(Exception):  # noqa: N818 - what happened, not what to do about it
    """A request failed in a way that may pass; `code` is what to report if it does not."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Body:
    """The bytes of one answer, of known length."""

    def __init__(self, response: http.client.HTTPResponse, size: int) -> None:
        self._response, self.left = response, size

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as bytes are left; Passing where the connection breaks."""
        wanted = buffer[: min(self.left, len(buffer))]
        filled = 0
        while filled < len(wanted):
            count = self._receive(wanted[filled:])
            if not count:
                raise Passing("SwiftUnavailable", "the connection broke in the middle of an object")
            filled += count
        self.left -= filled
        return filled

    def _receive(self, buffer: memoryview) -> int:
        try:
            return self._response.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise Passing("SwiftUnavailable", f"the connection broke ({type(error).__name__})") from error

    def skip(self, size: int) -> None:
        """Read bytes that nobody wants."""
        waste = memoryview(bytearray(min(size, CHUNK)))
        while size:
            size -= self.readinto(waste[: min(size, len(waste))])


class SwiftHttp:
    """One Swift as a job's TempURLs open it. `consume` and `chunks` raise StagingError for errors of files."""

    def __init__(self, load: Callable[[], StageJob], stopped: threading.Event) -> None:
        self._load, self._stopped = load, stopped
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self.job = load()
        parts = urlsplit(self.job.swift.url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port

    def read(
        self, name: str, span: Callable[[], Range], consume: Callable[[Body], T], *, if_match: str = ""
    ) -> T:
        """Hand the bytes of an object in the range `span()` to `consume`; both anew after a failure."""

        def attempt(connection: http.client.HTTPConnection) -> T:
            start, end = span()
            headers = {"Range": f"bytes={start}-{end - 1}"} | ({"If-Match": if_match} if if_match else {})
            response = self._get(connection, name, headers)
            if response.length != end - start:
                raise StagingError(*LASTING[416], object=name)
            return consume(Body(response, end - start))

        return self._repeat(name, attempt)

    def read_whole(self, name: str, sink: IO[bytes]) -> int:
        """Write a whole object to an empty file; returns its size."""

        def attempt(connection: http.client.HTTPConnection) -> int:
            response = self._get(connection, name, {})
            if response.length is None:
                raise Passing("SwiftUnavailable", "Swift answers without a length")
            body = Body(response, response.length)
            sink.seek(0)
            sink.truncate()
            buffer = memoryview(bytearray(CHUNK))
            while body.left:
                sink.write(buffer[: body.readinto(buffer)])
            return sink.tell()

        return self._repeat(name, attempt)

    def write(
        self, name: str, size: int, chunks: Callable[[], Iterator[bytes] | Iterator[memoryview]]
    ) -> str:
        """Make an object of `size` bytes and return its ETag, proven to be the MD5 of what was sent."""

        def attempt(connection: http.client.HTTPConnection) -> str:
            connection.putrequest("PUT", self._target("PUT", name), skip_accept_encoding=True)
            connection.putheader("Content-Length", str(size))
            connection.putheader("Content-Type", "application/octet-stream")
            connection.endheaders()
            sent = hashlib.md5(usedforsecurity=False)
            try:
                for chunk in chunks():
                    connection.send(chunk)
                    sent.update(chunk)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer says why
            response = connection.getresponse()
            response.read()
            if response.status != http.client.CREATED:
                raise refusal("PUT", response.status, name)
            etag = (response.getheader("ETag") or "").strip('"')
            if etag != sent.hexdigest():
                raise Passing("ChecksumMismatch", "Swift stored other bytes than were sent")
            return etag

        return self._repeat(name, attempt)

    def close(self) -> None:
        """Close every thread's connection, where the process lives on."""
        for each in self._opened:
            each.close()

    def _get(
        self, connection: http.client.HTTPConnection, name: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection.request("GET", self._target("GET", name), headers=headers)
        response = connection.getresponse()
        if response.status not in (http.client.OK, http.client.PARTIAL_CONTENT):
            raise refusal("GET", response.status, name)
        return response

    def _target(self, method: str, name: str) -> str:
        """The request's target: the path, quoted, and the query of the longest prefix that opens it."""
        path = self.job.container_path + name
        grants = self.job.get if method == "GET" else self.job.writable
        fitting = [grant for grant in grants if path.startswith(grant.prefix)]
        if not fitting:
            raise StagingError("Unauthorized", "no TempURL of this attempt opens the object", object=name)
        return f"{quote(path)}?{max(fitting, key=prefix_length).query}"

    def _repeat(self, name: str, attempt: Callable[[http.client.HTTPConnection], T]) -> T:
        """Call `attempt` until it succeeds, fails for good, or time is up."""
        pause, deadline = FIRST_PAUSE, 0.0
        while True:
            failure = self._try(attempt)
            if not isinstance(failure, Passing):
                return failure
            deadline = deadline or time.monotonic() + self.job.limits.give_up_seconds
            if time.monotonic() >= deadline:
                patience = f"gave up after {self.job.limits.give_up_seconds} s of repeating"
                raise StagingError(failure.code, f"{failure}; {patience}", object=name)
            if pause >= 1:
                log(f"{failure}; repeating: {name}")
            if self._stopped.wait(pause * random.uniform(0.5, 1)):  # noqa: S311 - only spreads clients in time
                raise Stopped
            pause = min(pause * 2, LONGEST_PAUSE)
            self._reload()

    def _try(self, attempt: Callable[[http.client.HTTPConnection], T]) -> T | Passing:
        """One attempt; a connection that did not end well is not used again."""
        if self._stopped.is_set():
            raise Stopped
        connection = self._connection()
        whole = False
        try:
            result = attempt(connection)
            whole = True
        except Passing as error:
            return error
        except ssl.SSLCertVerificationError as error:
            words = f"Swift's certificate is not trusted ({error.verify_message}); {TRUST}"
            raise StagingError("SwiftUntrusted", words) from error
        except (OSError, http.client.HTTPException) as error:
            return Passing("SwiftUnavailable", f"Swift does not answer ({type(error).__name__})")
        else:
            return result
        finally:
            if not whole:
                connection.close()

    def _reload(self) -> None:
        """Take renewed signatures up; a file that cannot be read is being replaced just now."""
        try:
            self.job = self._load()
        except (OSError, ContractError) as error:
            log(f"job.json cannot be read again, its last content is kept: {error}")

    def _connection(self) -> http.client.HTTPConnection:
        """This thread's connection; http.client opens it again after a close."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._opened.append(self._local.connection)
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context(cadata=self.job.swift.ca_bundle)
        return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)


def prefix_length(grant: Grant) -> int:
    """How much of a path a grant fixes."""
    return len(grant.prefix)


def refusal(method: str, status: int, name: str) -> Exception:
    """What a status means: Passing or StagingError."""
    if status in DENIED:
        return Passing("Unauthorized", "Swift does not accept the TempURL; it may have expired")
    if status >= http.client.INTERNAL_SERVER_ERROR or status in BUSY:
        return Passing("SwiftUnavailable", f"Swift answers {status}")
    if (
        method == "PUT" and status == http.client.NOT_FOUND
    ):  # a Swift that is coming up says so of its container
        return Passing("SwiftUnavailable", "Swift does not find the container")
    code, message = LASTING.get(status, ("SwiftRefused", f"Swift answers {status}"))
    return StagingError(code, message, object=name)
