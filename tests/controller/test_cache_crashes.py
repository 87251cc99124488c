"""The operator is killed while an output is used again or joined, and while a run is deleted that others refer to."""

from collections.abc import Callable

import pytest
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.tenant import Run, Tenant
from tests.controller.test_cache import again, gone, place, ran

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
HOLD_SECONDS = 60.0
PODLESS = ("PATCH plugininstances", "PATCH plugininstances/status", "POST events")
"""Every write of a run that needs no pod."""
BLOWS = pytest.mark.parametrize(
    "blow", [Blow.BEFORE, Blow.AFTER], ids=lambda blow: blow.value.replace(" ", "-")
)


def _of(namespace: str, name: str, what: str) -> Callable[[Write], bool]:
    """Pick out a write about a run by its name, though it does not exist yet."""

    def wanted(write: Write) -> bool:
        about = write.body.get("involvedObject", {}).get("name") if isinstance(write.body, dict) else None
        path = f"{write.path}/"
        ours = f"/namespaces/{namespace}/" in path and (f"/{name}/" in path or about == name)
        return ours and write.what == what

    return wanted


def _join(tenant: Tenant) -> Run:
    return tenant.run("again", "pl-topologicalcopy:1.0.12", ["smooth"])


@BLOWS
@pytest.mark.parametrize(
    ("begin", "reason", "words"),
    [(again, "CacheHit", "2 files, 9 bytes, as run "), (_join, "Completed", "2 files, 9 bytes, linked")],
    ids=["hit", "join"],
)
def test_killed_at_every_write_of_a_run_without_a_pod(
    operator: Operator,
    new_tenant: Callable[[], Tenant],
    gateway: Gateway,
    blow: Blow,
    begin: Callable[[Tenant], Run],
    reason: str,
    words: str,
):
    tenants = [new_tenant() for _ in PODLESS]
    for each in tenants:
        each.done("scan")
        ran(each, "smooth")
    holds = [
        gateway.ambush(Ambush(_of(each.namespace, "again", what), blow))
        for each, what in zip(tenants, PODLESS, strict=True)
    ]
    runs = [begin(each) for each in tenants]
    for hold, what in zip(holds, PODLESS, strict=True):
        assert hold.wait(HOLD_SECONDS), what
    operator.kill()
    operator.start()
    for run, what in zip(runs, PODLESS, strict=True):
        assert run.until(reason, "True").startswith(words), what
        assert run.tenant.await_stored(f"{place(run)}manifest"), what
        found = [name for name in run.tenant.objects() if name.startswith(place(run))]
        assert found == [f"{place(run)}attempts/1/manifest", f"{place(run)}manifest"], what
        assert run.tenant.admin.list("Job", run.tenant.namespace, **_jobs_of(run)) == [], what


def _jobs_of(run: Run) -> dict[str, str]:
    return {"labelSelector": f"chrisproject.org/run-uid={run.uid}"}


@BLOWS
@pytest.mark.parametrize("what", ["POST configmaps", "PATCH plugininstances"])
def test_killed_while_a_run_is_deleted_that_others_refer_to(
    operator: Operator, tenant: Tenant, gateway: Gateway, what: str, blow: Blow
):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    data, run = place(first), again(tenant)
    run.until("CacheHit", "True")
    about = _of("chris-system", "configmaps", what)
    wanted = about if what == "POST configmaps" else _of(tenant.namespace, "smooth", what)
    hold = gateway.ambush(Ambush(wanted, blow))
    first.delete()
    assert hold.wait(HOLD_SECONDS)
    operator.kill()
    operator.start()
    tenant.admin.wait_gone(first.created)
    assert f"{data}attempts/1/pack-0" in tenant.objects()
    run.delete()
    tenant.admin.wait_gone(run.created)
    gone(tenant, data)
