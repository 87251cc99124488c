"""After a failed attempt: bounds, back-off, growth of memory, and what the next attempt needs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.attempt_scenes import BOUNDED, NEW, PUBLISH_FAILED, PULLING, STAGE_IN_FAILED, under_way
from tests.plan_rows import told
from tests.runs import (
    DS,
    JOB_UID,
    NOW,
    SETTINGS,
    at,
    attempted,
    between,
    child,
    decide,
    ended,
    instance,
    job,
    observed,
    pod,
    text,
    written,
)

from chris_operator.core.observe import PodFacts, Stage
from chris_operator.core.observed import Observed
from chris_operator.core.phases import PHASES, Kind, Reason
from chris_operator.core.verdict import Plan, StartAttempt


@pytest.mark.parametrize(
    "reason", [r for r in Reason if PHASES[r].kind is Kind.RETRIED and PHASES[r].bound], ids=str
)
@pytest.mark.parametrize("left", [1, 0], ids=["one-left", "none-left"])
def test_platform_failures_are_bounded_and_not_charged_to_the_user(reason: Reason, left: int):
    bound = PHASES[reason].bound or 0
    causes = {
        Reason.IMAGE_PULL_FAILED: pod(Stage.PENDING, created=at(-300), **PULLING),
        Reason.STAGE_IN_FAILED: PodFacts(stage=Stage.ENDED, stage_in=STAGE_IN_FAILED),
        Reason.PUBLISH_FAILED: ended(0, 75, report=PUBLISH_FAILED),
        Reason.PREEMPTED: ended(143, 143, report={}, evicted="drained"),
        Reason.NODE_LOST: PodFacts(stage=Stage.ENDED),
        Reason.OUT_OF_MEMORY: ended(137, reason="OOMKilled"),
    }
    failures = {reason.value: bound - 1 - left, "PluginFailed": 1}
    plan = decide(under_way(causes[reason], attempted(failures=failures), spec={"retries": 1}))
    status = told(plan)
    assert status is not None
    assert status.conditions[0].status == ("Unknown" if left else "False")
    assert status.failures == failures | {reason.value: bound - left}


@pytest.mark.parametrize(
    ("pod_facts", "reason"),
    [
        (ended(143, 143, report={}, evicted="drained"), "Preempted"),
        (PodFacts(stage=Stage.ENDED), "NodeLost"),
    ],
    ids=["evicted", "gone"],
)
def test_slack_gives_way_without_end(pod_facts: PodFacts, reason: str):
    plan = decide(under_way(pod_facts, attempted(failures={reason: 10_000}), spec={"priority": "slack"}))
    status = told(plan)
    assert status is not None
    assert (status.conditions[0].status, status.failures) == ("Unknown", {reason: 10_001})


@pytest.mark.parametrize(("lasted", "wait"), [(300, 80), (301, 10)], ids=["soon-again", "after-long"])
def test_what_had_a_place_for_long_is_soon_tried_again(lasted: float, wait: int):
    status = between("Preempted", NOW, failures={"Preempted": 4})
    status["attempt"]["created"] = text(at(-lasted))
    o = observed(child(status), jobs=(job(),), pod=ended(143, 143))
    assert decide(o).again == at(wait)


@pytest.mark.parametrize(
    ("reason", "failures", "wait"),
    [
        ("NodeLost", {"NodeLost": 1}, 10),
        ("NodeLost", {"NodeLost": 2}, 20),
        ("NodeLost", {"NodeLost": 2, "Preempted": 2}, 80),
        ("PluginFailed", {"PluginFailed": 6}, 300),
        ("Preempted", {"Preempted": 99}, 300),
        ("OutOfMemory", {"OutOfMemory": 3}, 0),
        ("FromANewerOperator", {"FromANewerOperator": 1}, 10),
    ],
    ids=[
        "first",
        "doubled",
        "all-kinds-count",
        "most",
        "no-overflow",
        "memory-needs-no-wait",
        "unknown-reason",
    ],
)
def test_back_off_grows_to_a_bound(reason: str, failures: dict[str, int], wait: int):
    run = child(between(reason, NOW, failures=failures), retries=10)
    o = observed(run, jobs=(job(),), pod=ended(143, 143))
    before = decide(o, now=at(wait - 1))
    assert (before.status, before.actions) == (None, ()) or wait == 0
    assert wait == 0 or before.again == at(wait)
    due = decide(o, now=at(wait))
    (start,) = due.actions
    assert isinstance(start, StartAttempt)
    assert start.attempt.number == 2


def _next(o: Observed) -> Plan:
    return decide(o, now=NOW + timedelta(hours=1))


def test_the_next_attempt_leaves_the_last_ones_job_to_be_read():
    run = child(between("PluginFailed", NOW, failures={"PluginFailed": 1}), retries=1)
    plan = _next(observed(run, jobs=(job(),)))
    status = told(plan)
    assert status is not None
    assert status.attempt is not None
    assert (status.attempt.number, status.attempt.uid, status.attempt.ended) == (2, None, None)
    # The ended Job stays for its log; a pod that still ran was stopped when the attempt failed.
    assert [type(action).__name__ for action in plan.actions] == ["StartAttempt"]
    assert plan.event is None


@pytest.mark.parametrize(
    ("program", "had", "gets"), [(DS, 200, 400), (BOUNDED, 400, 800), (BOUNDED, 600, 800)], ids=str
)
def test_memory_grows_after_running_out_of_it(program: Any, had: int, gets: int):
    status = between("OutOfMemory", NOW, failures={"OutOfMemory": 1}, memory=had)
    (start,) = _next(observed(child(status), program=program)).actions
    assert isinstance(start, StartAttempt)
    assert start.attempt.resources.memory_bytes == gets << 20


def test_memory_stays_after_other_failures():
    status = between("NodeLost", NOW, failures={"OutOfMemory": 1, "NodeLost": 1}, memory=400)
    (start,) = _next(observed(child(status))).actions
    assert isinstance(start, StartAttempt)
    assert start.attempt.resources.memory_bytes == 400 << 20


def test_memory_that_is_no_whole_mib_is_the_same_at_every_look():
    """The operator dies between the status and the Job: what it makes afterwards is what it wanted to make."""
    first = observed(child(None, resources={"memory": "1G"}))
    plan = decide(first)
    again = decide(written(first, plan))
    assert again.actions == plan.actions


@pytest.mark.parametrize(
    ("parents", "reason"),
    [({"root": None}, "ParentNotFound"), ({"root": instance("root")}, "ParentRunning")],
    ids=["deleted", "made-anew"],
)
def test_no_further_attempt_without_its_input(parents: Any, reason: str):
    run = child(between("NodeLost", NOW, failures={"NodeLost": 1}))
    plan = _next(observed(run, parents=parents))
    status = told(plan)
    assert plan.actions == ()
    assert status is not None
    assert (status.conditions[0].reason, status.failures) == (reason, {"NodeLost": 1})


def test_a_suspended_run_gets_no_further_attempt():
    run = child(between("NodeLost", NOW, failures={"NodeLost": 1}), suspend=True)
    status = told(_next(observed(run)))
    assert status is not None
    assert status.conditions[0].reason == "Suspended"


def test_an_adopted_job_is_remembered():
    """The operator died after the Job was made and before its UID stood in the status."""
    status = told(decide(under_way(pod(Stage.RUNNING), NEW)))
    assert status is not None
    assert status.attempt is not None
    assert status.attempt.uid == JOB_UID


def test_only_the_first_sign_of_a_transition_is_an_event():
    o = under_way(pod(Stage.PENDING, unschedulable="0/1 nodes"), NEW)
    later = replace(written(o, decide(o)), pod=pod(Stage.PENDING, unschedulable="0/2 nodes"))
    plan = decide(later)
    assert plan.status is not None
    assert plan.event is None


def test_a_deadline_is_counted_from_the_programs_start():
    slow = pod(Stage.PENDING, created=at(-3600))
    assert decide(under_way(slow, NEW, spec={"deadlineSeconds": 1})).status is None


@pytest.mark.parametrize(
    ("number", "since"), [(1, 120), (2, 62)], ids=["from-the-parents-end", "from-the-back-offs-end"]
)
def test_phases_add_up_to_what_neither_a_parent_nor_a_failure_took(number: int, since: int):
    status = attempted(number, created=text(at(-62)))
    found = told(decide(under_way(ended(), status, jobs=(job(number),))))
    assert found is not None
    assert found.phases is not None
    assert sum(value or 0 for value in found.phases.model_dump().values()) == pytest.approx(since, abs=1)


def test_settings_bound_the_patience_with_an_image():
    short = replace(SETTINGS, pull_patience=timedelta(seconds=60))
    plan = decide(under_way(pod(Stage.PENDING, **PULLING), NEW, settings=short))
    status = told(plan)
    assert status is not None
    assert status.failures == {"ImagePullFailed": 1}
