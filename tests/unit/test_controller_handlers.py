"""Which keys an event asks to be looked at: everything whose answer the object may change, and nothing that has ended."""

from typing import Any

import pytest
from tests.runs import UID, Object, completed, instance, plugin

from chris_operator.cluster import FEEDS, INSTANCES, JOBS, NAMESPACES, PLUGINS, PODS, Resource
from chris_operator.controller.handlers import Ear, keys_of
from chris_operator.controller.queue import WorkQueue
from chris_operator.controller.store import Change
from chris_operator.controller.world import World
from chris_operator.core.names import RUN_UID_LABEL, USER_LABEL
from chris_operator.core.observe import INDEX_LABEL

RUNS = {
    "root": instance("root", spec={"feed": "look"}, uid="r").wire(),
    "scan": instance("scan", spec={"previous": ["root"]}).wire(),
    "done": instance("done", spec={"previous": ["root"]}, status=completed(), uid="d").wire(),
    "last": instance("last", spec={"previous": ["done"]}, uid="l").wire(),
}
ALICE: Object = {"metadata": {"name": "alice", "labels": {USER_LABEL: "alice"}}}
OLD: Object = {"metadata": {"name": "old", "labels": {USER_LABEL: "alice"}}}


@pytest.fixture
def world() -> World:
    found = World()
    for run in RUNS.values():
        found.take(INSTANCES, run)
    found.take(
        PLUGINS, {"metadata": {"name": "pl-x-1.0.0"}, "spec": plugin().wire(), "status": {"image": "h"}}
    )
    for namespace in (ALICE, OLD):
        found.take(NAMESPACES, namespace)
    return found


def _of_run(uid: str) -> Object:
    labels = {RUN_UID_LABEL: uid}
    return {"metadata": {"name": "x", "namespace": "alice", "uid": "x", "labels": labels}}


NEW = Change(None)
CANCELLED = instance("root", spec={"feed": "look", "cancel": True}, uid="r", resourceVersion="2").wire()
UNFINISHED = {f"plugininstances/alice/{name}" for name in ("root", "scan", "last")}
FEED: Object = {"metadata": {"name": "look", "namespace": "alice"}, "status": {"id": 3}}
ACTIVE = _of_run(UID) | {"status": {"active": 1}}

SEEN = instance("seen", status=completed(image="i"), uid="s").wire()
TOLD = {"plugininstances/alice/seen", "feeds/alice/look", "feeds/alice/seen"}

CASES: dict[str, tuple[Resource, Object, Change | None, set[str]]] = {
    "run": (INSTANCES, RUNS["scan"], NEW, {"plugininstances/alice/scan"}),
    "run-that-we-wrote": (INSTANCES, RUNS["scan"], None, set()),
    "parent": (
        INSTANCES,
        RUNS["root"],
        NEW,
        {"plugininstances/alice/root", "plugininstances/alice/scan", "feeds/alice/look", "feeds/alice/root"},
    ),
    "parent-that-we-wrote": (
        INSTANCES,
        RUNS["root"],
        None,
        {"plugininstances/alice/scan", "feeds/alice/look", "feeds/alice/root"},
    ),
    "cancelled-parent": (
        INSTANCES,
        CANCELLED,
        Change(RUNS["root"]),
        {
            "plugininstances/alice/root",
            "plugininstances/alice/scan",
            "plugininstances/alice/last",
            "feeds/alice/look",
            "feeds/alice/root",
        },
    ),
    "ended-run": (
        INSTANCES,
        RUNS["done"],
        NEW,
        {"plugininstances/alice/done", "plugininstances/alice/last", "feeds/alice/look"},
    ),
    "run-that-we-ended": (
        INSTANCES,
        RUNS["done"],
        None,
        {"plugininstances/alice/done", "plugininstances/alice/last", "feeds/alice/look"},
    ),
    "run-in-an-image-that-its-plugin-does-not-tell": (INSTANCES, SEEN, NEW, TOLD | {"plugins/pl-x-1.0.0"}),
    "run-in-the-image-that-its-plugin-tells": (
        INSTANCES,
        instance("seen", status=completed(image="h"), uid="s").wire(),
        NEW,
        TOLD,
    ),
    "feed": (
        FEEDS,
        FEED,
        NEW,
        {"feeds/alice/look", "plugininstances/alice/root"},
    ),
    "feed-with-its-number": (
        FEEDS,
        FEED,
        Change(FEED | {"status": {}}),
        {"feeds/alice/look", "plugininstances/alice/root"},
    ),
    "feed-with-other-counts": (
        FEEDS,
        FEED | {"status": {"id": 3, "instances": {"waiting": 1}}},
        Change(FEED),
        {"feeds/alice/look"},
    ),
    "plugin": (
        PLUGINS,
        {"metadata": {"name": "pl-x-1.0.0"}, "spec": {"name": "pl-x", "version": "1.0.0"}},
        NEW,
        {
            "plugins/pl-x-1.0.0",
            "plugininstances/alice/root",
            "plugininstances/alice/scan",
            "plugininstances/alice/last",
        },
    ),
    "namespace": (NAMESPACES, ALICE, NEW, UNFINISHED),
    "rivals-namespace": (NAMESPACES, OLD, NEW, UNFINISHED),
    "pod": (PODS, _of_run(UID), NEW, {"plugininstances/alice/scan"}),
    "job": (JOBS, _of_run(UID), NEW, {"plugininstances/alice/scan"}),
    "job-that-we-made": (JOBS, _of_run(UID), None, set()),
    "job-with-a-pod": (JOBS, ACTIVE, Change(_of_run(UID)), {"plugininstances/alice/scan"}),
    "job-whose-pod-is-ready": (
        JOBS,
        ACTIVE | {"status": {"active": 1, "ready": 1}},
        Change(ACTIVE),
        set(),
    ),
    "pod-that-tells-nothing-new": (PODS, _of_run(UID), Change(_of_run(UID)), set()),
    "pod-of-a-run-that-is-gone": (PODS, _of_run("gone"), NEW, set()),
}


@pytest.mark.parametrize(("resource", "body", "change", "keys"), CASES.values(), ids=CASES)
def test_keys(world: World, resource: Resource, body: Any, change: Change | None, keys: set[str]):
    world.take(resource, body)
    assert {str(key) for key in keys_of(world, resource, body, change)} == keys


_INDEXED: Object = _of_run(UID) | {"spec": {"completionMode": "Indexed", "completions": 3}}
_OVER: Object = {"conditions": [{"type": "Complete", "status": "True"}]}
_WORKER: Object = {"labels": {RUN_UID_LABEL: UID, INDEX_LABEL: "2"}}
AT_ONCE: dict[str, tuple[Resource, Object, int]] = {
    "pod": (PODS, _of_run(UID), 1),
    "job": (JOBS, ACTIVE, 1),
    "one-worker-of-several": (PODS, {"metadata": _of_run(UID)["metadata"] | _WORKER}, 0),
    "their-job-counts-them": (JOBS, _INDEXED | {"status": {"completedIndexes": "0"}}, 0),
    "their-job-is-over": (JOBS, _INDEXED | {"status": _OVER}, 1),
}


@pytest.mark.parametrize(("resource", "body", "looks"), AT_ONCE.values(), ids=AT_ONCE)
async def test_a_thousand_workers_ask_for_few_looks(
    world: World, resource: Resource, body: Object, looks: int
):
    queue = WorkQueue()
    ear = Ear(world, queue)
    ear.awake = True
    ear.heard(resource, "MODIFIED", body)
    assert len(queue) == looks
