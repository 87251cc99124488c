"""Before an attempt: what a run waits for, what ends it at once, what starts it."""

from dataclasses import replace
from typing import Any

import pytest
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import (
    DS,
    FACTS,
    FS,
    NOW,
    NUMBERED,
    TENANT,
    Object,
    attempted,
    child,
    condition,
    decide,
    feed,
    instance,
    observed,
    parent,
    plugin,
    pod,
    text,
    waiting,
)

from chris_operator.core.observe import Stage
from chris_operator.core.observed import Observed, Tenant
from chris_operator.core.verdict import StartAttempt

START = ("start scan-1 200Mi",)
PLAIN: Object = {"finalizers": [], "ownerReferences": []}
NOBODY = Tenant("alice")
RIVAL = Tenant("alice", user="alice", rival="alice-old")
DOWN = replace(FACTS, storage_problem="connection refused")
FAILED_PARENT = parent("root", "PluginFailed", "False", output=None)
EMPTY_PARENT = parent(output={"attempt": 1, "digest": "sha256:0", "files": 0, "bytes": 0})
RUNNING_PARENT = instance("root", status=attempted())
ASKING = plugin(parameters=[{"name": "count", "type": "int", "flag": "-n"}])


def root(status: Object | None = None, **meta: Any) -> Observed:
    """A run of an fs plugin that names the Feed `look`."""
    return observed(instance(spec={"feed": "look"}, status=status, **meta), program=FS)


