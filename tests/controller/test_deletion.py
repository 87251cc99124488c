"""Deleting: first the pods, so that nothing writes any more; then the data; then the resource."""

import pytest
from tests.controller.tenant import FILES, Tenant

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def test_a_run_deleted_while_it_runs(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.write(FILES)
    attempt.runs()
    run.until("Running")
    run.delete()
    tenant.admin.wait_gone(attempt.job)
    tenant.admin.wait_gone(attempt.secret)
    assert run.now()["metadata"]["deletionTimestamp"], "the pod still writes"
    assert tenant.objects() != []
    attempt.vanishes()
    tenant.admin.wait_gone(run.created)
    assert tenant.objects() == []
    assert tenant.leftovers() == {}


def test_a_run_deleted_while_its_pod_hangs_on_a_dead_node(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.runs()
    run.delete()
    tenant.admin.wait_gone(attempt.job)
    tenant.admin.delete(attempt.pod, grace_seconds=1)
    tenant.admin.wait_gone(run.created)
    attempt.vanishes()
    assert tenant.objects() == []


@pytest.mark.parametrize("plugin", ["pl-fs", "pl-unknown"], ids=["scheduled", "waiting"])
def test_a_run_deleted_before_it_runs(tenant: Tenant, plugin: str):
    run = tenant.run("scan", plugin)
    if plugin == "pl-fs":
        run.attempt()
    else:
        run.until("PluginNotFound")
    run.delete()
    tenant.admin.wait_gone(run.created)
    assert tenant.leftovers() == {}


def test_a_run_deleted_after_its_end_takes_its_data_with_it_and_no_others(tenant: Tenant):
    runs = [tenant.done(f"scan-{number}") for number in range(2)]
    runs[0].delete()
    tenant.admin.wait_gone(runs[0].created)
    assert {name.split("/")[3] for name in tenant.objects()} == {f"feed_{runs[1].status['feedId']}"}


def test_a_feed_deleted_takes_its_runs_with_it(tenant: Tenant):
    scan = tenant.done("scan")
    child = tenant.run("smooth", "pl-ds", ["scan"])
    attempt = child.attempt()
    attempt.runs()
    child.until("Running")
    tenant.remove(tenant.admin.get("Feed", "scan", tenant.namespace))
    tenant.collect()
    tenant.admin.wait_gone(attempt.job)
    tenant.collect()
    for run in (scan, child):
        tenant.admin.wait_gone(run.created)
    tenant.collect()
    assert tenant.leftovers() == {}
    assert tenant.objects() == []
    assert tenant.admin.list("Feed", tenant.namespace) == [], "no run makes its Feed again on its way out"


def test_a_name_may_be_used_again(tenant: Tenant):
    first = tenant.done("scan")
    number = first.status["id"]
    first.delete()
    tenant.admin.wait_gone(first.created)
    second = tenant.done("scan")
    assert second.status["id"] > number


def test_a_deleted_parent_is_missed(tenant: Tenant):
    parent = tenant.done("scan")
    parent.delete()
    tenant.admin.wait_gone(parent.created)
    assert tenant.run("smooth", "pl-ds", ["scan"]).until("ParentNotFound").startswith("previous names scan")
