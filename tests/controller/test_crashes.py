"""The operator is killed between any two of its writes, and in every state; whoever comes next finishes the work."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from threading import Event

import pytest
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.pods import ended
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
HOLD_SECONDS = 60.0

WRITES = (
    "POST feeds",
    "PATCH feeds/status Numbered",
    "PATCH plugininstances",
    "PATCH plugininstances/status Scheduled",
    "PATCH networkpolicies",
    "POST secrets",
    "POST jobs",
    "PATCH plugininstances/status Running",
    "PATCH plugininstances/status Completed",
    "POST events Completed",
    "DELETE secrets",
    "DELETE jobs",
)
"""Every write of a plain run, in order, with the reason that it tells."""
UNTOLD = {
    ("PATCH plugininstances/status Completed", Blow.AFTER),
    ("POST events Completed", Blow.BEFORE),
}
"""Killed between a status and its Event, which then nobody tells: the status says the same."""
RUNNING = WRITES.index("PATCH plugininstances/status Running")


def _first(namespace: str, what: str) -> Callable[[Write], bool]:
    """Pick out the first write of a kind in a namespace."""

    def wanted(write: Write) -> bool:
        return f"/namespaces/{namespace}/" in write.path and f"{write.what} {write.reason}".strip() == what

    return wanted


def _drive(run: Run, at: int) -> None:
    """Play the pod as far as the run gets before the write at which it is held."""
    if at < RUNNING:
        return
    attempt = run.attempt()
    attempt.runs()
    if at > RUNNING:
        run.until("Running")
        attempt.succeeds(FILES)


@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER], ids=lambda blow: blow.value.replace(" ", "-"))
def test_killed_at_every_write(
    operator: Operator, admin: Client, new_tenant: Callable[[], Tenant], gateway: Gateway, blow: Blow
):
    tenants = [new_tenant() for _ in WRITES]
    holds = [
        gateway.ambush(Ambush(_first(tenant.namespace, what), blow))
        for tenant, what in zip(tenants, WRITES, strict=True)
    ]
    runs = [tenant.run("scan") for tenant in tenants]
    for at, run in enumerate(runs):
        _drive(run, at)
    for hold, write in zip(holds, WRITES, strict=True):
        assert hold.wait(HOLD_SECONDS), write
    operator.kill()
    operator.start()
    for run in runs:
        _finish(run)
    for run, write in zip(runs, WRITES, strict=True):
        assert run.until("Completed", "True") == "2 files, 9 bytes", write
        if (write, blow) not in UNTOLD:
            run.told(("Normal", "Completed", "2 files, 9 bytes"))
        status = run.status
        assert status["attempt"]["number"] == 1, write
        assert "failures" not in status, write
        run.await_clean()
        assert run.tenant.leftovers() == {}, write
        place = f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}"
        assert run.tenant.objects() == [
            *(f"{place}/attempts/1/{name}" for name in ("log", "manifest", "pack-0")),
            f"{place}/manifest",
        ], write
        assert len(admin.list("Feed", run.tenant.namespace)) == 1, write
    assert max(Counter(run.status["id"] for run in runs).values()) == 1
    assert max(Counter(run.status["feedId"] for run in runs).values()) == 1


def _finish(run: Run) -> None:
    """Play the pod to its end, unless it was there before."""
    pods = run.admin.list("Pod", run.tenant.namespace)
    if pods and pods[0]["status"]["phase"] == "Succeeded":
        return
    attempt = run.attempt()
    attempt.pod = pods[0] if pods else {}
    attempt.succeeds(FILES)


def test_what_happens_while_nobody_looks_is_seen_afterwards(operator: Operator, tenant: Tenant):
    """Killed in every state; meanwhile each run's world moves on."""
    waiting = tenant.run("waiting", feed="late")
    waiting.until("FeedNotFound")
    suspended = tenant.run("suspended", suspend=True)
    suspended.until("Suspended")
    names = ("scheduled", "staging", "running", "failing", "cancelled", "removed", "publishing")
    runs = {name: tenant.run(name, retries=1) for name in names}
    attempts = {name: run.attempt() for name, run in runs.items()}
    attempts["staging"].stages_in()
    for name in names[2:]:
        attempts[name].runs()
        runs[name].until("Running")
    ended_run = tenant.done("ended")
    operator.kill()

    tenant.feed("late")
    suspended.change(suspend=False)
    for name in ("scheduled", "staging", "running"):
        attempts[name].succeeds(FILES)
    attempts["failing"].fails(3)
    runs["cancelled"].change(cancel=True)
    runs["removed"].delete()
    attempts["publishing"].ends(ended(0), ended(75))
    place = f"home/{tenant.user}/feeds/feed_{ended_run.status['feedId']}/runs/{ended_run.status['id']}"
    tenant.storage.delete(f"{place}/manifest")
    late = tenant.run("late")
    operator.start()

    for name in ("failing", "publishing"):
        runs[name].attempt(2).succeeds(FILES)
    for run in (waiting, suspended, late):
        run.attempt().succeeds(FILES)
    for name in ("scheduled", "staging", "running", "failing", "publishing"):
        runs[name].until("Completed", "True")
    for run in (waiting, suspended, late):
        run.until("Completed", "True")
    runs["cancelled"].until("Cancelled", "False")
    attempts["removed"].vanishes()
    attempts["cancelled"].vanishes()
    tenant.admin.wait_gone(runs["removed"].created)
    for run in (*runs.values(), waiting, suspended, late, ended_run):
        run.await_clean()
    assert tenant.leftovers() == {}
    assert f"{place}/manifest" in tenant.objects(), "the copy of the manifest is made again"


def test_a_conflict_is_harmless(operator: Operator, tenant: Tenant, gateway: Gateway):
    """Somebody else writes to the run between the operator's look and its write, each time."""
    run_path = f"/namespaces/{tenant.namespace}/plugininstances/scan"
    item = {"kind": "PluginInstance", "metadata": {"name": "scan", "namespace": tenant.namespace}}
    numbers = count()

    def interfere() -> None:
        tenant.admin.patch(item, {"metadata": {"labels": {"n": f"x{next(numbers)}"}}})

    ambush = Ambush(lambda write: run_path in write.path, Blow.MEANWHILE, interfere)
    done = [gateway.ambush(replace(ambush, done=Event())) for _ in range(5)]
    run = tenant.run("scan")
    run.attempt().runs()
    run.until("Running")
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    assert all(each.is_set() for each in done)
    refused = [write for write in gateway.writes if run_path in write.path and write.status == 409]
    assert len(refused) == 5
    run.told(("Normal", "Completed", "2 files, 9 bytes"))
    assert run.status["attempt"]["number"] == 1
    assert operator.running
