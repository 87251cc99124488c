"""Runs that ask for what is not there or not theirs: they wait or are refused, by name, and take nothing else."""

from collections.abc import Callable

import pytest
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import ApiError

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def _absent(name: str, tenant: Tenant) -> str:
    return f"previous names {name}, and namespace {tenant.namespace} has no such PluginInstance yet"


def _looked_at_again(run: Run) -> None:
    """The operator has decided about the run once more, with all that it knows now."""
    run.change(title="look again")
    run.admin.wait(
        "PluginInstance",
        run.name,
        run.tenant.namespace,
        until=lambda item: item["status"]["observedGeneration"] == item["metadata"]["generation"],
    )


def test_a_parent_that_never_appears_is_waited_for_by_name(tenant: Tenant):
    child = tenant.run("child", "pl-ds", ["ghost"])
    words = _absent("ghost", tenant)
    assert child.until("ParentNotFound") == words
    child.told(("Normal", "ParentNotFound", words))
    tenant.done("other")
    _looked_at_again(child)
    assert child.until("ParentNotFound") == words
    assert not child.ended
    child.change(cancel=True)
    child.until("Cancelled", "False")
    status = child.status
    assert "attempt" not in status
    assert not any(f"/runs/{status['id']}/" in name for name in tenant.objects())


def test_another_namespaces_run_is_no_parent(tenant: Tenant, new_tenant: Callable[[], Tenant]):
    """Not by its name alone, nor by one that says where it is."""
    neighbour = new_tenant()
    neighbour.done("scan")
    child = tenant.run("child", "pl-ds", ["scan"])
    words = _absent("scan", tenant)
    assert child.until("ParentNotFound") == words
    child.told(("Normal", "ParentNotFound", words))
    _looked_at_again(child)
    assert not child.ended
    assert tenant.leftovers() == {}
    for name in (f"{neighbour.namespace}/scan", f"{neighbour.namespace}:scan"):
        with pytest.raises(ApiError) as refused:
            tenant.run("thief", "pl-ds", [name])
        assert refused.value.code == 422
        assert f'spec.previous[0]: Invalid value: "{name}"' in refused.value.message
    # The one of this namespace is meant, once it is there.
    own = tenant.done("scan")
    assert child.attempt().stage_job.inputs[0].digest == own.status["output"]["digest"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"size": 2}, "(size)"),
        ({"word": "b"}, "(word)"),
        ({"size": None}, "(size)"),
        ({"size": "1"}, "(size)"),
    ],
    ids=["changed", "added", "removed", "retyped"],
)
def test_parameters_stay_as_they_were_when_the_run_began(
    tenant: Tenant, change: dict[str, object], named: str
):
    run = tenant.run("scan", parameters={"size": 1})
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    with pytest.raises(ApiError) as refused:
        run.change(parameters=change)
    for words in ("spec.parameters cannot change after creation", named, "create another PluginInstance"):
        assert words in refused.value.message
    assert run.now()["spec"]["parameters"] == {"size": 1}
    assert run.attempt().job["metadata"]["uid"] == attempt.job["metadata"]["uid"]
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    run.told(("Normal", "Completed", "2 files, 9 bytes"))


REFUSALS = {
    "quota": (
        "forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4",
        "ask for less, end other runs, or have an administrator raise ResourceQuota small of namespace {}",
    ),
    "limit-range": (
        "forbidden: maximum memory usage per Container is 32Mi, but limit is 200Mi",
        (
            "ask for what the LimitRanges of namespace {} allow, or have an administrator widen them "
            "(they hold for stage-in and publish, too)"
        ),
    ),
    "pod-security": (
        'forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true)',
        (
            "runs keep to the strictest Pod Security, so something changed this pod: an administrator must keep "
            "injectors and mutating policies off namespace {}"
        ),
    ),
    "webhook": (
        'forbidden: admission webhook "sundays.example.org" denied the request: no pods on Sundays',
        "have an administrator mend namespace {} or the policies that hold there",
    ),
    "quota-of-zero": (
        "forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0",
        "ask for less, end other runs, or have an administrator raise ResourceQuota none of namespace {}",
    ),
}
"""The cluster's words, and the remedy that follows them."""


@pytest.mark.parametrize(("said", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_pod_is_waited_for(tenant: Tenant, said: str, remedy: str):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.job_complains(f'pods "scan-1-x7k2p" is {said}')
    words = f"{said}: {remedy.format(tenant.namespace)}"
    assert run.until("PodRejected") == words
    run.told(("Warning", "PodRejected", words))
    run.change(cancel=True)
    run.until("Cancelled", "False")
    tenant.admin.wait_gone(attempt.job)
    tenant.admin.wait_gone(attempt.secret)
    assert tenant.objects() == []
