"""A watch whose connection was forgotten on the way: nobody hangs up, nothing comes; and that is noticed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.apiserver import POLL_SECONDS, ApiServer
from tests.controller.gateway import Gateway
from tests.controller.operator_process import TIMES, Operator
from tests.controller.tenant import FILES, Tenant
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
SECONDS = 60.0
SILENCE = {"CHRIS_SILENCE_SECONDS": "4"}
PROBLEM = "the watch of the Lease chris-operator has shown no change"


@pytest.fixture(scope="module")
def line(gateway: Gateway, apiserver: ApiServer) -> Iterator[Gateway]:
    """A connection of its own, which can be cut without hurting anybody else; with the rights of `gateway`."""
    assert gateway.port
    with Gateway.running(apiserver) as own:
        yield own


@pytest.fixture
def replica(operator: Operator, line: Gateway, swift: SwiftServer, tmp_path: Path) -> Iterator[Operator]:
    """A standby at the end of that line; the first operator leads."""
    operator.await_metric("chris_leading", 1.0)
    own = Operator("operator-w", line, swift.credentials, tmp_path, environment=TIMES | SILENCE)
    own.start()
    try:
        own.await_metric("chris_leading", 0.0)
        yield own
        print(own.log_tail())  # noqa: T201  pytest shows it with a failure
    finally:
        own.kill()


def await_health(operator: Operator, code: int) -> str:
    """What /healthz says as soon as it answers with this code."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = operator.page("/healthz")
        if answer.status_code == code:
            return answer.text.strip()
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"/healthz never was {code}; it is {answer.status_code}: {answer.text}")


def await_beat(operator: Operator) -> None:
    """Return when the watches have shown a change of the Lease a moment ago."""
    deadline = time.monotonic() + SECONDS
    while operator.metric("chris_heartbeat_age_seconds") > 1:
        assert time.monotonic() < deadline, "the Lease's watch shows nothing"
        time.sleep(POLL_SECONDS)


def test_a_standby_is_well_while_it_sees_the_leader_renew(replica: Operator, line: Gateway):
    await_beat(replica)
    assert await_health(replica, 200) == "ok"
    with line.deaf():
        assert await_health(replica, 500).startswith(PROBLEM)
        assert replica.metric("chris_heartbeat_age_seconds") > 4
        assert replica.metric("chris_leading") == 0.0
    assert await_health(replica, 200) == "ok", "it opens its watches anew by itself"


def test_a_leader_that_sees_nothing_is_unwell_though_it_is_answered_and_heals_by_a_restart(
    replica: Operator, operator: Operator, line: Gateway, tenant: Tenant
):
    await_beat(replica)
    operator.stop()
    replica.await_metric("chris_leading", 1.0)
    with line.deaf():
        run = tenant.run("unseen")
        assert await_health(replica, 500).startswith(PROBLEM)
        assert replica.metric("chris_leading") == 1.0, "it goes on to renew the Lease: HTTP is answered"
        assert not run.status
        replica.kill()  # as the kubelet does
    replica.start()
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    run.told(("Normal", "Completed", "2 files, 9 bytes"))
    assert await_health(replica, 200) == "ok"


def test_a_single_dead_watch_is_opened_anew(
    replica: Operator, operator: Operator, line: Gateway, tenant: Tenant
):
    await_beat(replica)
    operator.stop()
    replica.await_metric("chris_leading", 1.0)
    tenant.done("before")
    with line.deaf("/plugininstances"):
        pass
    tenant.done("after")
    assert await_health(replica, 200) == "ok", "the Lease's watch has lived all the while"
