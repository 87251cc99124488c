"""A Plugin that was deleted under its runs: the attempt that is there goes on to its end, and no other starts."""

from dataclasses import replace

import pytest
from tests.attempt_scenes import NEW, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import FACTS, at, between, child, ended, instance, job, observed, pod

from chris_operator.core.observe import Stage

WAITS = ("pl-x 1.0.0", "apply a Plugin named pl-x-1.0.0")
ROWS = (
    Row("pod-runs", under_way(pod(Stage.RUNNING), NEW, program=None), "Running", says=("n1",)),
    Row(
        "pod-has-ended-well",
        under_way(ended(), program=None),
        "Completed",
        "True",
        says=("3 files",),
        event="Normal",
        actions=("copy 1",),
    ),
    Row(
        "pod-ran-out-of-memory",
        under_way(ended(137, reason="OOMKilled"), program=None),
        "OutOfMemory",
        says=("attempt 2 follows",),
        event="Warning",
        again=0,
        moves_on=True,
    ),
    Row(
        "pod-lacks-its-secret",
        under_way(pod(Stage.PENDING), NEW, program=None),
        None,
        facts=replace(FACTS, secret=False),
        again=2,
    ),
    Row(
        "next-attempt",
        observed(
            child(between("PluginFailed", at(-60), failures={"PluginFailed": 1}), retries=1), program=None
        ),
        "PluginNotFound",
        says=WAITS,
        event="Normal",
    ),
    Row(
        "link-only",
        observed(instance(spec={"feed": "look"}), program=None, no_pod=True, jobs=(job(),)),
        "PluginNotFound",
        says=WAITS,
        event="Normal",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)
