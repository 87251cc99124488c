"""Attempts that end badly: whose fault it is, how many follow, what is told, and that nothing stays behind."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.controller.pods import STAGED, Attempt, ended, report, running
from tests.controller.tenant import FILES, Tenant

from chris_operator.models.quantity import parse_memory

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]

KEPT = "; its log and what it wrote are kept"


def no_more(count: int) -> str:
    return f"; no further attempt after {count} of this kind"


@pytest.mark.parametrize("code", [3, 137], ids=["exit-3", "sigkill"])
def test_a_program_that_fails_is_final(tenant: Tenant, code: int):
    run = tenant.run("scan")
    run.attempt().fails(code, FILES)
    words = {3: "exit code 3", 137: "exit code 137 (killed by SIGKILL)"}[code]
    message = run.until("PluginFailed", "False")
    assert message == f"attempt 1: the program ended with {words}{no_more(1)}{KEPT}"
    status = run.status
    assert status["failures"] == {"PluginFailed": 1}
    assert status["usage"]["exitCode"] == code
    assert (status["output"]["partial"], status["output"]["files"]) == (True, 2)
    run.told(("Warning", "PluginFailed", message))
    place = f"home/{tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}"
    run.await_clean()
    assert tenant.leftovers() == {}
    assert f"{place}/manifest" in tenant.objects()
    assert f"{place}/attempts/1/log" in tenant.objects()


def test_a_program_that_fails_runs_again_as_often_as_asked(tenant: Tenant):
    run, told = tenant.run("scan", retries=2), []
    for number, tail in ((1, "; attempt 2 follows"), (2, "; attempt 3 follows")):
        run.attempt(number).fails(3)
        message = run.until("PluginFailed", attempt=number)
        assert message == f"attempt {number}: the program ended with exit code 3{tail}"
        told.append(("Warning", "PluginFailed", message))
    run.attempt(3).fails(3)
    message = run.until("PluginFailed", "False")
    assert message == f"attempt 3: the program ended with exit code 3{no_more(3)}{KEPT}"
    assert run.status["failures"] == {"PluginFailed": 3}
    run.told(*told, ("Warning", "PluginFailed", message))


def test_a_second_attempt_may_succeed_and_its_output_counts(tenant: Tenant):
    run = tenant.run("scan", retries=1)
    first = run.attempt()
    first.fails(3, {"wrong.txt": b"wrong"})
    second = run.attempt(2)
    assert second.prefix == first.prefix.replace("/attempts/1/", "/attempts/2/")
    second.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["output"]["attempt"] == 2


def test_memory_grows_to_the_plugins_maximum_then_it_is_final(tenant: Tenant):
    tenant.done("scan")
    run, told = tenant.run("smooth", "pl-ds", ["scan"]), []
    for number, (memory, more) in enumerate(((200, 400), (400, 500)), start=1):
        attempt = run.attempt(number)
        assert _memory(attempt) == memory
        attempt.fails(137, reason="OOMKilled")
        message = run.until("OutOfMemory", attempt=number)
        words = f"attempt {number}: the program ran out of {memory} MiB of memory and gets {more} MiB"
        assert message == f"{words}; attempt {number + 1} follows"
        told.append(("Warning", "OutOfMemory", message))
    last = run.attempt(3)
    assert _memory(last) == 500
    last.fails(137, reason="OOMKilled")
    message = run.until("OutOfMemory", "False")
    assert message == f"the program needs more than 500 MiB of memory, the plugin's maximum{KEPT}"
    assert run.status["failures"] == {"OutOfMemory": 3}
    run.told(*told, ("Warning", "OutOfMemory", message))
    run.await_clean()
    assert tenant.leftovers() == {}


def _memory(attempt: Attempt) -> int:
    return parse_memory(attempt.container("plugin")["resources"]["limits"]["memory"]) >> 20


# -- failures that nobody is charged for


def _stage_in(attempt: Attempt) -> None:
    told = report(
        "stage-in",
        ok=False,
        code="ChecksumMismatch",
        object="home/u/x/pack-0",
        line=12,
        message="content differs",
    )
    attempt.containers(stage_in=ended(75, message=told))
    attempt.tell({"phase": "Failed"})


def _stage_in_killed(attempt: Attempt) -> None:
    attempt.containers(stage_in=ended(137, "OOMKilled"))
    attempt.tell({"phase": "Failed"})


def _publish(attempt: Attempt) -> None:
    told = report("publish", ok=False, code="SwiftUnavailable", message="no answer for 600 s")
    attempt.ends(ended(0), ended(75, message=told))


def _publish_alone(attempt: Attempt) -> None:
    told = report("publish", ok=False, code="NoSpace")
    attempt.containers(stage_in=ended(0, message=STAGED), plugin=running(), publish=ended(75, message=told))


def _evicted(attempt: Attempt) -> None:
    attempt.runs()
    attempt.is_evicted("The node was low on resource: memory.")


def _pod_deleted(attempt: Attempt) -> None:
    attempt.runs()
    attempt.vanishes()
    attempt.job_fails("Job has reached the specified backoff limit")


def _pod_drained(attempt: Attempt) -> None:
    told = report("publish", ok=False, code="Aborted")
    attempt.ends(ended(143), ended(143, message=told))


def _job_deleted(attempt: Attempt) -> None:
    attempt.runs()
    run, namespace = (
        attempt.job["metadata"]["labels"]["chrisproject.org/run"],
        attempt.job["metadata"]["namespace"],
    )
    # A Job that goes before the operator has seen its pod is only made again.
    attempt.admin.wait(
        "PluginInstance", run, namespace, until=lambda run: run["status"]["attempt"].get("uid")
    )
    attempt.job_is_deleted()


@dataclass(frozen=True)
class Blameless:
    """How an attempt ends without the program's fault, and what the run says."""

    end: Callable[[Attempt], None]
    reason: str
    words: str


BLAMELESS = (
    Blameless(
        _stage_in,
        "StageInFailed",
        "stage-in failed with ChecksumMismatch at object home/u/x/pack-0, manifest line 12: content differs",
    ),
    Blameless(_stage_in_killed, "StageInFailed", "stage-in ended with exit code 137 (OOMKilled)"),
    Blameless(_publish, "PublishFailed", "publish failed with SwiftUnavailable: no answer for 600 s"),
    Blameless(_publish_alone, "PublishFailed", "publish ended with 75 while the program was running"),
    Blameless(_evicted, "Preempted", "its pod was evicted: The node was low on resource: memory."),
    Blameless(_pod_deleted, "NodeLost", "its pod is gone (Job has reached the specified backoff limit)"),
    Blameless(_pod_drained, "NodeLost", "its pod was removed before the program's end"),
    Blameless(_job_deleted, "NodeLost", "its Job was deleted from outside"),
)


@pytest.mark.parametrize("case", BLAMELESS, ids=lambda case: case.end.__name__.strip("_"))
def test_what_is_not_the_programs_fault_is_tried_again(tenant: Tenant, case: Blameless):
    run = tenant.run("scan")
    case.end(run.attempt())
    message = run.until(case.reason, attempt=1)
    assert message == f"attempt 1: {case.words}; attempt 2 follows"
    run.told(("Warning", case.reason, message))
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")
    status = run.status
    assert status["failures"] == {case.reason: 1}
    assert status["output"]["attempt"] == 2
