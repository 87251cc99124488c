"""After the end, and on the way out: nothing may go on running, nothing may be left behind, nothing lost."""

from typing import Any

import pytest
from tests.plan_rows import Row, check_decision, check_idempotence, spell, told
from tests.runs import (
    LINK,
    NOW,
    NUMBERED,
    Object,
    at,
    attempted,
    between,
    child,
    completed,
    condition,
    decide,
    ended,
    feed,
    instance,
    job,
    observed,
    pod,
    text,
    waiting,
    written,
)

from chris_operator.core.names import FINALIZER
from chris_operator.core.observe import Stage
from chris_operator.core.observed import Observed, Tenant

LONG_AGO = at(-601)
CANCELLED: Object = attempted() | {"conditions": condition("Cancelled", "False"), "completionTime": text(NOW)}
CANCELLED_LONG_AGO: Object = CANCELLED | {"completionTime": text(LONG_AGO)}
_ORIGIN: Object = {"id": 5, "name": "first"}
HIT: Object = {
    key: value for key, value in completed("CacheHit", cacheHit=_ORIGIN).items() if key != "attempt"
}
DELETED: Object = {"deletionTimestamp": text(at(-1))}


def after(status: Object, **others: Any) -> Observed:
    """A run that has ended."""
    meta, spec = others.pop("meta", {}), others.pop("spec", {})
    return observed(child(status, meta=meta, **spec), **others)


def quiet(
    what: str, o: Observed, *actions: str, again: float | None = None, before: tuple[str, ...] = ()
) -> Row:
    """Nothing is told."""
    return Row(what, o, None, actions=actions, again=again, before=before)


ENDED = (
    quiet("just-succeeded", after(completed(), jobs=(job(),), pod=ended()), "copy 1", again=600),
    quiet(
        "failed-with-output",
        after(completed("PluginFailed", "False"), jobs=(job(),), pod=ended(3)),
        "copy 1",
        again=600,
    ),
    quiet("failed-without-output", after(CANCELLED, jobs=(job(),), pod=ended(143, 143)), again=600),
    quiet(
        "cancelled-while-running",
        after(CANCELLED, jobs=(job(),), pod=pod(Stage.RUNNING)),
        "stop scan-1",
        again=600,
    ),
    quiet(
        "cancelled-while-staging",
        after(CANCELLED, jobs=(job(),), pod=pod(Stage.STAGING_IN)),
        "stop scan-1",
        again=600,
    ),
    quiet(
        "cancelled-while-pending",
        after(CANCELLED, jobs=(job(),), pod=pod(Stage.PENDING)),
        "stop scan-1",
        again=600,
    ),
    quiet("stopped-already", after(CANCELLED, jobs=(job(deleted=True),), pod=pod(Stage.RUNNING)), again=600),
    quiet("stopping", after(CANCELLED, jobs=(job(),), pod=pod(Stage.RUNNING, deleted=True)), again=600),
    quiet(
        "two-jobs-left",
        after(CANCELLED, jobs=(job(1), job(2)), pod=pod(Stage.RUNNING)),
        "stop scan-1",
        "stop scan-2",
        again=600,
    ),
    quiet(
        "kept-long-enough",
        after(completed(since=LONG_AGO), jobs=(job(),), pod=ended()),
        "copy 1",
        "stop scan-1",
    ),
    quiet(
        "failed-attempts-are-swept-with-their-jobs",
        after(completed(since=LONG_AGO) | {"attempt": {"number": 3}}, jobs=(job(),), pod=ended()),
        "copy 1",
        "sweep all but 1",
        "stop scan-1",
    ),
    quiet("secret-without-job", after(CANCELLED_LONG_AGO), "sweep all but None", "stop scan-1"),
    quiet("cancelled-and-gone", after(CANCELLED), "sweep all but None", again=600),
    quiet(
        "cancelled-and-the-pod-outlives-its-job",
        after(CANCELLED, pod=pod(Stage.PUBLISHING, deleted=True)),
        again=600,
    ),
    quiet(
        "cancelled-and-an-older-pod-hangs",
        after(CANCELLED, older=(pod(Stage.RUNNING, deleted=True),)),
        again=600,
    ),
    quiet("cancelled-before-its-pod-was-seen", after(CANCELLED, jobs=(job(),)), "stop scan-1", again=600),
    quiet("succeeded-and-the-pod-is-gone", after(completed(), jobs=(job(),)), "copy 1", again=600),
    quiet("cancelled-and-swept-long-ago", after(CANCELLED | {"completionTime": text(at(-7200))})),
    quiet("all-gone", after(completed(since=at(-7200)))),
    quiet(
        "cancelled-before-any-attempt",
        after(NUMBERED | {"conditions": condition("Cancelled", "False", since=LONG_AGO)}),
    ),
    quiet("hit", after(HIT), "copy 1"),
    quiet("hit-an-hour-ago", after(HIT | {"completionTime": text(at(-3600))})),
    quiet("linked", observed(instance(status=completed()), program=LINK, no_pod=True), "copy 1", again=600),
    quiet(
        "linked-and-kept-long-enough",
        observed(instance(status=completed(since=LONG_AGO)), program=LINK, no_pod=True),
        "copy 1",
    ),
    quiet(
        "linked-long-ago",
        observed(instance(status=completed(since=at(-7200))), program=LINK, no_pod=True),
    ),
    quiet(
        "not-owned-yet",
        after(completed(since=at(-7200)), meta={"ownerReferences": []}),
        before=("claim look",),
    ),
    quiet(
        "feed-being-deleted",
        after(completed(since=at(-7200)), meta={"ownerReferences": []}, feed=feed(**DELETED)),
    ),
    quiet("feed-gone", after(completed(since=at(-7200)), feed=None)),
    quiet("parent-gone", after(completed(since=at(-7200)), parents={"root": None})),
    quiet("plugin-gone", after(completed(since=at(-7200)), program=None)),
    quiet("cancelled-too-late", after(completed(since=at(-7200)), spec={"cancel": True})),
    quiet("no-tenant-any-more", after(completed(since=at(-7200)), tenant=Tenant("alice"))),
)


