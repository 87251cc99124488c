"""Numbers name places in Swift: none is given twice, whatever was lost; and Swift belongs to one cluster."""

from collections.abc import Callable

import pytest
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import Client

from chris_operator.controller.ids import CONFIG_MAP, MARKS
from chris_operator.controller.root import OWNER
from chris_operator.storage import Storage

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
FOREIGN = "11111111-2222-3333-4444-555555555555"


def _number(tenant: Tenant, name: str) -> int:
    run = tenant.run(name, "pl-unknown")
    run.until("PluginNotFound")
    return int(run.status["id"])


def test_numbers_follow_each_other(tenant: Tenant):
    first = _number(tenant, "a")
    assert [_number(tenant, name) for name in "bcd"] == [first + 1, first + 2, first + 3]


def test_the_built_in_plugin_is_number_one_whoever_came_first(tenant: Tenant):
    ids = {
        each["metadata"]["name"]: each["status"]["id"]
        for each in tenant.admin.list("Plugin")
        if each.get("status")
    }
    assert ids["pl-dircopy-2.1.2"] == 1
    assert len(set(ids.values())) == len(ids)


def _config_map(admin: Client, _storage: Storage) -> None:
    admin.delete(admin.get("ConfigMap", CONFIG_MAP, "chris-system"))


def _marks(_admin: Client, storage: Storage) -> None:
    storage.delete(MARKS)


def _resources(admin: Client, _storage: Storage) -> None:
    for run in admin.list("PluginInstance"):
        admin.patch(run, {"metadata": {"finalizers": []}})
        admin.delete(run)


@pytest.mark.parametrize("lose", [_config_map, _marks, _resources], ids=lambda lose: lose.__name__.strip("_"))
def test_no_number_returns_after_a_restart(
    tenant: Tenant, operator: Operator, lose: Callable[[Client, Storage], None]
):
    before = _number(tenant, "a")
    operator.stop()
    lose(tenant.admin, tenant.storage)
    operator.start()
    after = _number(tenant, "b")
    assert after > before
    assert tenant.storage.get_json(MARKS)["plugininstances"] >= after
    assert int(tenant.admin.get("ConfigMap", CONFIG_MAP, "chris-system")["data"]["plugininstances"]) >= after


def test_another_clusters_swift_is_refused_until_adopted(tenant: Tenant, operator: Operator):
    before = _number(tenant, "a")
    here = tenant.admin.get("Namespace", "kube-system")["metadata"]["uid"]
    assert tenant.storage.get_json(OWNER) == {"cluster": here}
    operator.stop()
    tenant.storage.put_json(OWNER, {"cluster": FOREIGN})
    run = tenant.run("late")
    operator.start()
    code, said = operator.await_exit()
    words = (
        f"this Swift container belongs to cluster {FOREIGN}, and this is cluster {here}: if that "
        f"cluster is gone, start the operator with --adopt-swift-root={FOREIGN}"
    )
    assert (code, said) == (1, words)
    assert not run.status
    operator.start(f"--adopt-swift-root={FOREIGN}")
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["id"] > before
    assert tenant.storage.get_json(OWNER) == {"cluster": here, "adoptedFrom": FOREIGN}
