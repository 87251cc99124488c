"""An equal earlier success of the same tenant serves: no pod, the same bytes, and the run that wrote them is named."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.pods import IMAGE_ID, Attempt
from tests.controller.tenant import FILES, Run, Tenant, plugin
from tests.kubeclient import Object, condition

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
OTHER_IMAGE = "sha256:" + "2" * 64


def place(run: Run) -> str:
    """A run's directory in Swift."""
    status = run.status
    return f"home/{status['user']}/feeds/feed_{status['feedId']}/runs/{status['id']}/"


def cacheable(tenant: Tenant, name: str = "pl-ds", truth: str = "True") -> Object:
    """The Plugin's condition Cacheable as soon as it has this status."""
    item = tenant.admin.wait(
        "Plugin", f"{name}-1.0.0", until=lambda found: condition(found, "Cacheable").get("status") == truth
    )
    return condition(item, "Cacheable")


def ran(
    tenant: Tenant, name: str, parent: str = "scan", files: Mapping[str, bytes] = FILES, **spec: Any
) -> Run:
    """A run of pl-ds that had a pod, and whose image its Plugin tells."""
    run = tenant.run(name, "pl-ds", [parent], **{"cache": None, **spec})
    run.attempt().succeeds(files)
    run.until("Completed", "True")
    cacheable(tenant)
    return run


def again(tenant: Tenant, name: str = "again", parent: str = "scan", **spec: Any) -> Run:
    """The same run once more."""
    return tenant.run(name, "pl-ds", [parent], **{"cache": None, **spec})


def starts(run: Run) -> Attempt:
    """The run has a pod of its own, and succeeds."""
    attempt = run.attempt()
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    return attempt


def test_an_equal_run_of_another_feed_serves(tenant: Tenant, gateway: Gateway):
    tenant.done("scan")
    first = ran(tenant, "smooth", parameters={"level": 1})
    tenant.done("other-scan")
    run = again(tenant, parent="other-scan", parameters={"level": 1.0, "size": 1})
    told, status = run.until("CacheHit", "True"), run.status
    origin = first.status
    assert told == f"2 files, 9 bytes, as run {origin['id']} (smooth of Feed scan) wrote them"
    run.told(("Normal", "CacheHit", told))
    hit = {"id": origin["id"], "name": "smooth", "feed": "scan", "completionTime": origin["completionTime"]}
    assert (status["cacheHit"], status["references"]) == (hit, [origin["id"]])
    assert status["output"] == origin["output"]
    assert (status["image"], status["cacheKey"]) == (origin["image"], origin["cacheKey"])
    assert "attempt" not in status
    assert not [each for each in tenant.leftovers().get("Job", []) if each.startswith("again")]
    manifest = tenant.storage.get(f"{place(first)}attempts/1/manifest")[0]
    for name in ("manifest", "attempts/1/manifest"):
        assert tenant.await_stored(place(run) + name) == manifest
    writes = ["PATCH plugininstances", "PATCH plugininstances/status", "POST events"]
    assert [each.what for each in gateway.writes if _is_about(each, run)] == writes


def _is_about(write: Write, run: Run) -> bool:
    """Whether a write is to a run, or an Event about it."""
    about = write.body.get("involvedObject", {}) if isinstance(write.body, dict) else {}
    name = f"/namespaces/{run.tenant.namespace}/plugininstances/{run.name}"
    return f"{write.path}/".find(f"{name}/") >= 0 or about.get("uid") == run.uid


def test_a_child_reads_what_the_hit_refers_to(tenant: Tenant):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    again(tenant).until("CacheHit", "True")
    child = tenant.run("below", "pl-ds", ["again"])
    attempt = child.attempt()
    granted = {tenant.storage.name(grant.prefix) for grant in attempt.stage_job.get}
    assert f"{place(first)}attempts/1/" in granted
    attempt.succeeds(FILES)
    child.until("Completed", "True")


@pytest.mark.parametrize("cache", ["refresh", "off"])
def test_who_asks_for_it_runs_again(tenant: Tenant, cache: str):
    tenant.done("scan")
    ran(tenant, "smooth")
    fresh = again(tenant, "fresh", cache=cache)
    starts(fresh)
    last = again(tenant)
    last.until("CacheHit", "True")
    assert last.status["cacheHit"]["name"] == {"refresh": "fresh", "off": "smooth"}[cache]


def test_what_starts_an_analysis_serves_only_who_asks_for_it(tenant: Tenant):
    starts(tenant.run("one", cache=None))
    cacheable(tenant, "pl-fs")
    starts(tenant.run("two", cache=None))
    tenant.run("three", cache="use").until("CacheHit", "True")


def test_nothing_is_shared_between_tenants(tenant: Tenant, new_tenant: Callable[[], Tenant]):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    other = new_tenant()
    other.done("scan")
    run = again(other, "smooth")
    starts(run)
    assert run.status["cacheKey"] != first.status["cacheKey"]


def test_other_parameters_recompute_only_what_changed(tenant: Tenant):
    """root → smooth → measure, run again from smooth on: what smooth writes decides about measure."""
    tenant.done("scan")
    measure = {"parameters": {"word": "volume"}}
    ran(tenant, "smooth")
    ran(tenant, "measure", "smooth", {"volume": b"1"}, **measure)
    ran(tenant, "smooth-2", parameters={"size": 2})
    again(tenant, "measure-2", "smooth-2", **measure).until("CacheHit", "True")
    ran(tenant, "smooth-3", files={"a.txt": b"other"}, parameters={"size": 3})
    starts(again(tenant, "measure-3", "smooth-3", **measure))


