"""cancel ends a run wherever it stands; suspend holds back what has not started, and nothing else."""

from collections.abc import Callable

import pytest
from tests.controller.tenant import FILES, Run, Tenant

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
WORDS = "cancelled by its user (spec.cancel)"


def _waits_for_its_plugin(tenant: Tenant) -> Run:
    run = tenant.run("scan", "pl-unknown")
    run.until("PluginNotFound")
    return run


def _waits_for_its_parent(tenant: Tenant) -> Run:
    tenant.run("scan")
    run = tenant.run("child", "pl-ds", ["scan"])
    run.until("ParentRunning")
    return run


def _suspended(tenant: Tenant) -> Run:
    run = tenant.run("scan", suspend=True)
    run.until("Suspended")
    return run


def _scheduled(tenant: Tenant) -> Run:
    run = tenant.run("scan")
    run.attempt()
    return run


def _pending(tenant: Tenant) -> Run:
    run = tenant.run("scan")
    run.attempt().appear()
    return run


def _staging_in(tenant: Tenant) -> Run:
    run = tenant.run("scan")
    run.attempt().stages_in()
    return run


def _running(tenant: Tenant) -> Run:
    run = tenant.run("scan")
    run.attempt().runs()
    run.until("Running")
    return run


def _publishing(tenant: Tenant) -> Run:
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.runs()
    attempt.publishes()
    return run


def _between_two_attempts(tenant: Tenant) -> Run:
    run = tenant.run("scan", "pl-fs", retries=10)
    for number in range(1, 5):
        run.attempt(number).fails(3)
        run.until("PluginFailed", attempt=number)
    return run


STAGES: tuple[Callable[[Tenant], Run], ...] = (
    _waits_for_its_plugin,
    _waits_for_its_parent,
    _suspended,
    _scheduled,
    _pending,
    _staging_in,
    _running,
    _publishing,
    _between_two_attempts,
)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__.strip("_"))
def test_a_run_is_cancelled(tenant: Tenant, stage: Callable[[Tenant], Run]):
    run = stage(tenant)
    run.change(cancel=True)
    assert run.until("Cancelled", "False") == WORDS
    run.heard("Normal", "Cancelled", WORDS)
    status = run.status
    assert status["completionTime"]
    assert "output" not in status


def test_the_job_of_a_cancelled_run_goes_at_once(tenant: Tenant):
    run = _running(tenant)
    attempt = run.attempt()
    run.change(cancel=True)
    tenant.admin.wait_gone(attempt.job)
    tenant.admin.wait_gone(attempt.secret)


def test_what_a_cancelled_run_published_is_swept(tenant: Tenant):
    run = _publishing(tenant)
    attempt = run.attempt()
    attempt.pod = tenant.admin.list("Pod", tenant.namespace)[0]
    attempt.write(FILES)
    run.change(cancel=True)
    run.until("Cancelled", "False")
    tenant.admin.wait_gone(attempt.job)
    attempt.vanishes()
    tenant.await_empty()
    assert "output" not in run.status


def test_whatever_descends_from_a_cancelled_run_ends_with_it(tenant: Tenant):
    """Also below a run that has ended, and what is created afterwards."""
    root = tenant.done("root")
    tenant.run("middle", "pl-ds", ["root"]).attempt().succeeds(FILES)
    going = tenant.run("going", "pl-ds", ["middle"])
    attempt = going.attempt()
    attempt.runs()
    below = tenant.run("below", "pl-ds", ["going"])
    below.until("ParentRunning")
    beside = tenant.run("beside")
    root.change(cancel=True)
    for run in (going, below, tenant.run("late", "pl-ds", ["middle"])):
        message = run.until("Cancelled", "False")
        assert message.startswith("cancelled with root, from which it descends")
        run.heard("Normal", "Cancelled", message)
    tenant.admin.wait_gone(attempt.job)
    beside.attempt().succeeds(FILES)
    beside.until("Completed", "True")


def test_cancelling_what_has_ended_changes_nothing(tenant: Tenant):
    run = tenant.done("scan")
    before = run.status
    run.change(cancel=True)
    tenant.admin.wait(
        "PluginInstance",
        "scan",
        tenant.namespace,
        until=lambda item: item["status"]["observedGeneration"] == item["metadata"]["generation"],
    )
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    assert run.status["output"] == before["output"]


def test_suspend_does_not_stop_what_runs(tenant: Tenant):
    run = _running(tenant)
    run.change(suspend=True)
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")


def test_suspend_takes_back_what_has_no_node_yet(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.appear(node=None)
    run.change(suspend=True)
    run.until("Suspended")
    tenant.admin.wait_gone(attempt.job)
    tenant.admin.wait_gone(attempt.secret)
    attempt.vanishes()
    run.change(suspend=False)
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    assert "failures" not in run.status


def test_suspend_holds_back_the_next_attempt(tenant: Tenant):
    run = tenant.run("scan", retries=1)
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    run.change(suspend=True)
    attempt.fails(3)
    run.until("Suspended")
    run.change(suspend=False)
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
