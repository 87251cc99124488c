"""TempURLs outlive neither their need nor their time: those of a living attempt are renewed at half their life."""

import base64
import json

import pytest
import requests
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]

LIFETIME = 6


def order(secret: Object) -> Object:
    """What the attempt's containers are told to move."""
    found: Object = json.loads(base64.b64decode(secret["data"]["job.json"]))
    return found


def test_a_living_attempts_urls_are_renewed(
    tenant: Tenant, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(operator.environment, "CHRIS_URL_LIFETIME_SECONDS", str(LIFETIME))
    operator.stop()
    operator.start()
    parent = tenant.done("parent")
    tenant.storage.put(f"home/{tenant.user}/uploads/atlas/a", b"a")
    atlas = {"atlas": f"home/{tenant.user}/uploads/atlas"}
    run = tenant.run("long", "pl-reads", previous=[parent.name], parameters=atlas)
    attempt = run.attempt()
    attempt.runs()
    first = tenant.admin.get("Secret", "long-1", tenant.namespace)
    version = first["metadata"]["resourceVersion"]
    renewed = tenant.admin.wait(
        "Secret",
        "long-1",
        tenant.namespace,
        until=lambda secret: secret["metadata"]["resourceVersion"] != version,
    )
    before, after = order(first), order(renewed)
    assert [grant["prefix"] for grant in after["get"]] == [grant["prefix"] for grant in before["get"]]
    assert after["inputs"] == before["inputs"]
    assert len(after["inputs"]) == 2
    assert after["put"]["query"] != before["put"]["query"]
    for each in after["inputs"]:
        path = each["manifest"]["path"]
        query = next(grant["query"] for grant in after["get"] if path.startswith(grant["prefix"]))
        assert requests.get(f"{after['swift']['url']}{path}?{query}", timeout=10).status_code == 200
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    monkeypatch.delitem(operator.environment, "CHRIS_URL_LIFETIME_SECONDS")
    operator.stop()
    operator.start()
