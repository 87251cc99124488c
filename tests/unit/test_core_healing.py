"""A status that lost what stands elsewhere, and what a plan makes of one."""

from dataclasses import replace
from typing import Any

import pytest
from tests.plan_rows import told
from tests.runs import (
    DIGEST,
    FACTS,
    JOB_UID,
    NUMBERED,
    Object,
    at,
    attempted,
    child,
    completed,
    decide,
    job,
    observed,
    pod,
    text,
)

from chris_operator.core.healing import healed
from chris_operator.core.names import ID_LABEL
from chris_operator.core.observe import JobFacts, Stage
from chris_operator.models.plugininstance import Output

OUTPUT: Object = {"attempt": 2, "digest": DIGEST, "files": 3, "bytes": 99, "partial": False}
KEPT = replace(FACTS, kept=(Output.model_validate(OUTPUT),))
NOTHING_KEPT = replace(FACTS, kept=())

HEALED: dict[str, tuple[Object, tuple[JobFacts, ...], Object]] = {
    "number-lost": ({"id": None}, (), {"id": 8}),
    "number-there": ({"id": 9}, (), {"id": 9}),
    "attempt-lost": ({"attempt": None}, (job(2),), {"attempt.number": 2, "attempt.uid": JOB_UID}),
    "counted-down": ({}, (job(1), job(3)), {"attempt.number": 3, "attempt.memory": 200}),
    "ahead-of-its-job": ({"attempt": {"number": 4}}, (job(3),), {"attempt.number": 4, "attempt.uid": None}),
    "no-job-left": ({}, (), {"attempt.number": 1}),
}


@pytest.mark.parametrize(("change", "jobs", "expected"), HEALED.values(), ids=HEALED)
def test_what_a_status_should_say(change: Object, jobs: tuple[JobFacts, ...], expected: Object):
    status = healed(child(attempted() | change), jobs).status

    def value(path: str) -> Any:
        found: Any = status
        for name in path.split("."):
            found = getattr(found, name)
        return found

    assert {path: value(path) for path in expected} == expected


@pytest.mark.parametrize("label", ["", "x", "-3", "0"], ids=["none", "text", "negative", "zero"])
def test_a_label_that_is_no_number_heals_nothing(label: str):
    run = child(NUMBERED | {"id": None}, meta={"labels": {ID_LABEL: label}})
    assert healed(run, ()) is run


def test_a_mended_status_is_written_before_anything_else():
    plan = decide(observed(child(attempted(2)), mended=True))
    status = told(plan)
    assert status is not None
    assert status.attempt is not None
    assert (status.attempt.number, plan.actions, plan.event) == (2, (), None)


OLD: Object = {"creationTimestamp": text(at(-3600))}
UNTOLD: Object = NUMBERED | {"conditions": []}
ENDS: dict[str, tuple[Object, bool, str, str]] = {
    "forgotten": (UNTOLD, True, "Completed", "True"),
    "never-known": (UNTOLD, False, "Scheduled", "Unknown"),
    "conditions-lost": (completed() | {"conditions": []}, False, "Completed", "True"),
    "partial-and-conditions-lost": (
        completed("PluginFailed", "False") | {"conditions": []},
        False,
        "PluginFailed",
        "False",
    ),
    "output-lost": (completed() | {"output": None}, True, "Completed", "True"),
}


@pytest.mark.parametrize(("status", "kept", "reason", "truth"), ENDS.values(), ids=ENDS)
def test_what_was_achieved_is_found_again(status: Object, reason: str, truth: str, *, kept: bool):
    plan = decide(observed(child(status, meta=OLD)), facts=KEPT if kept else NOTHING_KEPT)
    found = told(plan)
    assert found is not None
    assert (found.conditions[0].reason, found.conditions[0].status) == (reason, truth)
    assert (found.output is None) == (reason == "Scheduled")


def test_a_plugin_deleted_under_a_run_is_asked_for_by_the_next_attempt_only():
    running = observed(
        child(attempted(reason="Scheduled")), program=None, jobs=(job(),), pod=pod(Stage.RUNNING)
    )
    status = told(decide(running))
    assert status is not None
    assert status.conditions[0].reason == "Running"
    status = told(decide(observed(child(UNTOLD), program=None)))
    assert status is not None
    assert status.conditions[0].reason == "PluginNotFound"
