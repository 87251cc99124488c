"""The decision about a Workflow: when it starts, what it makes, how it is steered, how it ends."""

from dataclasses import replace
from typing import Any

import pytest
from tests.runs import NOW, TENANT, at, condition, feed, text
from tests.workflow_scenes import (
    TREE,
    WHOLE,
    begun,
    decided,
    names,
    node,
    parent,
    pipeline,
    run,
    scene,
    the_workflow,
    told,
)

from chris_operator.core import pipelines
from chris_operator.core.brief import State
from chris_operator.core.observed import Tenant
from chris_operator.core.workflow import BATCH, Claim, Observed, Run, Steer, plan
from chris_operator.core.workflow_reasons import REASONS, WorkflowReason

Object = dict[str, Any]
GIVEN = [{"name": "v", "targets": [{"node": "mask", "parameter": "size"}]}]
NEEDY = pipeline([node("mask")], GIVEN)
GONE: Object = {"deletionTimestamp": text(NOW)}
DELETED = feed(**GONE)

LEAVING = scene(tenant=replace(TENANT, deleted=True))

HELD_UP: dict[str, tuple[Observed, str, str]] = {
    "nobodys-namespace": (
        scene(tenant=Tenant("alice")),
        "NotATenant",
        "namespace alice works for no user: an administrator must label it chrisproject.org/user=<user>",
    ),
    "contested-namespace": (
        scene(tenant=replace(TENANT, rival="old")),
        "TenantConflict",
        "claims user 'alice'",
    ),
    "swift-is-away": (
        scene(storage_problem="no route"),
        "StorageUnavailable",
        "Swift cannot be reached (no route)",
    ),
    "no-pipeline": (scene(tree=None), "PipelineNotFound", "namespace alice has no Pipeline to-mni: apply it"),
    "unknown-plugin-at-the-start": (
        scene(plugins={}),
        "PluginNotFound",
        "node mask begins with Plugin pl-ds 1.0.0, which is not registered on this cluster: apply a Plugin named pl-",
    ),
    "no-parent": (
        scene(parent=None),
        "ParentNotFound",
        "previous names scan, and namespace alice has no such",
    ),
    "parent-without-feed": (
        scene(parent=parent("Unknown", feed=None)),
        "FeedNotFound",
        "waits for the run scan to have a Feed",
    ),
    "no-feed": (
        scene({"feed": "look"}, tree=WHOLE, feed=None),
        "FeedNotFound",
        "namespace alice has no Feed look yet",
    ),
    "feed-goes": (
        scene({"feed": "look"}, tree=WHOLE, the_feed=DELETED),
        "FeedNotFound",
        "Feed look is being deleted",
    ),
    "namespace-goes": (LEAVING, "FeedNotFound", "namespace alice is being deleted"),
}
REFUSED: dict[str, tuple[Observed, str, str]] = {
    "unreadable": (scene(malformed="the resource breaks"), "InvalidSpec", "the resource breaks"),
    "unreadable-pipeline": (
        scene(tree=None, pipeline_problem="the resource breaks"),
        "InvalidPipeline",
        "Pipeline to-mni: the resource breaks",
    ),
    "circle": (
        scene(tree=pipeline([node("a", "pl-ds", "b"), node("b", "pl-ds", "a")])),
        "InvalidPipeline",
        "Pipeline to-mni: node a: previous leads in a circle (a → b → a)",
    ),
    "dangling": (
        scene(tree=pipeline([node("a", "pl-ds", "b")])),
        "InvalidPipeline",
        "Pipeline to-mni: node a names b in previous, and the Pipeline has no such node",
    ),
    "unknown-node": (
        scene({"previous": "scan", "nodes": [{"name": "maks"}]}),
        "InvalidSpec",
        "nodes names maks, and Pipeline to-mni has no such node: it has left; mask; right",
    ),
    "unknown-parameter": (
        scene({"previous": "scan", "parameters": {"w": 1, "v": 1}}, tree=NEEDY),
        "InvalidParameters",
        "parameter 'w' does not exist in Pipeline to-mni: it has v",
    ),
    "missing-parameter": (
        scene(tree=NEEDY),
        "InvalidParameters",
        "parameter 'v' is required by Pipeline to-mni and was not given",
    ),
    "mistyped-parameter": (
        scene({"previous": "scan", "parameters": {"v": "big"}}, tree=NEEDY),
        "InvalidParameters",
        "node mask: parameter 'size' must be of type int",
    ),
    "mistyped-override": (
        scene({"previous": "scan", "nodes": [{"name": "left", "parameters": {"size": True}}]}),
        "InvalidParameters",
        "node left: parameter 'size' must be of type int",
    ),
    "too-much-memory": (
        scene({"previous": "scan", "nodes": [{"name": "left", "resources": {"memory": "2Gi"}}]}),
        "InvalidSpec",
        "node left: ",
    ),
    "nothing-to-read": (
        scene({"feed": "look"}),
        "InvalidSpec",
        "node mask reads a run's output, but previous is left out: name the run in spec.previous",
    ),
    "nobody-reads": (
        scene(tree=WHOLE),
        "InvalidSpec",
        "previous names scan, but every node that begins is of type fs and reads nothing: leave previous out",
    ),
    "parent-failed": (
        scene(parent=parent("False")),
        "ParentFailed",
        "the run scan did not succeed (PluginFailed)",
    ),
    "cancelled-before-it-began": (
        scene({"previous": "scan", "cancel": True}),
        "Cancelled",
        "cancelled by its user (spec.cancel): 0 of 3 runs succeeded",
    ),
}


