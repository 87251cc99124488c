"""After all the other tests: of runs that have ended only their data are left, of runs that are gone nothing is."""

import time

import pytest
from tests.apiserver import POLL_SECONDS
from tests.controller.operator_process import Operator
from tests.controller.tenant import Tenant
from tests.kubeclient import Client, Object, condition
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


PATIENCE = 60.0
OURS = {"labelSelector": "chrisproject.org/run-uid"}


def _run_of(item: Object) -> str:
    return str(item["metadata"]["labels"]["chrisproject.org/run-uid"])


def _left(admin: Client) -> list[Object]:
    """Jobs, Secrets and pods of runs that are not under way."""
    found = [item for kind in ("Job", "Secret", "Pod") for item in admin.list(kind, **OURS)]
    runs = admin.list("PluginInstance")
    going = {run["metadata"]["uid"] for run in runs if condition(run, "Succeeded").get("status") == "Unknown"}
    return [item for item in found if _run_of(item) not in going]


def test_jobs_secrets_and_pods_of_ended_runs_are_gone(
    operator: Operator, admin: Client, tenants: list[Tenant]
):
    assert operator.running
    deadline = time.monotonic() + PATIENCE
    while (left := _left(admin)) and time.monotonic() < deadline:
        for namespace in {item["metadata"]["namespace"] for item in left}:
            Tenant(
                admin, tenants[0].storage, namespace, ""
            ).collect()  # a rival's namespace is no one's fixture
        time.sleep(POLL_SECONDS)
    assert [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in left] == []


def _left_behind(admin: Client) -> list[str]:
    """Places of runs that are gone, and to whose data others refer."""
    maps = admin.list("ConfigMap", "chris-system")
    found = [each.get("data") or {} for each in maps if each["metadata"]["name"] == "chris-tombstones"]
    return [place for data in found for place in data.values()]


def test_everything_in_swift_belongs_to_a_run(operator: Operator, admin: Client, tenants: list[Tenant]):
    assert operator.running
    users = {tenant.user: {f"home/{tenant.user}/uploads/"} for tenant in tenants}
    for run in admin.list("PluginInstance"):
        status = run.get("status", {})
        if status.get("user") in users and "feedId" in status:
            place = f"home/{status['user']}/feeds/feed_{status['feedId']}/runs/{status['id']}/"
            users[status["user"]].add(place)
    for place in _left_behind(admin):
        users.get(place.split("/")[1], set()).add(place)
    for user, places in users.items():
        names = [each.name for each in tenants[0].storage.list(f"home/{user}/")]
        assert [name for name in names if not name.startswith(tuple(places))] == []


def test_every_number_was_given_once(operator: Operator, admin: Client):
    assert operator.running
    for kind in ("PluginInstance", "Feed"):
        numbers = [item["status"]["id"] for item in admin.list(kind) if "id" in item.get("status", {})]
        assert len(numbers) == len(set(numbers))


def test_every_line_of_the_log_is_json_and_none_tells_a_secret(operator: Operator, swift: SwiftServer):
    """All that was said while the other tests had their way with it, by all processes that they killed."""
    lines = operator.said()
    assert lines
    for line in lines:
        assert line.keys() >= {"time", "level", "logger", "message"}
        assert ("attempt" not in line) or "run" in line
    assert any(line.get("attempt") == 1 and "/" in line["run"] for line in lines)
    text = operator.log.read_text()
    assert swift.credentials["ST_KEY"] not in text
    assert "temp_url_sig=" not in text.replace("temp_url_sig=***", "")