def test_a_hit_serves_others_and_names_who_really_ran(tenant: Tenant):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    number = first.status["id"]
    again(tenant, "second").until("CacheHit", "True")
    first.delete()
    tenant.admin.wait_gone(first.created)
    third = again(tenant, "third")
    third.until("CacheHit", "True")
    assert third.status["cacheHit"]["name"] == "smooth"
    assert third.status["references"] == [number]


def test_the_operator_remembers_after_a_restart(tenant: Tenant, operator: Operator):
    tenant.done("scan")
    ran(tenant, "smooth")
    operator.kill()
    operator.start()
    again(tenant).until("CacheHit", "True")


def test_two_images_behind_one_tag_end_it(tenant: Tenant):
    name = f"pl-moved-{tenant.namespace}"
    tenant.admin.apply(plugin(name, "ds"))
    tenant.done("scan")
    starts(tenant.run("one", name, ["scan"], cache=None))
    cacheable(tenant, name)
    tenant.run("two", name, ["scan"], cache=None).until("CacheHit", "True")
    moved = tenant.run("three", name, ["scan"], cache="refresh")
    attempt = moved.attempt()
    attempt.image_id = OTHER_IMAGE
    attempt.succeeds(FILES)
    moved.until("Completed", "True")
    told = cacheable(tenant, name, "False")
    assert told["reason"] == "ImageChanged"
    image = attempt.container("plugin")["image"]
    assert all(word in told["message"] for word in (image, IMAGE_ID, OTHER_IMAGE))
    assert "register it as a new version" in told["message"]
    starts(tenant.run("four", name, ["scan"], cache=None))


def test_a_program_that_reaches_the_world_is_run_again(tenant: Tenant):
    tenant.done("scan")
    starts(tenant.run("one", "pl-world", ["scan"], cache=None))
    assert cacheable(tenant, "pl-world", "False")["reason"] == "NetworkEgress"
    second = tenant.run("two", "pl-world", ["scan"], cache=None)
    starts(second)
    assert "cacheKey" not in second.status


DAMAGE: dict[str, Callable[[Tenant, str], None]] = {
    "a-pack-is-gone": lambda t, at: t.storage.delete(f"{at}pack-0"),
    "a-pack-is-shorter": lambda t, at: _put(t, f"{at}pack-0", b"short"),
    "the-manifest-is-gone": lambda t, at: t.storage.delete(f"{at}manifest"),
    "the-manifest-is-no-gzip": lambda t, at: _put(t, f"{at}manifest", b"flipped"),
}


def _put(tenant: Tenant, name: str, data: bytes) -> None:
    tenant.storage.put(name, data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_output_that_is_not_whole_any_more_does_not_serve(tenant: Tenant, damage: str):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    DAMAGE[damage](tenant, f"{place(first)}attempts/1/")
    starts(again(tenant))


def test_the_manifest_of_another_output_does_not_serve(tenant: Tenant):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    other = ran(tenant, "another", files={"x": b"y"}, parameters={"size": 9})
    data, _ = tenant.storage.get(f"{place(other)}attempts/1/manifest")
    tenant.storage.put(f"{place(first)}attempts/1/manifest", data)
    starts(again(tenant))


def test_a_failed_run_serves_nobody(tenant: Tenant):
    tenant.done("scan")
    failed = again(tenant, "failed")
    failed.attempt().fails(3, FILES)
    failed.until("PluginFailed", "False")
    starts(again(tenant))


def test_data_that_others_refer_to_outlive_their_run(tenant: Tenant):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    run = again(tenant)
    run.until("CacheHit", "True")
    data = place(first)
    first.delete()
    tenant.admin.wait_gone(first.created)
    assert f"{data}attempts/1/pack-0" in tenant.objects()
    starts(tenant.run("below", "pl-ds", ["again"]))
    run.delete()
    tenant.admin.wait_gone(run.created)
    gone(tenant, data)


def gone(tenant: Tenant, data: str) -> None:
    """Return when a directory is swept: its line in the ConfigMap goes last."""
    tenant.admin.wait(
        "ConfigMap",
        "chris-tombstones",
        "chris-system",
        until=lambda found: not any(each.startswith(data) for each in (found.get("data") or {}).values()),
    )
    assert [name for name in tenant.objects() if name.startswith(data)] == []


def test_the_source_is_deleted_while_its_output_is_adopted(tenant: Tenant, gateway: Gateway):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    data = place(first)

    def remove() -> None:
        first.delete()
        tenant.admin.wait_gone(first.created)

    adopting = Ambush(
        lambda write: write.what == "PATCH plugininstances/status" and write.reason == "CacheHit",
        Blow.MEANWHILE,
        remove,
    )
    done = gateway.ambush(adopting)
    run = again(tenant)
    run.until("CacheHit", "True")
    assert done.is_set()
    assert f"{data}attempts/1/pack-0" in tenant.objects(), "the reference was pinned"
    run.delete()
    tenant.admin.wait_gone(run.created)
    gone(tenant, data)


def test_feeds_that_refer_to_each_other_can_go(tenant: Tenant):
    tenant.done("scan")
    first = ran(tenant, "smooth")
    tenant.done("other-scan")
    run = again(tenant, parent="other-scan")
    run.until("CacheHit", "True")
    for feed, each in (("scan", first), ("other-scan", run)):
        tenant.remove(tenant.admin.get("Feed", feed, tenant.namespace))
        tenant.collect()
        tenant.admin.wait_gone(each.created)
    gone(tenant, f"home/{tenant.user}/")
    tenant.collect()
    assert tenant.leftovers() == {}
