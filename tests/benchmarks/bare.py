"""A client that only moves bytes: what no client can be faster than, on this machine and this Swift."""

import http.client
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import swiftclient
from tests.benchmarks.arms import CONTAINER, with_servers
from tests.staging.measuring import Cost
from tests.swift_server import SwiftServer

from chris_operator.storage import Storage

PIECE = 64 << 20
BUFFER = 1 << 20
CONNECTIONS = 4
"""As staging has for a large file."""


class Bare:
    """Sends the tree's only file in pieces out of the kernel's cache, and reads them back to nowhere.

    It hashes nothing, compares nothing and keeps nothing, and has no process to start: a bound, not an alternative.
    """

    def __init__(self, storage: Storage, swift: SwiftServer) -> None:
        self._storage, self._swift = storage, swift
        credentials = swift.credentials
        url, self._token = swiftclient.get_auth(
            *(credentials[f"ST_{key}"] for key in ("AUTH", "USER", "KEY"))
        )
        self._address = urlsplit(url)

    def up(self, tree: Path, name: str) -> Cost:
        """Send the file."""
        (file,) = tree.iterdir()
        return self._spread(file.stat().st_size, partial(self._send, file, name))

    def down(self, tree: Path, name: str) -> Cost:
        """Read what `up` has sent."""
        (file,) = tree.iterdir()
        return self._spread(file.stat().st_size, partial(self._read, name))

    def remove(self, name: str) -> None:
        """Delete the pieces."""
        self._storage.delete_prefix(f"{name}/")

    def _spread(self, size: int, move: Callable[[http.client.HTTPConnection, int, int], None]) -> Cost:
        """Move all pieces, several at a time; what that has cost."""
        starts = iter(range(0, size, PIECE))  # shared: each thread takes the next

        def work() -> None:
            host, port = str(self._address.hostname), self._address.port
            with closing(http.client.HTTPConnection(host, port)) as connection:
                for start in starts:
                    move(connection, start, min(PIECE, size - start))

        def act() -> Cost:
            began, used = time.monotonic(), time.process_time()
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                for each in [pool.submit(work) for _ in range(CONNECTIONS)]:
                    each.result()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return Cost(time.monotonic() - began, time.process_time() - used, peak)

        return with_servers(self._swift, act)

    def _send(
        self, file: Path, name: str, connection: http.client.HTTPConnection, start: int, size: int
    ) -> None:
        connection.putrequest("PUT", self._place(name, start))
        connection.putheader("X-Auth-Token", self._token)
        connection.putheader("Content-Length", str(size))
        connection.endheaders()
        with file.open("rb") as source:
            connection.sock.sendfile(source, start, size)
        self._answered(connection, http.client.CREATED)

    def _read(self, name: str, connection: http.client.HTTPConnection, start: int, size: int) -> None:
        # Without the first byte: an object server hashes whatever it reads from the beginning.
        headers = {"X-Auth-Token": self._token, "Range": f"bytes=1-{size - 1}"}
        connection.request("GET", self._place(name, start), headers=headers)
        self._answered(connection, http.client.PARTIAL_CONTENT)

    def _place(self, name: str, start: int) -> str:
        return f"{self._address.path}/{CONTAINER}/{name}/{start}"

    @staticmethod
    def _answered(connection: http.client.HTTPConnection, status: int) -> None:
        answer = connection.getresponse()
        assert answer.status == status, answer.reason
        buffer = bytearray(BUFFER)
        while answer.readinto(buffer):
            pass