ROWS = (
    Row(
        "starts-a-root",
        root(),
        "Scheduled",
        actions=START,
        again=5,
        status={"id": 8, "feedId": 3, "user": "alice"},
    ),
    Row("starts-a-child", observed(), "Scheduled", actions=START, again=5),
    Row("starts-after-waiting", observed(child(waiting())), "Scheduled", actions=START, again=5),
    Row("claims-first", root(**PLAIN), "Scheduled", before=("claim look",), actions=START, again=5),
    Row(
        "makes-a-feed-of-its-own",
        observed(instance(**PLAIN, creationTimestamp=text(NOW)), program=FS, feed=None, feed_name="scan"),
        None,
        before=("feed scan",),
        again=2,
        moves_on=True,
    ),
    Row(
        "namespace-without-user",
        observed(tenant=NOBODY),
        "NotATenant",
        event="Normal",
        says=("alice", "label"),
    ),
    Row(
        "two-namespaces-claim-one-user",
        observed(tenant=RIVAL),
        "TenantConflict",
        event="Normal",
        says=("'alice'", "alice-old"),
    ),
    Row(
        "unclaimed-without-user",
        observed(child(None, meta=PLAIN), tenant=NOBODY),
        "NotATenant",
        event="Normal",
    ),
    Row(
        "unknown-plugin",
        observed(program=None),
        "PluginNotFound",
        event="Normal",
        says=("pl-x 1.0.0", "apply a Plugin named pl-x-1.0.0"),
    ),
    Row(
        "unknown-parent",
        observed(parents={"root": None}),
        "ParentNotFound",
        event="Normal",
        says=("root", "namespace alice"),
    ),
    Row("parent-waits", observed(parents={"root": instance("root")}), "ParentRunning", says=("root",)),
    Row("parent-runs", observed(parents={"root": RUNNING_PARENT}), "ParentRunning", says=("root",)),
    Row(
        "parent-failed",
        observed(parents={"root": FAILED_PARENT}),
        "ParentFailed",
        "False",
        says=("root", "PluginFailed"),
        event="Warning",
    ),
    Row(
        "parent-failed-with-partial-output",
        observed(parents={"root": parent("root", "PluginFailed", "False")}),
        "ParentFailed",
        "False",
        event="Warning",
    ),
    Row(
        "parent-wrote-nothing",
        observed(parents={"root": EMPTY_PARENT}),
        "EmptyInput",
        "False",
        says=("root", "pl-x"),
        event="Warning",
    ),
    Row(
        "parent-wrote-nothing-and-may",
        observed(program=plugin(allowEmptyInput=True), parents={"root": EMPTY_PARENT}),
        "Scheduled",
        actions=START,
        again=5,
    ),
    Row(
        "one-of-two-parents-runs",
        observed(
            child(None, previous=["a", "b"]),
            program=plugin(type="ts"),
            parents={"a": parent("a"), "b": RUNNING_PARENT},
        ),
        "ParentRunning",
        says=("output of b",),
    ),
    Row(
        "feed-named-but-absent",
        observed(instance(spec={"feed": "look"}), program=FS, feed=None),
        "FeedNotFound",
        event="Normal",
        says=("no Feed look",),
    ),
    Row("feed-has-no-number-yet", observed(child(waiting()), feed=feed(None)), None),
    Row("feed-is-being-deleted", observed(child(waiting()), feed=feed(deletionTimestamp=text(NOW))), None),
    Row(
        "parent-has-no-feed-yet",
        observed(child(None, meta={"creationTimestamp": text(NOW)}), feed=None, feed_name=None),
        None,
        again=2,
    ),
    Row(
        "parent-has-no-feed-for-long",
        observed(child(None), feed=None, feed_name=None),
        "FeedNotFound",
        says=("waits for its parent",),
    ),
    Row(
        "wrong-parameters",
        observed(child(None, parameters={"count": "3", "other": 1}), program=ASKING),
        "InvalidParameters",
        "False",
        says=("'count'", "type int", "'3'", "'other'"),
        event="Warning",
    ),
    Row(
        "wrong-place",
        observed(instance(), program=DS, parents={}),
        "InvalidSpec",
        "False",
        says=("needs one parent",),
        event="Warning",
    ),
    Row(
        "wrong-resources",
        observed(child(None, resources={"memory": "2Gi"}), program=plugin(maxMemoryLimit="1Gi")),
        "InvalidSpec",
        "False",
        says=("resources.memory is 2048Mi", "1024Mi"),
        event="Warning",
    ),
    Row(
        "circle",
        observed(child(None), parents={"root": instance("root")}, circle=("root", "scan")),
        "InvalidSpec",
        "False",
        says=("scan → root → scan",),
        event="Warning",
    ),
    Row(
        "unreadable",
        observed(malformed="the resource breaks today's schema: spec.retries: …"),
        "InvalidSpec",
        "False",
        says=("spec.retries",),
        event="Warning",
    ),
    Row(
        "suspended", observed(child(None, suspend=True)), "Suspended", event="Normal", says=("spec.suspend",)
    ),
    Row(
        "swift-is-down",
        observed(),
        "StorageUnavailable",
        says=("connection refused",),
        event="Warning",
        again=10,
        facts=DOWN,
        status={"id": None},
    ),
    Row(
        "swift-goes-down-before-the-start",
        observed(child(waiting())),
        "StorageUnavailable",
        event="Warning",
        again=10,
        facts=DOWN,
        status={"id": 8},
    ),
    Row(
        "cancelled-unseen",
        observed(child(None, cancel=True)),
        "Cancelled",
        "False",
        event="Normal",
        status={"id": 8},
    ),
    Row(
        "cancelled-while-swift-is-down",
        observed(child(None, cancel=True)),
        "Cancelled",
        "False",
        event="Normal",
        facts=DOWN,
        status={"id": None},
    ),
    Row("cancelled-waiting", observed(child(waiting(), cancel=True)), "Cancelled", "False", event="Normal"),
    Row(
        "cancelled-and-suspended",
        observed(child(None, cancel=True, suspend=True)),
        "Cancelled",
        "False",
        event="Normal",
    ),
    Row(
        "cancelled-without-parent",
        observed(child(waiting(), cancel=True), parents={"root": None}),
        "Cancelled",
        "False",
        event="Normal",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


ORDER = (
    ("no tenant", {"tenant": NOBODY, "malformed": "x", "program": None}, "NotATenant"),
    ("unreadable", {"malformed": "x", "program": None, "parents": {"root": None}}, "InvalidSpec"),
    ("parent", {"parents": {"root": None}, "feed": None, "program": None}, "ParentNotFound"),
    ("plugin", {"program": None, "parents": {"root": FAILED_PARENT}}, "PluginNotFound"),
)


@pytest.mark.parametrize(("others", "reason"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_the_first_thing_missing_is_told(others: dict[str, Any], reason: str):
    plan = decide(observed(**others))
    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == reason


def test_messages_of_the_same_reason_are_told_without_an_event():
    first = observed(
        child(NUMBERED | {"conditions": condition("ParentNotFound", message="old words")}),
        parents={"root": None},
    )
    plan = decide(first)
    assert plan.event is None
    assert plan.status is not None


def test_the_attempt_knows_its_input_and_its_place():
    plan = decide(observed())
    (start,) = plan.actions
    assert isinstance(start, StartAttempt)
    assert start.prefixes == FACTS.prefixes
    assert start.attempt.input_bytes == 99
    assert start.attempt.environment["CHRIS_PREV_PLG_INST_ID"] == "7"
    assert start.attempt.environment["CHRIS_PLG_INST_ID"] == "8"
    assert start.attempt.environment["CHRIS_USER_USERNAME"] == "alice"
    assert start.attempt.fixed_user


def test_a_namespace_with_a_range_of_users_chooses_itself():
    (start,) = decide(observed(tenant=replace(TENANT, fixed_user=False))).actions
    assert isinstance(start, StartAttempt)
    assert not start.attempt.fixed_user


def test_nothing_is_claimed_for_a_dying_namespace():
    run = child(waiting(), meta=PLAIN)
    assert decide(observed(run, tenant=replace(TENANT, deleted=True))).before == ()


def test_an_attempt_whose_job_was_never_made_needs_its_parent_still():
    """The operator died between the status and the Job; the parent was deleted before it came back."""
    run = child(attempted(uid=None, reason="Scheduled"))
    plan = decide(observed(run, parents={"root": None}, pod=pod(Stage.NO_POD)))
    assert plan.actions == ()
    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "ParentNotFound"