@pytest.mark.parametrize(("o", "reason", "words"), HELD_UP.values(), ids=HELD_UP)
def test_what_is_missing_is_waited_for(o: Observed, reason: str, words: str):
    decision = decided(o)
    truth, shown, message = told(decision)
    assert (truth, shown) == ("Unknown", reason)
    assert message.startswith(words) or words in message
    assert (decision.create, decision.before) == ((), ())
    assert decision.event == ("Warning", reason, message)


@pytest.mark.parametrize(("o", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_ends_it_before_anything_runs(o: Observed, reason: str, words: str):
    decision = decided(o)
    truth, shown, message = told(decision)
    assert (truth, shown) == ("False", reason)
    assert message.startswith(words)
    assert decision.create == ()
    assert decision.status is not None
    assert decision.status["completionTime"] == text(NOW)


def test_it_starts_with_its_first_runs():
    decision = decided(scene())
    assert told(decision) == ("Unknown", "Running", "0 of 3 runs succeeded")
    assert decision.status is not None
    assert decision.status | {"conditions": []} == {
        "id": 7,
        "feed": "look",
        "observedGeneration": 1,
        "conditions": [],
        "pipelineDigest": pipelines.digest(TREE.spec),
        "nodes": 3,
        "suspended": False,
        "startTime": text(NOW),
    }
    assert [body["metadata"]["name"] for body in decision.create] == ["one-mask", "one-left", "one-right"]
    assert decision.again == NOW


def test_its_feed_becomes_its_owner():
    orphan = scene(workflow=the_workflow(status=begun(), ownerReferences=[]), made=[run("mask")])
    assert decided(orphan).before == (Claim("look", feed().metadata.uid),)
    assert decided(scene(status=begun(), made=[run("mask")])).before == ()


def test_what_is_missing_is_made_again_and_nothing_else():
    decision = decided(
        scene(status=begun(), made=[run("mask", State.SUCCEEDED), run("right", State.RUNNING)])
    )
    assert names(decision.create) == ["one-left"]


def test_many_are_made_some_at_a_time():
    chain = pipeline([node(f"n{i}", "pl-ds", *([f"n{i - 1}"] if i else [])) for i in range(1000)])
    made: list[Run] = []
    o = scene(tree=chain)
    for _ in range(1000 // BATCH):
        decision = plan(replace(o, made=made), NOW)
        assert len(decision.create) == BATCH
        assert decision.again == NOW
        made += [run(body["metadata"]["labels"]["chrisproject.org/node"]) for body in decision.create]
        o = replace(o, workflow=the_workflow(status=begun(chain)))
    assert plan(replace(o, made=made), NOW).create == ()
    assert len({each.name for each in made}) == 1000


HINDERED: dict[str, tuple[Observed, str, str]] = {
    "pipeline-gone": (
        scene(tree=None),
        "PipelineNotFound",
        "namespace alice has no Pipeline to-mni: apply it",
    ),
    "pipeline-is-unreadable": (
        scene(tree=None, pipeline_problem="the resource breaks"),
        "PipelineChanged",
        "Pipeline to-mni: the resource breaks",
    ),
    "pipeline-is-another": (
        scene(tree=WHOLE),
        "PipelineChanged",
        f"Pipeline to-mni is another one ({pipelines.digest(WHOLE.spec)}) than at the start",
    ),
    "plugin-gone": (scene(plugins={}), "PluginNotFound", "node mask begins with Plugin pl-ds 1.0.0"),
    "feed-gone": (scene(feed=None), "FeedNotFound", "Feed look is gone: create another Workflow"),
    "feed-goes": (scene(the_feed=DELETED), "FeedNotFound", "Feed look is being deleted: use another name"),
    "namespace-goes": (
        LEAVING,
        "FeedNotFound",
        "namespace alice is being deleted: nothing more is made in it",
    ),
    "refused": (
        scene(refused="the PluginInstance one-left is refused"),
        "RunRefused",
        "the PluginInstance one-left",
    ),
    "names-taken": (
        scene(taken=frozenset({"one-left", "one-right"})),
        "NameTaken",
        "PluginInstance one-left, one-right exists and is not this Workflow's: delete it, or create another",
    ),
}


@pytest.mark.parametrize(("o", "reason", "words"), HINDERED.values(), ids=HINDERED)
def test_what_keeps_the_rest_from_being_made(o: Observed, reason: str, words: str):
    o = replace(o, workflow=the_workflow(status=begun()), made=[run("mask", State.RUNNING)])
    decision = decided(o)
    assert told(decision)[:2] == ("Unknown", reason)
    assert told(decision)[2].startswith(words)
    assert decision.create == ()
    assert decision.status is not None
    assert decision.status["instances"]["running"] == 1


def test_a_name_that_is_taken_does_not_keep_the_others_from_being_made():
    decision = decided(scene(taken=frozenset({"one-mask"})))
    assert names(decision.create) == ["one-left", "one-right"]


SUCCEEDED, RUNNING, FAILED = State.SUCCEEDED, State.RUNNING, State.FAILED
Three = tuple[State, State, State]
ENDS: dict[str, tuple[Three, tuple[str, str, str]]] = {
    "waiting": ((State.WAITING,) * 3, ("Unknown", "Running", "0 of 3 runs succeeded")),
    "under-way": (
        (SUCCEEDED, FAILED, RUNNING),
        ("Unknown", "Running", "1 of 3 runs succeeded, 1 failed"),
    ),
    "completed": ((SUCCEEDED,) * 3, ("True", "Completed", "3 of 3 runs succeeded")),
    "failed": (
        (FAILED, FAILED, SUCCEEDED),
        (
            "False",
            "RunsFailed",
            "1 of 3 runs succeeded, 2 failed; look at one-mask (OutOfMemory)",
        ),
    ),
    "cancelled-one-by-one": (
        (SUCCEEDED, State.CANCELLED, State.CANCELLED),
        ("False", "Cancelled", "1 of 3 runs succeeded, 2 cancelled"),
    ),
}


def _three(states: Three) -> list[Run]:
    reasons = ("OutOfMemory", "ParentFailed", "")
    return [
        run(name, state, reason=reason if state is FAILED else "")
        for name, state, reason in zip(("mask", "left", "right"), states, reasons, strict=True)
    ]


@pytest.mark.parametrize(("states", "expected"), ENDS.values(), ids=ENDS)
def test_how_it_is_doing(states: Three, expected: tuple[str, str, str]):
    decision = decided(scene(status=begun(), made=_three(states)))
    assert told(decision) == expected
    assert decision.status is not None
    assert ("completionTime" in decision.status) is (expected[0] != "Unknown")
    assert sum(decision.status["instances"].values()) == 3
    if expected[0] == "True":
        assert decision.event == ("Normal", "Completed", expected[2])
        assert decision.status["duration"] == "10m0s"


def test_runs_that_only_failed_with_their_parents_are_named_all_the_same():
    made = [replace(each, reason="ParentFailed") for each in _three((FAILED,) * 3)]
    words = told(decided(scene(status=begun(), made=made)))[2]
    assert words.endswith(
        "look at one-mask (ParentFailed), one-left (ParentFailed), one-right (ParentFailed)"
    )


CANCEL = {"previous": "scan", "cancel": True}


def test_cancel_reaches_the_first_runs_and_makes_no_more():
    decision = decided(scene(CANCEL, begun(), made=[run("mask", RUNNING), run("left")]))
    assert decision.steer == (Steer("one-mask", {"cancel": True}),)
    assert decision.create == ()
    assert told(decision) == (
        "Unknown",
        "Running",
        "is being cancelled by its user (spec.cancel): 0 of 3 runs succeeded",
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((SUCCEEDED,) * 3, ("True", "Completed")),
        ((SUCCEEDED, State.CANCELLED, State.CANCELLED), ("False", "Cancelled")),
        ((State.CANCELLED, FAILED, FAILED), ("False", "Cancelled")),
    ],
    ids=["too-late", "in-time", "in-time-after-a-failure"],
)
def test_a_cancelled_workflow_ends_with_its_last_run(states: Three, expected: tuple[str, str]):
    assert told(decided(scene(CANCEL, begun(), made=_three(states))))[:2] == expected


def test_suspend_is_passed_on_once():
    asked = {"previous": "scan", "suspend": True}
    going = [run("mask", RUNNING), run("left"), run("right", suspend=True)]
    first = decided(scene(asked, begun(), made=going))
    assert first.steer == (Steer("one-mask", {"suspend": True}), Steer("one-left", {"suspend": True}))
    assert first.again == NOW
    assert told(first)[:2] == ("Unknown", "Running")
    held = [run("mask", suspend=True), run("left", suspend=True), run("right", suspend=True)]
    second = decided(scene(asked, begun(), made=held))
    assert (second.steer, second.status and second.status["suspended"]) == ((), True)
    assert told(second)[1] == "Suspended"
    # Afterwards single runs may be let go.
    third = decided(scene(asked, begun(suspended=True), made=[run("mask"), *held[1:]]))
    assert third.steer == ()


def test_what_has_ended_stays_as_it_is():
    """Neither a deleted run nor a failing one changes an end; counts and generation are kept true."""
    status = begun(conditions=condition("Completed", "True"), instances={"succeeded": 3})
    o = scene(
        CANCEL, status, made=[run("mask", SUCCEEDED)], workflow=the_workflow(CANCEL, status, generation=2)
    )
    decision = decided(o)
    assert (decision.create, decision.steer, decision.event) == ((), (), None)
    assert decision.status is not None
    assert decision.status["observedGeneration"] == 2
    assert decision.status["instances"]["succeeded"] == 1
    assert decision.status["conditions"][0]["reason"] == "Completed"


def test_one_that_is_being_deleted_does_nothing():
    gone = scene(workflow=the_workflow(deletionTimestamp=text(NOW)))
    assert decided(gone) == type(decided(gone))()


def test_its_status_is_written_once():
    first = decided(scene(status=begun(), made=_three((SUCCEEDED, RUNNING, RUNNING))))
    after = scene(status=first.status, made=_three((SUCCEEDED, RUNNING, RUNNING)))
    assert plan(after, at(60)).status is None


def test_every_reason_is_in_the_table():
    assert list(REASONS) == list(WorkflowReason)
    reached = {case[1] for cases in (HELD_UP, REFUSED, HINDERED) for case in cases.values()}
    reached |= {expected[1] for _, expected in ENDS.values()} | {"Suspended"}
    assert reached == {str(reason) for reason in WorkflowReason}
