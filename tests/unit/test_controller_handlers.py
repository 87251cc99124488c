"""Which keys an event asks to be looked at: everything whose answer the object may change, and nothing that has ended."""

from typing import Any

import pytest
from tests.runs import UID, Object, completed, instance

from chris_operator.cluster import FEEDS, INSTANCES, JOBS, NAMESPACES, PLUGINS, PODS, Resource
from chris_operator.controller.handlers import keys_of
from chris_operator.controller.world import World
from chris_operator.core.names import RUN_UID_LABEL, USER_LABEL

RUNS = {
    "root": instance("root", spec={"feed": "look"}, uid="r").wire(),
    "scan": instance("scan", spec={"previous": ["root"]}).wire(),
    "done": instance("done", spec={"previous": ["root"]}, status=completed(), uid="d").wire(),
}
ALICE: Object = {"metadata": {"name": "alice", "labels": {USER_LABEL: "alice"}}}
OLD: Object = {"metadata": {"name": "old", "labels": {USER_LABEL: "alice"}}}


@pytest.fixture
def world() -> World:
    names = list(RUNS)
    found = World()
    found.bind(
        {
            "plugininstances": {("alice", name): [run] for name, run in RUNS.items()},
            "instance_uids": {UID: [("alice", "scan")]},
            "children": {("alice", "root"): ["scan", "done"]},
            "feed_instances": {("alice", "look"): names},
            "plugin_instances": {("pl-x", "1.0.0"): [("alice", name) for name in names]},
            "namespace_instances": {"alice": names},
            "namespaces": {"alice": [ALICE], "old": [OLD]},
            "namespace_users": {"alice": ["alice", "old"]},
        }
    )
    return found


def _of_run(uid: str) -> Object:
    return {"metadata": {"name": "x", "namespace": "alice", "labels": {RUN_UID_LABEL: uid}}}


CASES: dict[str, tuple[Resource, Object, set[str]]] = {
    "run": (INSTANCES, RUNS["scan"], {"plugininstances/alice/scan"}),
    "parent": (
        INSTANCES,
        RUNS["root"],
        {"plugininstances/alice/root", "plugininstances/alice/scan", "feeds/alice/look", "feeds/alice/root"},
    ),
    "ended-run": (INSTANCES, RUNS["done"], {"plugininstances/alice/done", "feeds/alice/look"}),
    "feed": (
        FEEDS,
        {"metadata": {"name": "look", "namespace": "alice"}},
        {"feeds/alice/look", "plugininstances/alice/root", "plugininstances/alice/scan"},
    ),
    "plugin": (
        PLUGINS,
        {"metadata": {"name": "pl-x-1.0.0"}, "spec": {"name": "pl-x", "version": "1.0.0"}},
        {"plugins/pl-x-1.0.0", "plugininstances/alice/root", "plugininstances/alice/scan"},
    ),
    "namespace": (NAMESPACES, ALICE, {"plugininstances/alice/root", "plugininstances/alice/scan"}),
    "rivals-namespace": (NAMESPACES, OLD, {"plugininstances/alice/root", "plugininstances/alice/scan"}),
    "pod": (PODS, _of_run(UID), {"plugininstances/alice/scan"}),
    "job": (JOBS, _of_run(UID), {"plugininstances/alice/scan"}),
    "pod-of-a-run-that-is-gone": (PODS, _of_run("gone"), set()),
}


@pytest.mark.parametrize(("resource", "body", "keys"), CASES.values(), ids=CASES)
def test_keys(world: World, resource: Resource, body: Any, keys: set[str]):
    assert {str(key) for key in keys_of(world, resource, body)} == keys
