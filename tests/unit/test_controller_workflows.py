"""Workflows in the operator's knowledge: whom an event concerns, and what a plan gets to see."""

from typing import Any

import pytest
from tests.runs import FEED_UID, Object, at, completed, condition, instance, plugin, text
from tests.workflow_scenes import TREE, UID, begun, pipeline, the_workflow
from tests.workflow_scenes import node as a_node

from chris_operator.cluster import (
    FEEDS,
    INSTANCES,
    NAMESPACES,
    PIPELINES,
    PLUGINS,
    WORKFLOWS,
    Resource,
)
from chris_operator.controller.gather_workflows import observed
from chris_operator.controller.handlers import keys_of
from chris_operator.controller.store import Change
from chris_operator.controller.world import World
from chris_operator.core.brief import State
from chris_operator.core.names import USER_LABEL, WORKFLOW_UID_LABEL
from chris_operator.core.workflow import Run
from chris_operator.models.workflow import Workflow

ALICE: Object = {"metadata": {"name": "alice", "labels": {USER_LABEL: "alice"}}}
FEED: Object = {
    "metadata": {"name": "look", "namespace": "alice", "uid": FEED_UID},
    "spec": {},
    "status": {"id": 3},
}
PLUGIN: Object = {
    "metadata": {"name": "pl-ds-1.0.0", "uid": "p"},
    "spec": plugin(name="pl-ds").wire(),
}


def _flow(name: str, uid: str, status: Object | None = None, **spec: Any) -> Workflow:
    return the_workflow(spec or None, status, name=name, uid=uid)


WORKFLOW = _flow("one", UID, begun())
ENDED = _flow("old", "o", begun(conditions=condition("Completed", "True")))
LONE = _flow("lone", "l", feed="look")


def _run(node: str, uid: str, status: Object | None = None, *, of: str = UID, **spec: Any) -> Object:
    meta = {"uid": uid, "labels": {WORKFLOW_UID_LABEL: of}}
    return instance(f"one-{node}", spec=spec, status=status, **meta).wire()


MASK = _run("mask", "m", completed(), previous=["scan"])
LEFT = _run("left", "n", previous=["one-mask"])


@pytest.fixture
def world() -> World:
    found = World()
    found.take(NAMESPACES, ALICE)
    found.take(FEEDS, FEED)
    found.take(PLUGINS, PLUGIN)
    found.take(PIPELINES, TREE.wire())
    for workflow in (WORKFLOW, ENDED, LONE):
        found.take(WORKFLOWS, workflow.wire())
    found.take(INSTANCES, instance("scan", uid="s", status=completed()).wire())
    for run in (MASK, LEFT):
        found.take(INSTANCES, run)
    return found


NEW = Change(None)
GOING = {"workflows/alice/one", "workflows/alice/lone"}
CASES: dict[str, tuple[Resource, Object, Change | None, set[str]]] = {
    "workflow": (WORKFLOWS, WORKFLOW.wire(), NEW, {"workflows/alice/one"}),
    "workflow-that-we-wrote": (WORKFLOWS, WORKFLOW.wire(), None, set()),
    "pipeline": (PIPELINES, TREE.wire(), NEW, {"pipelines/alice/to-mni", *GOING}),
    "pipelines-plugin": (PLUGINS, PLUGIN, NEW, {"pipelines/alice/to-mni", *GOING}),
    "parent": (INSTANCES, instance("scan", uid="s").wire(), NEW, {"workflows/alice/one"}),
    "run": (INSTANCES, LEFT, NEW, {"workflows/alice/one"}),
    "run-that-we-wrote": (INSTANCES, LEFT, None, {"workflows/alice/one"}),
    "run-of-nobody": (INSTANCES, _run("x", "x", of="gone"), NEW, set()),
    "feed": (FEEDS, FEED, NEW, GOING),
    "namespace": (NAMESPACES, ALICE, NEW, GOING),
}


@pytest.mark.parametrize(("resource", "body", "change", "keys"), CASES.values(), ids=CASES)
def test_keys(world: World, resource: Resource, body: Object, change: Change | None, keys: set[str]):
    told = {str(key) for key in keys_of(world, resource, body, change)}
    assert {key for key in told if key.startswith(("workflows", "pipelines"))} == keys


def test_all_workflows_and_pipelines_are_looked_at_from_time_to_time(world: World):
    found = set(world.restless(0.0))
    assert {("pipelines", "alice", "to-mni"), ("workflows", "alice", "old")} <= found


def test_a_plan_sees_the_runs_that_are_made(world: World):
    seen = observed(world, WORKFLOW.wire())
    assert seen.made == (
        Run("one-mask", State.SUCCEEDED, first=True, cancel=False, suspend=False),
        Run("one-left", State.WAITING, first=False, cancel=False, suspend=False),
    )
    assert (seen.parent and seen.parent.metadata.name, seen.feed and seen.feed.status.id) == ("scan", 3)
    assert [each.name for each in seen.plugins] == ["pl-ds"]
    assert seen.taken == frozenset()


def test_it_sees_what_others_have_taken(world: World):
    world.take(INSTANCES, instance("one-right", uid="r", spec={"feed": "look"}).wire())
    assert observed(world, WORKFLOW.wire()).taken == {"one-right"}


def test_it_sees_which_runs_are_held_back_when_that_matters(world: World):
    held = instance(
        "one-left",
        uid="n",
        labels={WORKFLOW_UID_LABEL: UID},
        resourceVersion="2",
        spec={"previous": ["one-mask"], "suspend": True},
    )
    world.take(INSTANCES, held.wire())
    asked = the_workflow({"previous": "scan", "suspend": True}, begun())
    assert [run.suspend for run in observed(world, asked.wire()).made] == [False, True]


def test_it_sees_how_runs_failed_once_all_have_ended(world: World):
    failed = {"conditions": condition("OutOfMemory", "False"), "completionTime": text(at(0))}
    body = instance("one-left", uid="n", labels={WORKFLOW_UID_LABEL: UID}, resourceVersion="2", status=failed)
    world.take(INSTANCES, body.wire())
    assert [run.reason for run in observed(world, WORKFLOW.wire()).made] == ["", "OutOfMemory"]


def test_a_pipeline_is_not_read_when_nothing_is_left_to_be_made(world: World):
    two = pipeline([a_node("mask"), a_node("left", "pl-ds", "mask")])
    complete = the_workflow(status=begun(two))
    assert observed(world, complete.wire()).pipeline is None
    assert observed(world, ENDED.wire()).pipeline is None


def test_what_was_written_under_another_schema_is_told(world: World):
    body = WORKFLOW.wire()
    body["spec"]["priority"] = "high"
    seen = observed(world, body)
    assert seen.malformed is not None
    assert "spec.priority" in seen.malformed
    assert seen.workflow.status.id == 7
    tree = TREE.wire()
    tree["metadata"]["resourceVersion"] = "2"
    tree["spec"]["nodes"][0]["pods"] = 3
    world.take(PIPELINES, tree)
    assert "spec.nodes[0].pods" in str(observed(world, WORKFLOW.wire()).pipeline_problem)
