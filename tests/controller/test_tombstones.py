"""A Swift that does not come back in time keeps nobody from deleting a run: its data are swept later."""

import pytest
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def test_data_that_could_not_be_removed_are_swept_when_swift_returns(
    tenant: Tenant, swift: SwiftServer, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    run = tenant.run("doomed")
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    below = f"home/{tenant.user}/feeds/feed_{run.status['feedId']}/runs/{run.status['id']}/"
    assert list(tenant.storage.list(below))
    monkeypatch.setitem(operator.environment, "CHRIS_GIVE_UP_SECONDS", "1")
    operator.stop()
    operator.start()
    tenant.run("proof").attempt()  # the new process has Swift's root in its hands
    swift.stop()
    try:
        run.delete()
        tenant.admin.wait_gone(run.created, seconds=60)
        remembered = tenant.admin.get("ConfigMap", "chris-tombstones", "chris-system")
        assert below in remembered["data"].values()
    finally:
        swift.start()
    monkeypatch.delitem(operator.environment, "CHRIS_GIVE_UP_SECONDS")
    operator.kill()
    operator.start()
    tenant.admin.wait(
        "ConfigMap",
        "chris-tombstones",
        "chris-system",
        until=lambda current: below not in (current.get("data") or {}).values(),
    )
    assert list(tenant.storage.list(below)) == []
