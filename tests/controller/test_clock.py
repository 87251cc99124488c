"""The operator's clock is set an hour ahead or back while it works: Lease, deadlines and signatures survive."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.controller.gateway import Gateway
from tests.controller.operator_process import TIMES, Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client, Object
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]

HOUR = 3600
LIFETIME = 600
"""Of signatures: shorter than a step, so that one made by a wrong clock would open nothing."""

HANGS_SECONDS = 60.0
"""A program that its pod does not stop at its deadline gets the pod's grace, and what the operator adds."""


@dataclass
class Clocked:
    """An operator whose clock can be set; its monotonic clock goes on, as on every machine."""

    operator: Operator
    file: Path

    def set(self, seconds: int) -> None:
        """Step the clock to so far from the truth."""
        self.file.write_text(f"{seconds:+d}\n")


def _library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.fail("libfaketime is missing; install it (Debian: apt-get install faketime)")
    return found[0]


@pytest.fixture(scope="module")
def clocked(
    operator_process: Operator, gateway: Gateway, swift: SwiftServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clocked]:
    """In place of the operator of all tests."""
    directory = tmp_path_factory.mktemp("clocked")
    file = directory / "step"
    clock = {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "CHRIS_URL_LIFETIME_SECONDS": str(LIFETIME),
        "CHRIS_LEASE_SECONDS": "6",
    }
    found = Clocked(Operator("operator-c", gateway, swift.credentials, directory, TIMES | clock), file)
    found.set(0)
    operator_process.stop()
    found.operator.start()
    try:
        yield found
    finally:
        found.operator.stop()
        operator_process.start()


def _lease(admin: Client) -> Object:
    return dict(admin.get("Lease", "chris-operator", "chris-system")["spec"])


def _looked_at(run: Run, title: str) -> Object:
    """The run's status after the operator has looked at it once more."""
    run.change(title=title)
    generation = run.now()["metadata"]["generation"]
    found = run.admin.wait(
        "PluginInstance",
        run.name,
        run.tenant.namespace,
        until=lambda item: item["status"].get("observedGeneration") == generation,
    )
    return dict(found["status"])


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-back"])
def test_a_clock_that_is_set_changes_nothing(clocked: Clocked, new_tenant: Callable[[], Tenant], step: int):
    tenant = new_tenant()
    clocked.set(0)
    patient = tenant.run("patient", deadlineSeconds=HOUR // 2)
    attempt = patient.attempt()
    attempt.runs()
    patient.until("Running")
    before = _lease(tenant.admin)

    clocked.set(step)
    assert _looked_at(patient, "after the step")["conditions"][0]["reason"] == "Running"
    hasty = tenant.run("hasty", deadlineSeconds=1)
    stopped = hasty.attempt()
    stopped.runs()
    late = hasty.until("DeadlineExceeded", "False", seconds=HANGS_SECONDS)
    stopped.vanishes()
    tenant.done("fresh")  # its signature is good now, though the operator's clock says another time
    attempt.succeeds(FILES)
    patient.until("Completed", "True")

    hasty.told(("Warning", "DeadlineExceeded", late))
    patient.told(("Normal", "Completed", "2 files, 9 bytes"))
    ended = datetime.fromisoformat(patient.status["completionTime"])
    assert abs(datetime.now(UTC) - ended) < timedelta(minutes=2)
    assert clocked.operator.metric("chris_leading") == 1.0
    after = _lease(tenant.admin)
    assert (after["holderIdentity"], after["leaseTransitions"]) == ("operator-c", before["leaseTransitions"])
    for run in (patient, hasty):
        run.await_clean()
    assert "failures" not in patient.status


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["an-hour-ahead", "an-hour-back"])
def test_a_standby_with_another_clock_leaves_the_lease_alone(
    clocked: Clocked, operator_process: Operator, new_tenant: Callable[[], Tenant], step: int
):
    clocked.set(0)
    admin = new_tenant().admin
    clocked.operator.await_metric("chris_leading", 1.0)
    held = _lease(admin)
    clocked.set(step)
    operator_process.start()
    try:
        looks = {held["renewTime"]}

        def renewed_often(lease: Object) -> bool:
            looks.add(lease["spec"]["renewTime"])
            return len(looks) > 10  # each an eighth of the Lease: it has run out since

        after = admin.wait("Lease", "chris-operator", "chris-system", until=renewed_often)["spec"]
        operator_process.await_metric("chris_leading", 0.0)
    finally:
        operator_process.stop()
    assert (after["holderIdentity"], after["leaseTransitions"]) == ("operator-c", held["leaseTransitions"])
