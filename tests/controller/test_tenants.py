"""Namespaces are tenants: what is nobody's is left alone, what two claim goes to the older."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def _nobody(namespace: str) -> str:
    return (
        f"namespace {namespace} works for no user: an administrator must label it "
        "chrisproject.org/user=<user> before runs start here"
    )


def test_in_a_namespace_of_nobody_only_that_is_written(tenant: Tenant, gateway: Gateway):
    # Born without a label: until it heard that one was taken away, the operator would serve it.
    name = tenant.admin.namespace()
    tenant = replace(tenant, namespace=name, user=f"user-{name}")
    run = tenant.run("scan", feed="study")
    assert run.until("NotATenant") == _nobody(tenant.namespace)
    # The operator learns of the Feeds before it does of `later`.
    tenant.feed("study")
    tenant.feed("empty")
    later = tenant.run("later", feed="study")
    later.until("NotATenant")
    for each in (run, later):
        each.told(("Normal", "NotATenant", _nobody(tenant.namespace)))
    assert gateway.writes_about(tenant.namespace) == ["PATCH plugininstances/status", "POST events"] * 2
    later.delete()
    status = run.status
    assert "id" not in status
    assert "finalizers" not in run.now()["metadata"]
    assert "status" not in tenant.admin.get("Feed", "study", tenant.namespace)
    tenant.label(tenant.user)
    tenant.admin.wait("Feed", "empty", tenant.namespace, until=lambda feed: feed.get("status", {}).get("id"))
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")


def test_a_label_taken_away_stops_what_has_not_begun(tenant: Tenant):
    done = tenant.done("scan")
    tenant.label(None)
    waiting = tenant.run("smooth", "pl-ds", ["scan"])
    assert waiting.until("NotATenant") == _nobody(tenant.namespace)
    assert done.until("Completed", "True")
    done.delete()
    tenant.admin.wait_gone(done.created)
    assert tenant.objects() == [], "the home of a user is cleaned up after he lost his namespace"


def test_two_namespaces_claim_one_user(tenant: Tenant):
    admin, others = tenant.admin, [tenant.namespace, tenant.admin.namespace(tenant.user)]

    def age(name: str) -> tuple[str, str]:
        return admin.get("Namespace", name)["metadata"]["creationTimestamp"], name

    first, second = (Tenant(admin, tenant.storage, name, tenant.user) for name in sorted(others, key=age))
    refused = second.run("scan")
    words = (
        f"namespace {second.namespace} claims user {tenant.user!r}, whose home belongs to the older "
        f"namespace {first.namespace}: an administrator must change one of the two labels"
    )
    assert refused.until("TenantConflict") == words
    refused.told(("Normal", "TenantConflict", words))
    assert "id" not in refused.status
    first.done("scan")
    first.label(None)
    refused.attempt().succeeds(FILES)
    refused.until("Completed", "True")
    assert second.objects() != []


def test_runs_are_fenced_in_and_what_is_changed_there_is_put_back(tenant: Tenant, operator: Operator):
    tenant.run("first").attempt()
    made = {each["metadata"]["name"]: each for each in tenant.admin.list("NetworkPolicy", tenant.namespace)}
    assert set(made) == {"chris-runs", "chris-runs-egress"}
    spec = made["chris-runs"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec, "nobody reaches a run"
    assert spec["egress"][1]["ports"] == [{"protocol": "TCP", "port": urlsplit(tenant.storage.url).port}]
    tenant.admin.patch(made["chris-runs"], {"spec": {"policyTypes": ["Ingress"]}})
    tenant.admin.delete(made["chris-runs-egress"])
    operator.kill()
    operator.start()
    tenant.run("second").attempt()
    again = {
        each["metadata"]["name"]: each["spec"]
        for each in tenant.admin.list("NetworkPolicy", tenant.namespace)
    }
    assert again == {name: each["spec"] for name, each in made.items()}


def test_a_namespace_may_be_applied_together_with_its_first_run(tenant: Tenant, gateway: Gateway):
    """Though the operator hears of the run first, nobody is told that it is no tenant."""
    user = f"{tenant.user}-late"
    with gateway.late("/namespaces"):
        late = Tenant(tenant.admin, tenant.storage, tenant.admin.namespace(user), user)
        run = late.run("scan", "pl-unknown")
        words = run.until("PluginNotFound")
    run.told(("Normal", "PluginNotFound", words))
    assert run.status["user"] == user
