"""Two replicas: one leads, the other follows within the stated bound; and what each tells about itself."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import Client, Object
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
LEASE_SECONDS = 3.0
BOUND_SECONDS = LEASE_SECONDS * 9 / 8
SLACK_SECONDS = 5.0
"""For a machine that has other work; the bound itself is the Lease's arithmetic."""


@pytest.fixture
def standby(operator: Operator, gateway: Gateway, swift: SwiftServer) -> Iterator[Operator]:
    """A second replica, which has seen that the first one leads."""
    operator.await_metric("chris_leading", 1.0)
    second = Operator("operator-b", gateway, swift.credentials, operator.directory)
    second.start()
    second.await_metric("chris_leading", 0.0)
    try:
        yield second
    finally:
        second.kill()


def _lease(admin: Client) -> Object:
    return dict(admin.get("Lease", "chris-operator", "chris-system")["spec"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _await_holder(admin: Client, name: str) -> Object:
    lease = admin.wait(
        "Lease",
        "chris-operator",
        "chris-system",
        until=lambda lease: lease["spec"]["holderIdentity"] == name,
    )
    return dict(lease["spec"])


def test_a_killed_leader_is_followed_within_the_bound(tenant: Tenant, operator: Operator, standby: Operator):
    before = tenant.run("before")
    attempt = before.attempt()
    operator.kill()
    last = _lease(tenant.admin)
    taken = _await_holder(tenant.admin, "operator-b")
    silence = (_moment(taken["acquireTime"]) - _moment(last["renewTime"])).total_seconds()
    assert LEASE_SECONDS - 1 <= silence <= BOUND_SECONDS + SLACK_SECONDS
    assert taken["leaseTransitions"] == last["leaseTransitions"] + 1
    attempt.succeeds(FILES)
    before.until("Completed", "True")
    after = tenant.run("after")
    after.attempt().succeeds(FILES)
    after.until("Completed", "True")
    assert after.status["id"] > before.status["id"]
    assert standby.metric("chris_leading") == 1.0


def test_a_leader_that_stops_hands_over_at_once(tenant: Tenant, operator: Operator, standby: Operator):
    operator.stop()
    taken = _await_holder(tenant.admin, "operator-b")
    assert taken["leaseTransitions"] > 0
    run = tenant.run("scan")
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    assert standby.running


def test_a_leader_that_slept_past_its_lease_writes_nothing_more(
    tenant: Tenant, operator: Operator, standby: Operator
):
    run = tenant.run("scan", retries=1)
    attempt = run.attempt()
    operator.pause()
    try:
        _await_holder(tenant.admin, "operator-b")
        attempt.fails(3)
        second = run.attempt(2)
        number = _number_of_another(tenant)
    finally:
        operator.resume()
    operator.await_metric("chris_leading", 0.0)
    second.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["failures"] == {"PluginFailed": 1}
    assert _number_of_another(tenant) > number
    assert len(tenant.admin.list("Feed", tenant.namespace)) == 3
    assert _lease(tenant.admin)["holderIdentity"] == standby.name


def _number_of_another(tenant: Tenant) -> int:
    run = tenant.run(f"other-{len(tenant.admin.list('PluginInstance', tenant.namespace))}", "pl-unknown")
    run.until("PluginNotFound")
    return int(run.status["id"])


def test_what_a_replica_tells_about_itself(tenant: Tenant, operator: Operator):
    ended = 'chris_runs_ended_total{reason="Completed"}'
    operator.await_metric("chris_leading", 1.0)
    before = operator.metric(ended)
    tenant.done("scan")
    operator.await_metric(ended, before + 1)
    text = operator.page("/metrics").text
    for name in (
        "chris_reconcile_seconds_count",
        "chris_queue_depth",
        "chris_phase_seconds_sum",
        "chris_output_bytes_total",
    ):
        assert f"\n{name}" in text
    health = operator.page("/healthz")
    assert (health.status_code, health.text) == (200, "ok\n")
