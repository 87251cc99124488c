"""Cancelled with an ancestor, held back, taken back: what users may still change about a run that exists."""

import pytest
from tests.attempt_scenes import NEW, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import (
    NOW,
    at,
    attempted,
    between,
    child,
    completed,
    ended,
    job,
    observed,
    parent,
    pod,
    text,
    waiting,
)

from chris_operator.core.observe import Stage

SUSPEND = {"suspend": True}
WORDS = ("spec.suspend", "false")
TAKEN_BACK = between("Suspended", at(-1), failures={})
ROWS = (
    Row(
        "an-ancestor-is-cancelled-while-it-waits",
        observed(child(waiting()), cancelled_by="root"),
        "Cancelled",
        "False",
        says=("cancelled with root", "spec.cancel"),
        event="Normal",
    ),
    Row(
        "an-ancestor-is-cancelled-while-it-runs",
        under_way(pod(Stage.RUNNING), cancelled_by="root"),
        "Cancelled",
        "False",
        event="Normal",
    ),
    Row(
        "an-ancestor-was-cancelled-and-so-the-parent-has-ended",
        observed(child(), parents={"root": parent(reason="Cancelled", truth="False")}, cancelled_by="top"),
        "Cancelled",
        "False",
        says=("cancelled with top",),
        event="Normal",
    ),
    Row(
        "an-ancestor-is-cancelled-after-the-end",
        observed(child(completed(since=at(-7200))), cancelled_by="root"),
        None,
    ),
    Row(
        "suspended-without-a-pod",
        under_way(status=NEW, spec=SUSPEND),
        "Suspended",
        says=WORDS,
        event="Normal",
        actions=("stop scan-1",),
        status={"failures": None},
    ),
    Row(
        "suspended-without-a-node",
        under_way(
            pod(Stage.PENDING, node="", unschedulable="0/1 nodes"),
            attempted(reason="Unschedulable"),
            spec=SUSPEND,
        ),
        "Suspended",
        event="Normal",
        actions=("stop scan-1",),
        moves_on=True,
    ),
    Row("suspended-with-a-node", under_way(pod(Stage.PENDING), NEW, spec=SUSPEND), None, again=2),
    Row("suspended-while-it-runs", under_way(pod(Stage.RUNNING), spec=SUSPEND), "Running"),
    Row(
        "suspended-when-its-job-has-failed",
        under_way(jobs=(job(failed="BackoffLimitExceeded"),), spec=SUSPEND),
        "NodeLost",
        event="Warning",
        actions=("stop scan-1",),
        again=0,
        moves_on=True,
    ),
    Row(
        "taken-back-and-its-job-still-there",
        under_way(pod(Stage.PENDING, node=""), TAKEN_BACK, spec=SUSPEND),
        "Suspended",
        actions=("stop scan-1",),
    ),
    Row(
        "taken-back-and-let-go",
        observed(child(TAKEN_BACK)),
        "Scheduled",
        says=("attempt 2",),
        actions=("start scan-2 200Mi",),
        again=5,
        moves_on=True,
        status={"attempt": {"number": 2, "memory": 200, "created": text(NOW)}},
    ),
    Row(
        "suspended-when-the-program-has-failed",
        under_way(ended(3), spec=SUSPEND | {"retries": 1}),
        "PluginFailed",
        event="Warning",
        again=0,
        moves_on=True,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_written_once(row: Row):
    check_idempotence(row)
