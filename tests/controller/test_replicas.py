"""Two replicas: one leads, the other follows within the stated bound; and what each tells about itself."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.apiserver import POLL_SECONDS
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client, Object
from tests.monitoring import queries, question
from tests.swift_server import SwiftServer

from chris_operator.controller.leader import failover_bound

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
LEASE_SECONDS = 3.0
BOUND_SECONDS = failover_bound(timedelta(seconds=LEASE_SECONDS)).total_seconds()
HELD_SECONDS = 60.0
SLACK_SECONDS = 5.0
"""For a machine that has other work; the bound itself is the Lease's arithmetic."""


@pytest.fixture(scope="module")
def second(operator_process: Operator, gateway: Gateway, swift: SwiftServer) -> Iterator[Operator]:
    """Another replica."""
    other = Operator("operator-b", gateway, swift.credentials, operator_process.directory)
    try:
        yield other
    finally:
        other.kill()


@pytest.fixture
def pair(operator: Operator, second: Operator, admin: Client) -> tuple[Operator, Operator]:
    """The leader and its standby, both running and knowing which they are."""
    if not second.running:
        operator.await_metric("chris_leading", 1.0)
        second.start()
    replicas = {each.name: each for each in (operator, second)}
    _await_holder(admin, *replicas)
    leader = replicas.pop(_lease(admin)["holderIdentity"])
    (standby,) = replicas.values()
    leader.await_metric("chris_leading", 1.0)
    standby.await_metric("chris_leading", 0.0)
    return leader, standby


def _lease(admin: Client) -> Object:
    return dict(admin.get("Lease", "chris-operator", "chris-system")["spec"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _await_holder(admin: Client, *names: str) -> Object:
    lease = admin.wait(
        "Lease",
        "chris-operator",
        "chris-system",
        until=lambda lease: lease["spec"]["holderIdentity"] in names,
    )
    return dict(lease["spec"])


def test_a_leader_that_slept_past_its_lease_writes_nothing_more(
    tenant: Tenant, pair: tuple[Operator, Operator]
):
    leader, standby = pair
    run = tenant.run("scan", retries=1)
    attempt = run.attempt()
    leader.pause()
    try:
        _await_holder(tenant.admin, standby.name)
        attempt.fails(3)
        second = run.attempt(2)
        number = _number_of_another(tenant)
    finally:
        leader.resume()
    leader.await_metric("chris_leading", 0.0)
    second.succeeds(FILES)
    run.until("Completed", "True")
    failed = run.until("PluginFailed", attempt=1)
    assert failed == "attempt 1: the program ended with exit code 3; attempt 2 follows"
    run.told(("Warning", "PluginFailed", failed), ("Normal", "Completed", "2 files, 9 bytes"))
    assert run.status["failures"] == {"PluginFailed": 1}
    assert _number_of_another(tenant) > number
    assert len(tenant.admin.list("Feed", tenant.namespace)) == 3
    assert _lease(tenant.admin)["holderIdentity"] == standby.name


@dataclass(frozen=True)
class Late:
    """A write of a leader that reaches the API server when another one leads and has done the same."""

    wanted: Callable[[Write], bool]
    done: Callable[[Run], object]


def _committed(run: Run) -> str:
    return run.until("Completed", "True")


LATE = {
    "commit": Late(lambda write: write.reason == "Completed" and "/status" in write.what, _committed),
    "job": Late(lambda write: write.what == "POST jobs", Run.attempt),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_what_a_former_leader_writes_late_is_refused(
    tenant: Tenant, pair: tuple[Operator, Operator], gateway: Gateway, late: Late
):
    leader, standby = pair
    here = f"/namespaces/{tenant.namespace}/"
    run = tenant.run("scan", suspend=True)
    run.until("Suspended")

    def meanwhile() -> None:
        leader.pause()
        _await_holder(tenant.admin, standby.name)
        late.done(run)

    held = gateway.ambush(
        Ambush(lambda write: here in write.path and late.wanted(write), Blow.MEANWHILE, meanwhile)
    )
    try:
        run.change(suspend=False)
        run.attempt().succeeds(FILES)
        assert held.wait(HELD_SECONDS)
        _await_refusal(gateway, here)
    finally:
        leader.resume()
    leader.await_metric("chris_leading", 0.0)
    run.until("Completed", "True")
    assert run.status["attempt"]["number"] == 1
    assert "failures" not in run.status
    run.told(
        ("Normal", "Suspended", "suspended by its user (spec.suspend): set it to false to go on"),
        ("Normal", "Completed", "2 files, 9 bytes"),
    )
    run.await_clean()
    assert tenant.leftovers() == {}


def _await_refusal(gateway: Gateway, here: str) -> None:
    deadline = time.monotonic() + HELD_SECONDS
    while not [write for write in gateway.writes if here in write.path and write.status == 409]:
        assert time.monotonic() < deadline, "the late write was not refused"
        time.sleep(POLL_SECONDS)


def test_a_killed_leader_is_followed_within_the_bound(tenant: Tenant, pair: tuple[Operator, Operator]):
    leader, standby = pair
    before = tenant.run("before")
    attempt = before.attempt()
    leader.kill()
    last = _lease(tenant.admin)
    taken = _await_holder(tenant.admin, standby.name)
    silence = (_moment(taken["acquireTime"]) - _moment(last["renewTime"])).total_seconds()
    assert LEASE_SECONDS - 1 <= silence <= BOUND_SECONDS + SLACK_SECONDS
    assert taken["leaseTransitions"] == last["leaseTransitions"] + 1
    attempt.succeeds(FILES)
    before.until("Completed", "True")
    after = tenant.done("after")
    assert after.status["id"] > before.status["id"]
    assert standby.metric("chris_leading") == 1.0


def test_a_leader_that_stops_hands_over_at_once(tenant: Tenant, pair: tuple[Operator, Operator]):
    leader, standby = pair
    leader.stop()
    last = _lease(tenant.admin)
    assert last["holderIdentity"] in ("", standby.name), "it gave the Lease back"
    _await_holder(tenant.admin, standby.name)
    tenant.done("scan")


def _number_of_another(tenant: Tenant) -> int:
    run = tenant.run(f"other-{len(tenant.admin.list('PluginInstance', tenant.namespace))}", "pl-unknown")
    run.until("PluginNotFound")
    return int(run.status["id"])


def test_what_a_leader_tells_about_itself(tenant: Tenant, pair: tuple[Operator, Operator]):
    ended = 'chris_runs_ended_total{reason="Completed"}'
    operator, _ = pair
    before = operator.metric(ended)
    tenant.done("scan")
    operator.await_metric(ended, before + 1)
    families = {family.name for family in text_string_to_metric_families(operator.page("/metrics").text)}
    asked = {name for query in queries().values() for name in question(query).metrics}
    assert {re.sub("_(total|bucket|count)$", "", name) for name in asked} <= families, (
        "of dashboard and alerts"
    )
    assert operator.metric("process_resident_memory_bytes") > 0
    assert operator.metric("chris_tasks") > 0
    health = operator.page("/healthz")
    assert (health.status_code, health.text) == (200, "ok\n")
