"""A Plugin that is deleted under its runs: what runs goes on to its end, what would start waits for it."""

import pytest
from tests.controller.tenant import FILES, VERSION, Tenant, plugin
from tests.kubeclient import Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def _registered(tenant: Tenant) -> Object:
    """A Plugin for one test alone."""
    limits = {"minMemoryLimit": "200Mi", "maxMemoryLimit": "500Mi"}
    return tenant.admin.create(plugin(f"pl-{tenant.namespace}", **limits))


def _absent(item: Object) -> str:
    name = item["spec"]["name"]
    return f"Plugin {name} {VERSION} is not registered on this cluster: apply a Plugin named {name}-{VERSION}"


def _remove(tenant: Tenant, item: Object) -> None:
    """Delete it, and return when the operator knows."""
    tenant.admin.delete(item)
    tenant.admin.wait_gone(item)
    witness = tenant.run("witness", item["spec"]["name"])
    assert witness.until("PluginNotFound") == _absent(item)
    witness.delete()


def test_the_attempt_under_way_goes_on_to_success(tenant: Tenant):
    item = _registered(tenant)
    run = tenant.run("scan", item["spec"]["name"])
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    _remove(tenant, item)
    run.change(title="look again")
    attempt.publishes()
    attempt.succeeds(FILES)
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    run.told(("Normal", "Completed", "2 files, 9 bytes"))
    run.await_clean()
    assert tenant.leftovers() == {}


@pytest.mark.parametrize(
    ("code", "word", "reason"),
    [(3, "", "PluginFailed"), (137, "OOMKilled", "OutOfMemory")],
    ids=["failed", "memory"],
)
def test_the_next_attempt_waits_until_it_is_back(tenant: Tenant, code: int, word: str, reason: str):
    item = _registered(tenant)
    run = tenant.run("scan", item["spec"]["name"], retries=1)
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    _remove(tenant, item)
    attempt.fails(code, reason=word)
    assert run.until(reason, attempt=1).endswith("; attempt 2 follows")
    assert run.until("PluginNotFound", attempt=1) == _absent(item)
    run.heard("Normal", "PluginNotFound", _absent(item))
    again = tenant.admin.create(plugin(item["spec"]["name"]))
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["failures"] == {reason: 1}
    tenant.admin.delete(again)
