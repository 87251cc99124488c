"""Thousands of changes leave nothing behind in the operator: neither tasks nor memory.

Every run carries a long parameter, so that whatever is kept of it, or of a single change of it, weighs.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.apiserver import POLL_SECONDS, ApiServer
from tests.controller.operator_process import TIMES, Operator
from tests.controller.tenant import VERSION, Tenant
from tests.kubeclient import Client
from tests.swift_server import SwiftServer

from chris_operator.models.base import API_VERSION

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
MIB = 1 << 20
AT_ONCE, TOUCHES = 50, 8
CHANGES_PER_ROUND = AT_ONCE * (TOUCHES + 2)
WARM, MEASURED = 2, 10
"""Rounds: 1,000 changes until everything has been in use, then 5,000."""
WEIGHT = 15 << 10
"""Bytes of a run's parameter, which no packing makes shorter by half: 5,000 changes carry 73 MiB, the 500 runs 7."""
ALLOWED = 6 * MIB
TASKS = 5
CALM_SECONDS = 180.0


def churn(apiserver: ApiServer, tenant: Tenant, rounds: range) -> None:
    """Make runs, change them many times and delete them: one of them at a time, many of them between two looks."""
    with apiserver.client() as one, apiserver.client() as two, ThreadPoolExecutor(2) as pool:
        for number in rounds:
            halves = (range(AT_ONCE // 2), range(AT_ONCE // 2, AT_ONCE))
            done = [
                pool.submit(_round, client, tenant, number, half)
                for client, half in zip((one, two), halves, strict=True)
            ]
            for each in done:
                each.result()


def _round(admin: Client, tenant: Tenant, number: int, half: range) -> None:
    runs = [admin.create(_suspended(tenant, f"r{number}-{each}")) for each in half]
    for touch in range(TOUCHES):
        for run in runs:
            admin.patch(run, {"metadata": {"annotations": {"touch": str(touch)}}})
    for run in runs:
        admin.delete(run)


def _suspended(tenant: Tenant, name: str) -> dict[str, object]:
    word = secrets.token_hex(WEIGHT // 2)
    plugin = {"name": "pl-fs", "version": VERSION}
    return {
        "apiVersion": API_VERSION,
        "kind": "PluginInstance",
        "metadata": {"name": name, "namespace": tenant.namespace},
        "spec": {"feed": "all", "plugin": plugin, "parameters": {"word": word}, "suspend": True},
    }


def await_calm(operator: Operator, tenant: Tenant, calm: Callable[[], bool]) -> None:
    """Return when everything that was deleted is gone and the operator has nothing more to do."""
    deadline = time.monotonic() + CALM_SECONDS
    while tenant.admin.list("PluginInstance", tenant.namespace) or not calm():
        if time.monotonic() > deadline:
            tasks, depth = operator.metric("chris_tasks"), operator.metric("chris_queue_depth")
            raise TimeoutError(f"the operator does not come to rest: {tasks} tasks, {depth} keys")
        time.sleep(POLL_SECONDS)


@pytest.fixture
def busy(operator: Operator, apiserver: ApiServer, swift: SwiftServer, tmp_path: Path) -> Iterator[Operator]:
    """A fresh operator, straight at the API server, that keeps its Lease however busy the machine is."""
    operator.stop()
    times = TIMES | {"CHRIS_LEASE_SECONDS": "60", "CHRIS_SILENCE_SECONDS": "600"}
    own = Operator("operator-g", apiserver, swift.credentials, tmp_path, environment=times)
    own.start()
    try:
        own.await_metric("chris_leading", 1.0)
        yield own
    finally:
        own.stop()


def test_five_thousand_changes_leave_nothing_behind(apiserver: ApiServer, tenant: Tenant, busy: Operator):
    tenant.feed("all")
    churn(apiserver, tenant, range(WARM))
    await_calm(busy, tenant, lambda: busy.metric("chris_queue_depth") == 0)
    # Only now is everything in use: an operator that has just begun to lead still starts its watches.
    tasks, before = busy.metric("chris_tasks"), busy.metric("process_resident_memory_bytes")
    churn(apiserver, tenant, range(WARM, WARM + MEASURED))
    await_calm(busy, tenant, lambda: busy.metric("chris_tasks") <= tasks + TASKS)
    grown = busy.metric("process_resident_memory_bytes") - before
    assert grown < ALLOWED, f"{MEASURED * CHANGES_PER_ROUND} changes left {grown / MIB:.1f} MiB behind"
