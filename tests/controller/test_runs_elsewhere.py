"""Runs on another cluster, a real second API server: from creation to clean-up, and while the line to it is cut."""

from collections.abc import Callable, Iterator

import pytest
from tests.controller.elsewhere import NAMESPACE, Elsewhere, compute, secret
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import Client, Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
NAME = "moc"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another cluster."""
    with Elsewhere.running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def moc(admin: Client, operator_process: Operator, elsewhere: Elsewhere) -> Iterator[Object]:
    """The ComputeResource that leads there."""
    if not operator_process.running:
        operator_process.start()
    secret(admin, NAME, elsewhere.kubeconfig())
    item = compute(admin, NAME)
    admin.wait_condition(item, "Ready", status="True")
    yield item
    admin.delete(item)


@pytest.fixture
def there(tenant: Tenant, moc: Object) -> Tenant:
    """A tenant, once the other cluster can be used."""
    tenant.admin.wait_condition(moc, "Ready", status="True")
    return tenant


def _run(tenant: Tenant, name: str = "scan") -> Run:
    return tenant.run(name, computeResource=NAME)


def _lost(run: Run, moc: Object) -> str:
    run.admin.wait_condition(moc, "Ready", status="False", reason="Unreachable")
    return run.until("ComputeUnavailable")


def test_a_run_there_from_creation_to_clean_up(there: Tenant, elsewhere: Elsewhere, gateway: Gateway):
    run = _run(there)
    attempt = elsewhere.attempt(run)
    meta = attempt.job["metadata"]
    assert "ownerReferences" not in meta
    assert meta["labels"]["chrisproject.org/compute"] == NAME
    home = there.admin.get("Namespace", "kube-system")["metadata"]["uid"]
    assert meta["labels"]["chrisproject.org/cluster"] == home
    assert {each["metadata"]["name"] for each in elsewhere.admin.list("NetworkPolicy", NAMESPACE)} == {
        "chris-runs",
        "chris-runs-egress",
    }
    attempt.runs()
    run.until("Running")
    assert there.leftovers() == {}, "nothing of it is here"
    attempt.succeeds(FILES)
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    elsewhere.await_clean(run)
    assert gateway.writes_about(there.namespace) == [
        "POST feeds",
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "POST events",
    ]


def test_two_tenants_may_use_the_same_name(
    there: Tenant, elsewhere: Elsewhere, new_tenant: Callable[[], Tenant]
):
    runs = [_run(there, "same"), _run(new_tenant(), "same")]
    for run in runs:
        elsewhere.attempt(run).succeeds(FILES)
    for run in runs:
        run.until("Completed", "True")


def test_its_output_is_read_here(there: Tenant, elsewhere: Elsewhere):
    run = _run(there)
    elsewhere.attempt(run).succeeds(FILES)
    child = there.run("child", "pl-ds", ["scan"])
    attempt = child.attempt()
    assert len(attempt.stage_job.inputs) == 1
    attempt.succeeds(FILES)
    child.until("Completed", "True")


def test_a_run_without_a_pod_needs_no_other_cluster(there: Tenant, elsewhere: Elsewhere, moc: Object):
    there.storage.put(f"home/{there.user}/uploads/a.txt", b"alpha")
    with elsewhere.link.cut():
        there.admin.wait_condition(moc, "Ready", status="False", reason="Unreachable")
        run = there.run(
            "upload",
            "pl-dircopy:2.1.2",
            computeResource=NAME,
            parameters={"dir": f"home/{there.user}/uploads"},
        )
        run.until("Completed", "True")


def test_the_line_is_cut_before_it_starts(there: Tenant, elsewhere: Elsewhere, moc: Object):
    with elsewhere.link.cut():
        there.admin.wait_condition(moc, "Ready", status="False", reason="Unreachable")
        run = _run(there)
        assert run.until("ComputeUnavailable").startswith("cluster moc cannot be used: it does not answer")
        assert elsewhere.of_run(run) == []
    elsewhere.attempt(run).succeeds(FILES)
    run.until("Completed", "True")


def test_the_line_is_cut_while_it_runs_and_it_ends_unseen(there: Tenant, elsewhere: Elsewhere, moc: Object):
    run = _run(there)
    attempt = elsewhere.attempt(run)
    attempt.runs()
    run.until("Running")
    with elsewhere.link.cut():
        assert _lost(run, moc).endswith("; its attempt may go on there")
        attempt.succeeds(FILES)
    run.until("Completed", "True", attempt=1)


def test_the_line_is_cut_and_it_still_runs(there: Tenant, elsewhere: Elsewhere, moc: Object):
    run = _run(there)
    attempt = elsewhere.attempt(run)
    attempt.runs()
    run.until("Running")
    with elsewhere.link.cut():
        _lost(run, moc)
        since = run.now()["metadata"]["resourceVersion"]
    _await_reason(run, "Running", since)
    attempt.succeeds(FILES)
    run.until("Completed", "True", attempt=1)


def _await_reason(run: Run, reason: str, since: str) -> None:
    def reached(item: Object) -> bool:
        told = item["status"]["conditions"][0]
        return bool(told["reason"] == reason and int(item["metadata"]["resourceVersion"]) > int(since))

    run.admin.wait("PluginInstance", run.name, run.tenant.namespace, until=reached)


def test_it_is_cancelled_while_the_line_is_cut(there: Tenant, elsewhere: Elsewhere, moc: Object):
    run = _run(there)
    elsewhere.attempt(run).runs()
    run.until("Running")
    with elsewhere.link.cut():
        _lost(run, moc)
        run.change(cancel=True)
        run.until("Cancelled", "False")
        assert elsewhere.of_run(run) == ["Job", "Secret"]
    elsewhere.await_clean(run)


def test_it_is_deleted_while_the_line_is_cut(
    there: Tenant, elsewhere: Elsewhere, moc: Object, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    """It is let go after a while; what its pods write nevertheless is swept as long as they could write."""
    run = _run(there)
    attempt = elsewhere.attempt(run)
    attempt.runs()
    run.until("Running")
    below = f"home/{there.user}/feeds/feed_{run.status['feedId']}/runs/{run.status['id']}/"
    monkeypatch.setitem(operator.environment, "CHRIS_GIVE_UP_SECONDS", "1")
    operator.stop()
    operator.start()
    with elsewhere.link.cut():
        _lost(run, moc)
        run.delete()
        there.admin.wait_gone(run.created)
        assert elsewhere.of_run(run) == ["Job", "Secret"]
        attempt.write(FILES)
        assert there.objects() != []
    elsewhere.await_clean(run)
    monkeypatch.undo()
    operator.stop()
    operator.start()
    there.await_empty()
    remembered = there.admin.get("ConfigMap", "chris-tombstones", "chris-system")["data"].values()
    assert [text.split()[1] for text in remembered if text.endswith(below)] == [below], "until none can write"


def test_it_is_deleted_while_it_runs(there: Tenant, elsewhere: Elsewhere):
    run = _run(there)
    attempt = elsewhere.attempt(run)
    attempt.runs()
    run.until("Running")
    run.delete()
    elsewhere.await_clean(run)
    attempt.vanishes()
    there.admin.wait_gone(run.created)
    there.await_empty()


def test_the_operator_is_killed_while_it_runs(there: Tenant, elsewhere: Elsewhere, operator: Operator):
    run = _run(there)
    attempt = elsewhere.attempt(run)
    attempt.runs()
    run.until("Running")
    operator.kill()
    attempt.succeeds(FILES)
    operator.start()
    run.until("Completed", "True", attempt=1)


def test_what_belongs_to_no_run_is_swept_and_what_is_anothers_stays(
    there: Tenant, elsewhere: Elsewhere, moc: Object
):
    """A run was let go while its cluster could not be reached; somebody else's operator uses the namespace too."""
    run = _run(there)
    job = elsewhere.attempt(run).job
    labels = job["metadata"]["labels"]

    def stray(name: str, **changed: str) -> Object:
        meta = {"name": name, "namespace": NAMESPACE, "labels": labels | changed}
        spec = {"template": {"spec": job["spec"]["template"]["spec"]}, "backoffLimit": 0}
        return elsewhere.admin.create(
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}
        )

    nobody = {"chrisproject.org/run-uid": "11111111-0000-4000-8000-000000000000"}
    ours = stray("stray", **nobody)
    others = stray("others", **nobody | {"chrisproject.org/cluster": "22222222-0000-4000-8000-000000000000"})
    with elsewhere.link.cut():
        there.admin.wait_condition(moc, "Ready", status="False", reason="Unreachable")
    elsewhere.admin.wait_gone(ours)
    assert elsewhere.admin.get("Job", "others", NAMESPACE)["metadata"]["uid"] == others["metadata"]["uid"]
    elsewhere.attempt(run).succeeds(FILES)
    run.until("Completed", "True")
    elsewhere.admin.delete(others)


