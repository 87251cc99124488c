"""An operator over many runs that have ended: its memory, and how soon after its start it works.

The API server and its etcd are real and bare: nothing else has work here. One run is played to its end; the others
are copies of it, written into etcd directly, where creating them one by one would take longer than all the rest.
"""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import requests
from tests.apiserver import ApiServer
from tests.benchmarks.bench import record
from tests.controller.operator_process import TIMES, Operator
from tests.controller.tenant import CATALOGUE, Tenant
from tests.installation import give_rights, install
from tests.kubeclient import Client, Object
from tests.swift_server import SwiftServer, running_swift

from chris_operator.storage import Storage

pytestmark = [pytest.mark.bench, pytest.mark.apiserver, pytest.mark.swift]
REGISTRY = "/registry/chrisproject.org"
PER_FEED = 100
TENANTS = 10
PATIENCE = 600.0
_QUIET_SECONDS = 3.0
_POLL = 0.2
_BATCH = 100


@dataclass
class Etcd:
    """What the API server has stored, by etcd's own JSON interface."""

    url: str

    def _ask(self, what: str, body: Object) -> Object:
        answer = requests.post(f"{self.url}/v3/kv/{what}", json=body, timeout=60)
        answer.raise_for_status()
        found: Object = answer.json()
        return found

    def get(self, key: str) -> bytes:
        """The value of a key."""
        return base64.b64decode(self._ask("range", {"key": _text(key)})["kvs"][0]["value"])

    def put(self, pairs: Iterator[tuple[str, Object]]) -> None:
        """Write many objects, some per transaction."""
        while some := list(islice(pairs, _BATCH)):
            puts = [
                {"requestPut": {"key": _text(key), "value": _text(json.dumps(value, separators=(",", ":")))}}
                for key, value in some
            ]
            self._ask("txn", {"success": puts})


def _text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


class Crowd:
    """Copies of one Feed and of one run that has succeeded, days ago."""

    def __init__(self, run: Object, feed: Object) -> None:
        self._run, self._feed = json.dumps(run), json.dumps(feed)
        self.size = 0
        self._ended = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def grow(self, size: int) -> Iterator[tuple[str, Object]]:
        """Keys and values of as many more as are missing."""
        while self.size < size:
            number = self.size // PER_FEED
            namespace, name = f"crowd-{number % TENANTS}", f"feed-{number}"
            feed = self._copied(self._feed, namespace, name)
            feed["status"]["id"] = 1_000 + number
            feed["status"]["instances"]["succeeded"] = PER_FEED
            yield f"{REGISTRY}/feeds/{namespace}/{name}", feed
            for _ in range(PER_FEED):
                yield self._one(feed)

    def _one(self, feed: Object) -> tuple[str, Object]:
        meta = feed["metadata"]
        name = f"run-{self.size}"
        run = self._copied(self._run, meta["namespace"], name)
        run["metadata"]["ownerReferences"][0] |= {"name": meta["name"], "uid": meta["uid"]}
        run["spec"]["feed"] = meta["name"]
        ids = {"id": 1_000 + self.size, "feedId": feed["status"]["id"], "feed": meta["name"]}
        run["status"] |= ids | {"user": meta["namespace"], "completionTime": self._ended}
        self.size += 1
        return f"{REGISTRY}/plugininstances/{meta['namespace']}/{name}", run

    @staticmethod
    def _copied(text: str, namespace: str, name: str) -> Object:
        copy: Object = json.loads(text)
        copy["metadata"] |= {"namespace": namespace, "name": name, "uid": str(uuid.uuid4())}
        return copy


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer.running() as server, server.client() as admin:
        install(admin)
        give_rights(admin)
        for plugin in CATALOGUE:
            admin.apply(plugin)
        for number in range(TENANTS):
            labels = {"chrisproject.org/user": f"crowd-{number}"}
            meta = {"name": f"crowd-{number}", "labels": labels}
            admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        yield server


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    with running_swift(tmp_path_factory.mktemp("swift")) as found:
        yield found


@dataclass
class Bench:
    """One operator over a growing crowd."""

    server: ApiServer
    admin: Client
    operator: Operator
    tenant: Tenant

    def template(self) -> Crowd:
        """A run played to its end, as etcd holds it then."""
        self.operator.start()
        run = self.tenant.done("scan")
        run.await_clean()
        self.operator.stop()
        place = f"{self.tenant.namespace}/scan"
        etcd = Etcd(self.server.etcd)
        stored = etcd.get(f"{REGISTRY}/plugininstances/{place}")
        record(etcd_bytes_per_run=len(stored) + len(f"{REGISTRY}/plugininstances/{place}"))
        return Crowd(json.loads(stored), json.loads(etcd.get(f"{REGISTRY}/feeds/{place}")))

    def measure(self, crowd: Crowd, size: int) -> None:
        """Seconds from the operator's start to the Job of a run that waits for it; then its memory at rest."""
        Etcd(self.server.etcd).put(crowd.grow(size))
        run = self.tenant.run(f"waits-{size}")
        began = time.perf_counter()
        self.operator.start()
        self.admin.wait("Job", f"{run.name}-1", self.tenant.namespace, until=bool, seconds=PATIENCE)
        seconds = time.perf_counter() - began
        self._rest()
        memory = self.operator.memory()
        self.operator.stop()
        record(
            **{
                f"operator_start_s_{size}": seconds,
                f"operator_rss_mib_{size}": memory["VmRSS"],
                f"operator_rss_peak_mib_{size}": memory["VmHWM"],
            }
        )
        if size == min(SIZES):
            record(operator_start_s=seconds, operator_rss_mib=memory["VmRSS"])

    def _rest(self) -> None:
        """Return when the operator has had nothing to do for a while."""
        deadline, quiet_since = time.monotonic() + PATIENCE, time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS:
            if time.monotonic() > deadline:
                raise TimeoutError("the operator does not come to rest")
            if self.operator.metric("chris_queue_depth"):
                quiet_since = time.monotonic()
            time.sleep(_POLL)


SIZES = (1_000, 50_000)


def test_the_operator_over_many_runs(server: ApiServer, swift: SwiftServer, tmp_path: Path):
    # The Lease lasts as shipped: the next operator gets it from the last one, which gives it back when it stops.
    times = TIMES | {"CHRIS_LEASE_SECONDS": "15"}
    operator = Operator("operator-bench", server, swift.credentials, tmp_path, times)
    with server.client() as admin:
        namespace = admin.namespace()
        tenant = Tenant(admin, Storage(swift.credentials), namespace, f"user-{namespace}")
        tenant.label(tenant.user)
        bench = Bench(server, admin, operator, tenant)
        try:
            crowd = bench.template()
            for size in SIZES:
                bench.measure(crowd, size)
        finally:
            operator.kill()
