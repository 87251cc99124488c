"""Where the API server's version says that images can be mounted, all containers start together; elsewhere in turn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from tests.controller.operator_process import Operator
from tests.controller.pods import Attempt, ended, report, running, waiting
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
TOOLS_PULL = 'failed to pull and unpack image "localhost/chris/staging:test": not found'


@pytest.fixture
def slow_operator(operator: Operator) -> Iterator[Operator]:
    """The operator, which starts pods in turn from its next start on; afterwards as before."""
    operator.environment["CHRIS_FAST_START"] = "off"
    try:
        yield operator
    finally:
        del operator.environment["CHRIS_FAST_START"]
        operator.stop()


def _places(attempt: Attempt) -> dict[str, list[str]]:
    return {
        place: [each["name"] for each in attempt.spec.get(place, ())]
        for place in ("initContainers", "containers")
    }


def test_an_attempt_outlives_a_change_of_the_way_to_start(slow_operator: Operator, tenant: Tenant):
    together = tenant.run("together")
    first = together.attempt()
    assert _places(first) == {"initContainers": [], "containers": ["stage-in", "publish", "plugin"]}
    slow_operator.stop()
    slow_operator.start()
    in_turn = tenant.run("in-turn")
    second = in_turn.attempt()
    assert _places(second) == {"initContainers": ["stage-in"], "containers": ["publish", "plugin"]}
    for run, attempt in ((together, first), (in_turn, second)):
        attempt.stages_in()
        run.until("StagingIn")
        attempt.runs()
        run.until("Running")
        attempt.succeeds(FILES)
        run.until("Completed", "True")


def test_a_program_that_waits_for_its_input_does_not_run_yet(tenant: Tenant):
    """Its container does; its time counts from when the input is there."""
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.containers(stage_in=running(), plugin=running(), publish=running())
    assert run.until("StagingIn") == "the input is being fetched"
    assert "startTime" not in run.status
    attempt.runs()
    run.until("Running")
    assert "startTime" in run.status
    attempt.succeeds(FILES)
    run.until("Completed", "True")


def test_staging_that_fails_beside_the_others_is_judged_when_all_have_ended(tenant: Tenant):
    """They see it by themselves, and their logs stay to be read."""
    run = tenant.run("scan")
    attempt = run.attempt()
    told = report("stage-in", ok=False, code="ObjectMissing", object="home/u/x/pack-0", line=2)
    failed = {"stage_in": ended(75, message=told), "plugin": ended(75), "publish": ended(75)}
    attempt.containers(**failed | {"plugin": running()})
    attempt.containers(**failed)
    attempt.tell({"phase": "Failed"})
    message = run.until("StageInFailed")
    words = "stage-in failed with ObjectMissing at object home/u/x/pack-0, manifest line 2"
    assert message == f"attempt 1: {words}; attempt 2 follows"
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["failures"] == {"StageInFailed": 1}


@dataclass(frozen=True)
class Broken:
    """Containers of which some have ended and some would wait for ever, and what the run says."""

    states: Callable[[], dict[str, Object]]
    reason: str
    words: str


BROKEN = {
    "staging-killed": Broken(
        lambda: {"stage_in": ended(137, "OOMKilled"), "plugin": running(), "publish": running()},
        "StageInFailed",
        "stage-in ended with exit code 137 (OOMKilled)",
    ),
    "program-killed-before-its-input-was-there": Broken(
        lambda: {"stage_in": running(), "plugin": ended(137), "publish": running()},
        "NodeLost",
        "the program's container ended with 137 before its input was there",
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_containers_that_would_wait_for_ever_are_stopped(tenant: Tenant, broken: Broken):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.containers(**broken.states())
    message = run.until(broken.reason)
    assert message == f"attempt 1: {broken.words}; attempt 2 follows"
    run.heard("Warning", broken.reason, message)
    tenant.admin.wait_gone(attempt.job)
    attempt.vanishes()
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")


def test_tools_that_cannot_be_pulled_are_not_the_programs_fault(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    problem = waiting("ErrImagePull", TOOLS_PULL)
    attempt.containers(stage_in=problem, plugin=problem, publish=problem)
    message = run.until("ImagePullFailed")
    assert message.endswith(
        f"{TOOLS_PULL}: check the operator's CHRIS_STAGING_IMAGE and CHRIS_IMAGE_PULL_SECRETS"
    )
    attempt.succeeds(FILES)
    run.until("Completed", "True")
