"""A run whose label names a queue of Kueue's, which the test plays: it alone lets the run's Jobs go on."""

import pytest
from tests.controller.gateway import Gateway
from tests.controller.pods import STAGED, Attempt, ended, report
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import condition

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
QUEUE = {"kueue.x-k8s.io/queue-name": "night"}
WORDS = "waits in queue night until Kueue admits its Job {}"


def _suspend(attempt: Attempt, wish: bool) -> None:
    attempt.admin.patch(attempt.job, {"spec": {"suspend": wish}})


def _queued(run: Run, number: int = 1) -> Attempt:
    """The attempt, whose Job is suspended and named by the run."""
    attempt = run.attempt(number)
    assert attempt.job["spec"]["suspend"] is True
    assert attempt.job["metadata"]["labels"].items() >= QUEUE.items()
    assert run.until("Queued", attempt=number) == WORDS.format(attempt.name)
    return attempt


def test_a_run_waits_in_its_queue_until_it_is_admitted(tenant: Tenant, gateway: Gateway):
    run = tenant.run("scan", labels=QUEUE)
    attempt = _queued(run)
    run.heard("Normal", "Queued", WORDS.format("scan-1"))
    _suspend(attempt, False)
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    written = {write for write in gateway.writes_about(tenant.namespace) if write.endswith(" jobs")}
    assert "POST jobs" in written
    assert written <= {"POST jobs", "DELETE jobs"}, "whether it is suspended is Kueue's to write"
    assert "failures" not in run.status


def test_what_its_queue_sends_back_waits_there_again(tenant: Tenant):
    run = tenant.run("scan", labels=QUEUE)
    attempt = _queued(run)
    _suspend(attempt, False)
    attempt.runs()
    run.until("Running")
    _suspend(attempt, True)
    aborted = report("publish", ok=False, code="Aborted")
    attempt.containers(
        stage_in=ended(0, message=STAGED), plugin=ended(143), publish=ended(143, message=aborted)
    )
    assert run.until("Preempted") == "attempt 1: its queue took its place back; attempt 2 follows"
    again = _queued(run, 2)
    _suspend(again, False)
    again.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["failures"] == {"Preempted": 1}


def test_a_run_that_is_cancelled_leaves_its_queue(tenant: Tenant):
    run = tenant.run("scan", labels=QUEUE)
    attempt = _queued(run)
    run.change(cancel=True)
    run.until("Cancelled", "False")
    tenant.admin.wait_gone(attempt.job)


def test_a_run_that_is_suspended_leaves_its_queue_for_the_time(tenant: Tenant):
    run = tenant.run("scan", labels=QUEUE)
    attempt = _queued(run)
    run.change(suspend=True)
    run.until("Suspended")
    tenant.admin.wait_gone(attempt.job)
    run.change(suspend=False)
    _queued(run, 2)
    assert condition(run.now(), "Succeeded")["status"] == "Unknown"
