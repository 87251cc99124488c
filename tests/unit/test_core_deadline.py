"""Programs that run longer than they may: whether `run` stopped them, what is kept, and when the operator steps in."""

import pytest
from tests.attempt_scenes import PUBLISH_FAILED, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import at, attempted, decide, ended, job, pod

from chris_operator.core.fanout import as_one
from chris_operator.core.observe import PodFacts, Stage

LIMITED = attempted(deadlineSeconds=30)
"""The program's container ran for 30 seconds, from 40 to 10 seconds ago."""

ROWS = (
    Row(
        "stopped-at-its-deadline",
        under_way(ended(124), LIMITED, spec={"deadlineSeconds": 30}),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 30", "log"),
        event="Warning",
        actions=("copy 1",),
        status={"usage": {"exitCode": 124, "cpuSeconds": 1.5, "peakMemoryBytes": 1 << 20}},
    ),
    Row(
        "stopped-at-its-deadline-which-was-raised-meanwhile",
        under_way(ended(124), LIMITED, spec={"deadlineSeconds": 3600, "retries": 3}),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 30",),
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "stopped-at-its-deadline-unpublished",
        under_way(ended(124, 75, report=PUBLISH_FAILED), LIMITED),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 30",),
        event="Warning",
        status={"output": None},
    ),
    Row(
        "stopped-at-its-deadline-of-which-the-status-lost-word",
        under_way(ended(124), spec={"deadlineSeconds": 30}),
        "DeadlineExceeded",
        "False",
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "ends-with-124-long-before-its-deadline",
        under_way(ended(124), attempted(deadlineSeconds=32)),
        "PluginFailed",
        "False",
        says=("exit code 124",),
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "ends-with-124-without-a-deadline",
        under_way(ended(124)),
        "PluginFailed",
        "False",
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "ends-well-after-its-deadline",
        under_way(ended(), attempted(deadlineSeconds=1)),
        "Completed",
        "True",
        event="Normal",
        actions=("copy 1",),
    ),
    Row(
        "hangs-long-after-its-deadline",
        under_way(pod(Stage.RUNNING), LIMITED, spec={"deadlineSeconds": 30}),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 30", "stopped"),
        event="Warning",
        actions=("stop scan-1",),
        now=at(80),
    ),
    Row(
        "runs-past-a-deadline-given-later",
        under_way(pod(Stage.RUNNING), spec={"deadlineSeconds": 20}),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 20",),
        event="Warning",
        actions=("stop scan-1",),
        now=at(70),
    ),
    Row(
        "runs-past-a-deadline-shortened-later",
        under_way(pod(Stage.RUNNING), LIMITED, spec={"deadlineSeconds": 20}),
        "DeadlineExceeded",
        "False",
        says=("deadlineSeconds: 20",),
        event="Warning",
        actions=("stop scan-1",),
        now=at(70),
    ),
)


PUBLISHES = pod(Stage.PUBLISHING, index=0, plugin_started=at(-3600))
RUNS = pod(Stage.RUNNING, index=1)


@pytest.mark.parametrize("crew", [(PUBLISHES, RUNS), (PUBLISHES,)], ids=["one-runs", "none-runs"])
def test_a_worker_that_publishes_has_kept_its_deadline(crew: tuple[PodFacts, ...]):
    o = under_way(as_one(crew, over=False), LIMITED, jobs=(job(workers=2, split="files"),), crew=crew)
    plan = decide(o)
    assert plan.actions == ()
    assert plan.status is None or plan.status["conditions"][0]["reason"] == "Running"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)
