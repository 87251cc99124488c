"""The table of reasons is whole, and its two rules hold for every row."""

import pytest

from chris_operator.core.conditions import run_truth
from chris_operator.core.phases import PHASES, CubeStatus, Fault, Kind, Reason, cube_status, known_reason

ENDED = {CubeStatus.FINISHED_SUCCESSFULLY, CubeStatus.FINISHED_WITH_ERROR, CubeStatus.CANCELLED}
UNDECIDED = {Kind.WAITING, Kind.ACTIVE, Kind.RETRIED}


def test_every_reason_has_a_row():
    assert set(PHASES) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_final_exactly_when_it_is_true_or_false(reason: Reason):
    kind = PHASES[reason].kind
    truth = run_truth(reason, final=False)
    assert (truth == "Unknown") == (kind in UNDECIDED)
    assert (truth == "True") == (kind is Kind.SUCCEEDED)


@pytest.mark.parametrize("reason", Reason)
def test_only_retried_reasons_become_final_by_decision(reason: Reason):
    kind = PHASES[reason].kind
    expected = {Kind.SUCCEEDED: "True", Kind.FAILED: "False", Kind.RETRIED: "False"}.get(kind)
    if expected:
        assert run_truth(reason, final=True) == expected


@pytest.mark.parametrize("reason", [r for r in Reason if PHASES[r].kind is Kind.RETRIED])
def test_a_retried_reason_has_a_bound(reason: Reason):
    """The platform's own, or the run's `retries`; only the program's failure is charged to the user."""
    phase = PHASES[reason]
    assert (phase.bound is None) == (reason is Reason.PLUGIN_FAILED)
    assert phase.bound is None or phase.bound > 0
    assert phase.cube_final in ENDED


@pytest.mark.parametrize("reason", [r for r in Reason if PHASES[r].kind is not Kind.RETRIED])
def test_other_reasons_are_never_counted(reason: Reason):
    assert (PHASES[reason].bound, PHASES[reason].cube_final) == (None, None)


@pytest.mark.parametrize("truth", ["True", "False", "Unknown"])
@pytest.mark.parametrize("reason", Reason)
def test_every_condition_has_a_chris_status(reason: Reason, truth: str):
    assert cube_status(reason, truth) in CubeStatus


@pytest.mark.parametrize("reason", [r for r in Reason if PHASES[r].kind not in {Kind.WAITING, Kind.ACTIVE}])
def test_what_has_ended_looks_ended_to_chris_clients(reason: Reason):
    assert cube_status(reason, run_truth(reason, final=True)) in ENDED


@pytest.mark.parametrize("reason", [r for r in Reason if PHASES[r].kind in UNDECIDED])
def test_what_goes_on_looks_unended_to_chris_clients(reason: Reason):
    assert cube_status(reason, "Unknown") not in ENDED


def test_success_is_nobodys_fault_and_failure_is_somebodys():
    for reason, phase in PHASES.items():
        if phase.kind is Kind.SUCCEEDED:
            assert (phase.fault is Fault.NOBODY) == (reason is not Reason.PARTLY_COMPLETED)
        if phase.kind in {Kind.FAILED, Kind.RETRIED}:
            assert phase.fault is not Fault.NOBODY


@pytest.mark.parametrize(
    ("text", "reason"),
    [("PluginFailed", Reason.PLUGIN_FAILED), ("FromANewerOperator", None), ("", None), (None, None)],
    ids=["known", "unknown", "empty", "none"],
)
def test_words_that_others_wrote_are_no_error(text: str | None, reason: Reason | None):
    assert known_reason(text) is reason
