"""Conditions: times that change only with the status, and the pairs that kstatus reads."""

import pytest
from tests.runs import NOW, at, text

from chris_operator.core.conditions import ready_conditions, run_conditions
from chris_operator.core.phases import Reason
from chris_operator.models.conditions import Condition, ConditionType, find

Conditions = tuple[Condition, ...]


def _run(reason: Reason, *, final: bool = False, seconds: float = 0, before: Conditions = ()) -> Conditions:
    return run_conditions(reason, "why", final=final, generation=4, now=at(seconds), before=before)


@pytest.mark.parametrize(
    ("reason", "final", "expected"),
    [
        (Reason.PARENT_RUNNING, False, {"Succeeded": "Unknown", "Reconciling": "True"}),
        (Reason.RUNNING, False, {"Succeeded": "Unknown", "Reconciling": "True"}),
        (Reason.PLUGIN_FAILED, False, {"Succeeded": "Unknown", "Reconciling": "True"}),
        (Reason.PLUGIN_FAILED, True, {"Succeeded": "False", "Stalled": "True"}),
        (Reason.CANCELLED, True, {"Succeeded": "False", "Stalled": "True"}),
        (Reason.COMPLETED, True, {"Succeeded": "True"}),
    ],
    ids=["waiting", "active", "retried", "given-up", "failed", "succeeded"],
)
def test_kstatus_pair(reason: Reason, final: bool, expected: dict[str, str]):
    found = _run(reason, final=final)
    assert {c.type: c.status for c in found} == expected
    assert {(c.reason, c.message, c.observed_generation) for c in found} == {(reason.value, "why", 4)}


@pytest.mark.parametrize(
    ("before", "after", "final", "since"),
    [
        (Reason.PARENT_RUNNING, Reason.RUNNING, False, 0),
        (Reason.RUNNING, Reason.RUNNING, False, 0),
        (Reason.RUNNING, Reason.COMPLETED, True, 60),
        (Reason.RUNNING, Reason.PLUGIN_FAILED, True, 60),
    ],
    ids=["other-reason", "the-same", "success", "failure"],
)
def test_transition_time_is_that_of_the_status(before: Reason, after: Reason, final: bool, since: float):
    found = _run(after, final=final, seconds=60, before=_run(before))
    succeeded = find(found, ConditionType.SUCCEEDED)
    assert succeeded is not None
    assert succeeded.last_transition_time == text(at(since))


def test_a_long_message_is_cut():
    (found, *_) = run_conditions(Reason.RUNNING, "x" * 99_999, final=False, generation=1, now=NOW, before=())
    assert len(found.message) == 2_000


@pytest.mark.parametrize(
    ("ready", "expected"),
    [(True, {"Ready": "True"}), (False, {"Ready": "False", "Reconciling": "True"})],
    ids=["ready", "not-ready"],
)
def test_ready_conditions(ready: bool, expected: dict[str, str]):
    found = ready_conditions("Why", "because", ready=ready, generation=1, now=NOW, before=())
    assert {c.type: c.status for c in found} == expected
