"""A run in a queue of Kueue's: its Job is made suspended, waits without alarm, and may be sent back."""

import pytest
from tests.attempt_scenes import NEW, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import JOB_UID, Object, at, attempted, child, decide, ended, job, observed, pod

from chris_operator.core.names import ID_LABEL, QUEUE_LABEL
from chris_operator.core.observe import PodFacts, Stage, job_facts
from chris_operator.core.observed import Observed
from chris_operator.core.verdict import StartAttempt

LABELS = {"labels": {ID_LABEL: "8", QUEUE_LABEL: "night"}}
HELD = (job(suspended=True),)


def held(pod_facts: PodFacts | None = None, status: Object | None = None, **others: object) -> Observed:
    """A run of the queue `night`, whose Job is suspended."""
    others.setdefault("jobs", HELD)
    return observed(child(status or NEW, meta=LABELS), pod=pod_facts, **others)  # type: ignore[arg-type]


ROWS = (
    Row("just-made", held(jobs=(job(suspended=True, created=at(-0.5)),)), None, again=1.5),
    Row(
        "waits",
        held(),
        "Queued",
        says=("queue night", "Kueue", "scan-1"),
        event="Normal",
        status={
            "attempt": {
                "number": 1,
                "uid": JOB_UID,
                "memory": 200,
                "created": attempted()["attempt"]["created"],
            }
        },
    ),
    Row("told-already", held(pod(Stage.PENDING, node=""), attempted(reason="Queued")), "Queued"),
    Row(
        "admitted",
        held(pod(Stage.PENDING), attempted(reason="Queued"), jobs=(job(),)),
        "Scheduled",
        again=2,
    ),
    Row(
        "sent-back-and-its-pod-ends",
        held(ended(143, 143, report={}), attempted()),
        "Preempted",
        says=("attempt 1: its queue took its place back; attempt 2 follows",),
        event="Warning",
        again=0,
        moves_on=True,
    ),
    Row(
        "sent-back-and-its-job-gives-up",
        held(jobs=(job(suspended=True, failed="BackoffLimitExceeded"),)),
        "Preempted",
        event="Warning",
        actions=("stop scan-1",),
        again=0,
        moves_on=True,
    ),
    Row(
        "sent-back-while-its-pod-ends-well",
        held(ended(), attempted()),
        "Completed",
        "True",
        event="Normal",
        actions=("copy 1",),
    ),
    Row(
        "suspended-in-the-queue",
        under_way(status=NEW, jobs=HELD, spec={"suspend": True}),
        "Suspended",
        event="Normal",
        actions=("stop scan-1",),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_written_once(row: Row):
    check_idempotence(row)


def test_the_queue_is_that_of_the_label():
    (start,) = decide(observed(child(meta=LABELS))).actions
    assert isinstance(start, StartAttempt)
    assert start.attempt.queue == "night"


@pytest.mark.parametrize(
    ("spec", "expected"), [({"suspend": True}, True), ({"suspend": False}, False), ({}, False)], ids=str
)
def test_a_jobs_suspension_is_seen(spec: Object, expected: bool):
    found = job_facts({"metadata": {"name": "j", "uid": "u"}, "spec": spec}, "label")
    assert found.suspended is expected
