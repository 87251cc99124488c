"""Swift goes away and comes back: what needs it waits and says so, what is under way is left to its pods."""

import pytest
from tests.controller.operator_process import Operator
from tests.controller.pods import ended
from tests.controller.tenant import FILES, Tenant
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def test_swift_away_for_a_while(tenant: Tenant, swift: SwiftServer, operator: Operator):
    tenant.storage.put(f"home/{tenant.user}/uploads/x/a", b"a")
    done, deleted = tenant.done("done"), tenant.done("deleted")
    under_way = tenant.run("under-way")
    attempt = under_way.attempt()
    attempt.runs()
    under_way.until("Running")
    written = attempt.write(FILES)
    swift.stop()
    try:
        attempt.ends(ended(0), ended(0, message=written.to_json()))
        deleted.delete()
        linked = tenant.run("linked", "pl-dircopy:2.1.2", parameters={"dir": f"home/{tenant.user}/uploads/x"})
        words = linked.until("StorageUnavailable")
        assert words.startswith("Swift cannot be reached (Swift: ")
        assert words.endswith("); tried again until it answers")
        linked.heard("Warning", "StorageUnavailable", words)
        operator.kill()
        operator.start()
        late = tenant.run("late")
        words = late.until("StorageUnavailable")
        assert words.startswith(
            "Swift cannot be reached (Swift: users: the root waits for its claim: Swift: users: "
        )
        late.heard("Warning", "StorageUnavailable", words)
        assert "id" not in late.status
        cancelled = tenant.run("cancelled", cancel=True)
        cancelled.until("Cancelled", "False")
        assert under_way.status["attempt"]["number"] == 1
        assert deleted.now()["metadata"]["deletionTimestamp"]
    finally:
        swift.start()
    under_way.until("Completed", "True")
    assert "failures" not in under_way.status
    linked.until("Completed", "True")
    late.attempt().succeeds(FILES)
    late.until("Completed", "True")
    tenant.admin.wait_gone(deleted.created)
    numbers = {run.status["id"] for run in (done, under_way, linked, late)}
    assert len(numbers) == 4
