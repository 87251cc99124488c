"""The Swift of another cluster as a test sees it: our container there, and what becomes of it."""

import time
from dataclasses import dataclass
from typing import Self

from tests.apiserver import POLL_SECONDS
from tests.controller.tenant import Run
from tests.kubeclient import WAIT_SECONDS, Client
from tests.swift_server import SwiftServer

from chris_operator.storage import Storage, StorageElsewhere


@dataclass(frozen=True)
class Mirrored:
    """A Swift there, and our container in it."""

    server: SwiftServer
    storage: StorageElsewhere

    @classmethod
    def of(cls, admin: Client, name: str, server: SwiftServer) -> Self:
        """Our container in the Swift of a ComputeResource."""
        home = admin.get("Namespace", "kube-system")["metadata"]["uid"]
        return cls(server, StorageElsewhere(name, dict(server.credentials), f"chris-{home}-{name}"))

    def names(self, user: str) -> list[str]:
        """Names of all objects of a user that are there."""
        return [each.name for each in self.storage.list(f"home/{user}/")]

    def await_gone(self, user: str) -> None:
        """Return when nothing of a user's is there any more."""
        deadline = time.monotonic() + WAIT_SECONDS
        while left := self.names(user):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still there: {left}")
            time.sleep(POLL_SECONDS)


def place_of(run: Run) -> str:
    """The directory of a run's committed attempt."""
    status = run.status
    number = status["output"]["attempt"]
    return f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}/attempts/{number}/"


def output_of(run: Run) -> dict[str, bytes]:
    """Every file of a run's output, from the bytes that lie in our Swift."""
    return files_of(run.tenant.storage, f"{place_of(run)}manifest")


def files_of(storage: Storage, name: str) -> dict[str, bytes]:
    """Every file that a manifest lists."""
    _, entries = storage.read_manifest(name)
    held = {p.object: storage.get(p.object)[0] for entry in entries for p in entry.pieces}
    return {
        entry.path: b"".join(held[p.object][p.offset : p.offset + p.size] for p in entry.pieces)
        for entry in entries
    }
