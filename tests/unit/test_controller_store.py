"""Objects in memory: found by name, UID and index, in the newest version that anybody has shown."""

from datetime import datetime
from typing import Any

import pytest
from tests.runs import Object, at, completed, instance, text

from chris_operator.cluster import FEEDS, INSTANCES, JOBS
from chris_operator.controller.references import References
from chris_operator.controller.store import Change, Store
from chris_operator.controller.world import World
from chris_operator.core.names import RUN_UID_LABEL


def _item(name: str, version: int = 1, uid: str = "", **spec: Any) -> Object:
    meta = {"name": name, "namespace": "ns", "uid": uid or name, "resourceVersion": str(version)}
    return {"metadata": meta | {"managedFields": [{"manager": "x"}]}, "spec": spec}


def _store(*, seldom: bool) -> Store:
    return Store({"colour": lambda body: body["spec"].get("colours", ())}, seldom=lambda _: seldom)


@pytest.mark.parametrize("seldom", [False, True], ids=["at-hand", "as-text"])
def test_an_index_follows_its_objects(seldom: bool):
    store = _store(seldom=seldom)
    assert store.put(_item("a", 1, colours=["red", "blue"])) == Change(None)
    store.put(_item("b", 2, colours=["red"]))
    assert store.names("colour", "red") == [("ns", "a"), ("ns", "b")]
    change = store.put(_item("a", 3, colours=["green"]))
    assert change is not None
    assert change.before is not None
    assert change.before["spec"] == {"colours": ["red", "blue"]}
    assert store.names("colour", "red") == [("ns", "b")]
    assert [each["metadata"]["name"] for each in store.all("colour", "green")] == ["a"]
    store.remove(("ns", "b"))
    assert store.names("colour", "red") == []
    assert (store.by_uid("a"), store.by_uid("b")) == (("ns", "a"), None)


def test_only_a_newer_version_is_news():
    store = _store(seldom=True)
    store.put(_item("a", 5, colours=["red"]))
    assert store.put(_item("a", 5, colours=["blue"])) is None
    assert store.put(_item("a", 4, colours=["blue"])) is None
    found = store.get(("ns", "a"))
    assert found is not None
    assert found["spec"] == {"colours": ["red"]}
    assert "managedFields" not in found["metadata"]


def test_another_object_may_take_a_name():
    store = _store(seldom=False)
    store.put(_item("a", 5, uid="old"))
    store.remove(("ns", "a"), "old")
    assert store.put(_item("a", 5, uid="old")) is None, "it is gone for good"
    store.put(_item("a", 9, uid="new"))
    assert not store.remove(("ns", "a"), "old"), "the news of its end came late"
    assert store.by_uid("new") == ("ns", "a")


def test_what_a_list_must_have_shown():
    store = _store(seldom=False)
    for version, name in enumerate("abc", 1):
        store.put(_item(name, version))
    assert store.older(2) == [("ns", "a"), ("ns", "b")], "the third was written after the list was made"


def _equal(name: str, since: datetime, **status: Any) -> Object:
    told = completed(since=since, cacheKey="k", image="i", startTime=text(since), **status)
    return instance(name, status=told, uid=name).wire()


def test_equal_runs_are_found_the_last_first():
    world = World()
    found = {"old": at(-90), "new": at(-10), "older": at(-99), "oldest": at(-999)}
    for name, since in found.items():
        world.take(INSTANCES, _equal(name, since))
    partial = completed("PluginFailed", "False", cacheKey="k", image="i")
    world.take(INSTANCES, instance("failed", status=partial, uid="f").wire())
    world.take(INSTANCES, _equal("partly", at(-1), workers={"count": 3, "succeeded": 2, "failed": 1}))
    assert [body["metadata"]["name"] for body in world.equal("k", "i")] == ["new", "old", "older"]
    assert world.equal("k", "another image") == []
    world.forget(INSTANCES, "alice", "new")
    assert [body["metadata"]["name"] for body in world.equal("k", "i")] == ["old", "older", "oldest"]


def test_images_are_those_of_runs_that_started_since():
    world = World()
    world.take(INSTANCES, _equal("before", at(-99)))
    world.take(INSTANCES, _equal("after", at(-9)) | {"status": {"image": "j", "startTime": text(at(-9))}})
    world.take(INSTANCES, instance("hit", status=completed("CacheHit", image="h"), uid="h").wire())
    assert world.images_of_plugin("pl-x", "1.0.0", text(at(-999))) == ["i", "j"]
    assert world.images_of_plugin("pl-x", "1.0.0", text(at(-50))) == ["j"]
    assert world.images_of_plugin("pl-x", "2.0.0", "") == []


def test_who_refers_to_a_run_holds_its_data():
    world = World()
    references = References(world)
    assert not references.hold(7)
    world.take(INSTANCES, instance("copy", status=completed("CacheHit", references=[7, 9]), uid="c").wire())
    assert references.hold(7)
    leaving: Object = {"uid": "c", "resourceVersion": "2", "deletionTimestamp": text(at(0))}
    world.take(INSTANCES, instance("copy", status=completed(references=[7]), **leaving).wire())
    assert not references.hold(7), "one that is deleted itself needs nothing any more"


def test_a_pin_holds_data_until_it_is_taken_off_and_then_tells_of_what_it_held():
    references = References(World())
    references.pin("x", [7, 8])
    assert references.hold(7)
    assert not references.hold(9)
    assert references.unpin("x"), "somebody wanted to delete what was pinned"
    assert not references.hold(7)
    references.pin("x", [7])
    assert not references.unpin("x"), "nobody asked"
    assert not references.unpin("x")


def _job(uid: str) -> Object:
    return {"metadata": {"name": f"{uid}-1", "namespace": "alice", "labels": {RUN_UID_LABEL: uid}}}


LONG = at(-86_400)
RUNS: dict[str, tuple[Object, bool]] = {
    "going-on": (instance().wire(), True),
    "ended-just-now": (instance(status=completed(since=at(-60))).wire(), True),
    "ended-long-ago": (instance(status=completed(since=LONG)).wire(), False),
    "changed-since": (instance(status=completed(since=LONG), generation=2).wire(), True),
    "being-deleted": (instance(status=completed(since=LONG), deletionTimestamp=text(LONG)).wire(), True),
    "without-finalizer": (instance(status=completed(since=LONG), finalizers=[]).wire(), True),
    "without-owner": (instance(status=completed(since=LONG), ownerReferences=[]).wire(), True),
    "with-a-job": (instance(status=completed(since=LONG), uid="busy").wire(), True),
}


@pytest.mark.parametrize(("run", "looked_at"), RUNS.values(), ids=RUNS)
def test_runs_that_rest_are_not_looked_at_again(run: Object, looked_at: bool):
    world = World()
    world.take(INSTANCES, run)
    world.take(JOBS, _job("busy"))
    long_ago = at(-3600).timestamp()
    assert list(world.restless(long_ago)) == ([("plugininstances", "alice", "scan")] if looked_at else [])


def test_the_runs_that_go_on_come_first():
    world = World()
    world.take(INSTANCES, instance("ended", status=completed(), uid="e").wire())
    world.take(FEEDS, {"metadata": {"name": "look", "namespace": "alice"}})
    world.take(INSTANCES, instance("going-on").wire())
    assert [name for _, _, name in world.restless(0.0)] == ["going-on", "look", "ended"]