def test_its_namespace_there_has_a_quota_of_zero(there: Tenant, elsewhere: Elsewhere):
    quota: Object = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": NAMESPACE},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    made = elsewhere.admin.create(quota)
    elsewhere.admin.set_status(made, {"hard": quota["spec"]["hard"], "used": {"count/jobs.batch": "0"}})
    run = _run(there)
    assert "exceeded quota: none" in run.until("PodRejected")
    elsewhere.admin.delete(made)
    elsewhere.attempt(run).succeeds(FILES)
    run.until("Completed", "True")


@pytest.mark.parametrize("missing", ["not-there", "not-mine"])
def test_a_run_waits_for_a_cluster_that_takes_it(
    there: Tenant, admin: Client, elsewhere: Elsewhere, missing: str
):
    item = compute(admin, missing, users=["somebody"]) if missing == "not-mine" else None
    run = there.run("scan", computeResource=missing)
    run.until("ComputeNotFound")
    secret(admin, missing, elsewhere.kubeconfig())
    if item is None:
        item = compute(admin, missing)
    else:
        admin.patch(item, {"spec": {"users": [there.user]}})
    elsewhere.attempt(run).succeeds(FILES)
    run.until("Completed", "True")
    elsewhere.await_clean(run)
    admin.delete(item)