def leaving(status: Object, **others: Any) -> Observed:
    """A run that is being deleted."""
    return after(status, meta=DELETED | others.pop("meta", {}), **others)


DELETION = (
    quiet("ended", leaving(completed()), "delete data"),
    quiet("ended-with-job", leaving(completed(), jobs=(job(),), pod=ended()), "stop scan-1", again=5),
    quiet("running", leaving(attempted(), jobs=(job(),), pod=pod(Stage.RUNNING)), "stop scan-1", again=5),
    quiet("job-going", leaving(attempted(), jobs=(job(deleted=True),), pod=pod(Stage.RUNNING)), again=5),
    quiet(
        "pod-going", leaving(attempted(), pod=pod(Stage.RUNNING, deleted=True, deleted_at=at(20))), again=5
    ),
    quiet("pod-ended", leaving(attempted(), pod=ended(143, 143)), "delete data"),
    quiet(
        "pod-hangs", leaving(attempted(), pod=pod(Stage.RUNNING, deleted=True, deleted_at=at(-59))), again=5
    ),
    quiet(
        "pod-given-up",
        leaving(attempted(), pod=pod(Stage.RUNNING, deleted=True, deleted_at=at(-60))),
        "delete data",
    ),
    quiet("between-attempts", leaving(between("NodeLost", NOW, failures={"NodeLost": 1})), "delete data"),
    quiet("waiting", leaving(waiting()), "delete data"),
    quiet("never-numbered", leaving({}), "release"),
    quiet("numbered-without-feed", leaving({"id": 8, "user": "alice"}), "release"),
    quiet("no-tenant", leaving({"conditions": condition("NotATenant")}, tenant=Tenant("alice")), "release"),
    quiet("no-tenant-any-more", leaving(completed(), tenant=Tenant("alice")), "delete data"),
    quiet(
        "plugin-parent-and-feed-gone",
        leaving(completed(), program=None, parents={"root": None}, feed=None),
        "delete data",
    ),
    quiet("unreadable", leaving(completed(), malformed="spec.retries: …"), "delete data"),
    quiet("others-finalizers-only", leaving(completed(), meta={"finalizers": ["else/where"]}, jobs=(job(),))),
    quiet(
        "cancelled-and-running",
        leaving(attempted(), spec={"cancel": True}, jobs=(job(),), pod=pod(Stage.RUNNING)),
        "stop scan-1",
        again=5,
    ),
)


@pytest.mark.parametrize("row", [*ENDED, *DELETION], ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", [*ENDED, *DELETION], ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


def test_data_goes_only_after_every_pod():
    """Pods, then data, then the finalizer: so nothing writes behind the deletion."""
    steps = [
        leaving(attempted(), jobs=(job(),), pod=pod(Stage.RUNNING)),
        leaving(
            attempted(), jobs=(job(deleted=True),), pod=pod(Stage.RUNNING, deleted=True, deleted_at=at(30))
        ),
        leaving(attempted(), pod=pod(Stage.RUNNING, deleted=True, deleted_at=at(30))),
        leaving(attempted()),
    ]
    done = [tuple(map(spell, decide(step).actions)) for step in steps]
    assert done == [("stop scan-1",), (), (), ("delete data",)]


def test_a_run_without_our_finalizer_is_left_alone():
    run = instance(meta={}, **DELETED, finalizers=[])
    assert FINALIZER not in run.metadata.finalizers
    plan = decide(observed(run, jobs=(job(),), pod=pod(Stage.RUNNING)))
    assert (plan.status, plan.actions, plan.again) == (None, (), None)


@pytest.mark.parametrize(("reason", "truth"), [("Completed", "True"), ("PluginFailed", "False")], ids=str)
def test_a_change_after_the_end_is_observed_and_nothing_else_changes(reason: str, truth: str):
    """kubectl wait believes no condition that tells of an older generation."""
    o = after(completed(reason, truth, since=at(-7200)), meta={"generation": 2})
    plan = decide(o)
    status = told(plan)
    assert status is not None
    assert status.observed_generation == 2
    assert {c.observed_generation for c in status.conditions} == {2}
    assert (status.output, status.completion_time) == (o.instance.status.output, text(at(-7200)))
    assert status.conditions[0].last_transition_time == text(at(-7200))
    assert plan.event is None
    assert decide(written(o, plan)).status is None
