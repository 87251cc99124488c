"""A status edited by hand or lost, a Plugin or a Job deleted under a run: the truth comes back from where else it stands."""

from typing import Any

import pytest
from tests.controller.pods import STAGED, ended, waiting
from tests.controller.tenant import FILES, Run, Tenant, plugin
from tests.kubeclient import Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def _lose(run: Run, *fields: str) -> Object:
    """Take fields out of a run's status; returns the status that it had."""
    before = run.status
    run.admin.set_status(run.created, dict.fromkeys(fields))
    return before


def _until(run: Run, **expected: Any) -> Object:
    """The run as soon as its status says this."""

    def says(item: Object) -> bool:
        return {name: (item.get("status") or {}).get(name) for name in expected} == expected

    return run.admin.wait("PluginInstance", run.name, run.tenant.namespace, until=says)


def _running(tenant: Tenant, **spec: Any) -> Run:
    run = tenant.run("scan", **spec)
    run.attempt().runs()
    run.until("Running")
    return run


def test_a_lost_number_comes_back_and_is_never_another(tenant: Tenant):
    run = _running(tenant)
    before = _lose(run, "id", "feedId", "user")
    _until(run, id=before["id"], feedId=before["feedId"], user=tenant.user)
    attempt = run.attempt()
    assert f"/runs/{before['id']}/" in attempt.prefix
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    before = _lose(run, "id")
    _until(run, id=before["id"])


def test_an_attempt_that_was_counted_down_is_counted_up_again(tenant: Tenant):
    run = tenant.run("scan", retries=1)
    run.attempt().fails(3)
    second = run.attempt(2)
    second.runs()
    run.until("Running")
    before = run.status["attempt"]
    forged = {"number": 1, "uid": None, "ended": None, "reason": None}
    run.admin.set_status(run.created, {"attempt": forged})
    item = run.admin.wait(
        "PluginInstance", "scan", tenant.namespace, until=lambda it: it["status"]["attempt"]["number"] == 2
    )
    assert item["status"]["attempt"]["uid"] == before["uid"]
    second.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["output"]["attempt"] == 2
    failed = "attempt 1: the program ended with exit code 3; attempt 2 follows"
    run.told(("Warning", "PluginFailed", failed), ("Normal", "Completed", "2 files, 9 bytes"))


@pytest.mark.parametrize(
    "fields",
    [("output",), ("conditions",), ("conditions", "attempt"), ("conditions", "attempt", "output", "id")],
    ids="-and-".join,
)
def test_what_a_run_has_achieved_is_not_done_again(tenant: Tenant, fields: tuple[str, ...]):
    """Neither by hand nor by accident: the committed output is what its children have read."""
    run = tenant.done("scan")
    run.await_clean()
    before = _lose(run, *fields)
    item = _until(run, id=before["id"], output=before["output"])
    run.until("Completed", "True")
    assert item["status"]["output"] == before["output"]
    assert tenant.leftovers() == {}, "no attempt was made"


def test_a_feed_keeps_the_number_that_its_runs_remember(tenant: Tenant):
    number = tenant.done("scan").status["feedId"]
    feed = tenant.admin.get("Feed", "scan", tenant.namespace)
    tenant.admin.set_status(feed, {"id": None})
    tenant.admin.wait("Feed", "scan", tenant.namespace, until=lambda it: it["status"].get("id") == number)


def test_a_plugin_deleted_under_a_run_is_not_missed_before_the_next_attempt(tenant: Tenant):
    name = f"pl-gone-{tenant.namespace}"
    item = plugin(name, maxMemoryLimit="500Mi")
    tenant.admin.apply(item)
    runs = {end: tenant.run(end, name, retries=1) for end in ("succeeds", "fails", "starts")}
    attempts = {end: run.attempt() for end, run in runs.items()}
    for end in ("succeeds", "fails"):
        attempts[end].runs()
        runs[end].until("Running")
    tenant.admin.delete(item)
    tenant.admin.wait_gone(item)
    attempts["starts"].runs()
    assert runs["starts"].until("Running") == "the program runs on node node-1"
    for end in ("succeeds", "starts"):
        attempts[end].succeeds(FILES)
        runs[end].until("Completed", "True")
    attempts["fails"].fails(3)
    assert runs["fails"].until("PluginFailed") == (
        "attempt 1: the program ended with exit code 3; attempt 2 follows"
    )
    assert f"apply a Plugin named {name}-1.0.0" in runs["fails"].until("PluginNotFound")
    tenant.admin.apply(item)
    runs["fails"].attempt(2).succeeds(FILES)
    runs["fails"].until("Completed", "True")
    tenant.admin.delete(item)


def test_a_job_deleted_when_its_pod_was_there_is_never_made_again(tenant: Tenant):
    """The pod may live on a node that does not answer: what it publishes must not meet another's."""
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.containers(stage_in=waiting("ContainerCreating"))
    assert "uid" not in run.status["attempt"]
    job = attempt.job
    tenant.remove(job)
    message = run.until("NodeLost")
    assert message == "attempt 1: its Job was deleted from outside; attempt 2 follows"
    run.heard("Warning", "NodeLost", message)
    second = run.attempt(2)
    assert second.prefix.endswith("/attempts/2/")
    second.succeeds(FILES)
    run.until("Completed", "True")
    attempt.vanishes()


def test_a_pod_deleted_by_hand_is_made_up_for(tenant: Tenant):
    run = _running(tenant)
    attempt = run.attempt()
    attempt.pod = tenant.admin.list("Pod", tenant.namespace)[0]
    attempt.containers(stage_in=ended(0, message=STAGED), plugin=ended(143), publish=ended(143))
    attempt.vanishes()
    message = run.until("NodeLost")
    assert message.endswith("attempt 2 follows")
    run.heard("Warning", "NodeLost", message)
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["failures"] == {"NodeLost": 1}


def test_the_data_wait_for_the_pod_of_an_older_attempt(tenant: Tenant):
    """Its node answers late; what it still publishes must not come after the data's removal."""
    run = _running(tenant)
    first = run.attempt()
    first.pod = tenant.admin.list("Pod", tenant.namespace)[0]
    first.job_fails("node gone")
    tenant.admin.delete(first.job)
    run.until("NodeLost")
    second = run.attempt(2)
    second.succeeds(FILES)
    run.until("Completed", "True")
    run.delete()
    tenant.admin.wait_gone(second.job)
    tenant.run("another").attempt()
    assert run.now()["metadata"]["finalizers"]
    assert any("/attempts/2/" in name for name in tenant.objects())
    first.vanishes()
    tenant.admin.wait_gone(run.created)
    assert not any("/attempts/2/" in name for name in tenant.objects())
