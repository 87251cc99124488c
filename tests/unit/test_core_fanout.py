"""Several workers that share the work of an attempt: how many, how far they are, and how they ended."""

from dataclasses import replace
from typing import Any

import pytest
from tests.runs import (
    DIGEST,
    FACTS,
    Object,
    at,
    attempted,
    child,
    completed,
    decide,
    ended,
    job,
    observed,
    parent,
    plugin,
    pod,
    text,
)

from chris_operator.core import fanout
from chris_operator.core.indexed import Fan
from chris_operator.core.observe import Ended, PodFacts, Stage
from chris_operator.core.observed import Observed, UnionFact
from chris_operator.core.verdict import StartAttempt, StopAttempt

SHARED = plugin(split="files", maxNumberOfWorkers=8, maxMemoryLimit="400Mi")
TOLERANT = plugin(split="files", maxNumberOfWorkers=8, partialSuccess=True)
OWN_WAY = plugin(split="index", maxNumberOfWorkers=8)
STAGE_IN_FAILED = Ended(75, "Error", at(-50), at(-45), {"step": "stage-in", "ok": False, "code": "NoSpace"})


def started(program: Any = SHARED, units: int = 5, **spec: Any) -> Fan | None:
    """How the first attempt's workers share the work."""
    plan = decide(observed(child(**spec), program=program), facts=replace(FACTS, units=units))
    (start,) = plan.actions
    assert isinstance(start, StartAttempt)
    workers = (plan.status or {}).get("workers")
    assert workers == (
        {"count": start.attempt.fan.workers, "succeeded": 0, "failed": 0} if start.attempt.fan else None
    )
    return start.attempt.fan


COUNTS: dict[str, tuple[Any, int, Object, int | None]] = {
    "one-by-default": (SHARED, 5, {}, None),
    "as-asked": (SHARED, 5, {"workers": 3}, 3),
    "no-more-than-there-is-to-share": (SHARED, 2, {"workers": 3}, 2),
    "one-file": (SHARED, 1, {"workers": 3}, None),
    "auto-by-what-there-is": (SHARED, 5, {"workers": "auto"}, 5),
    "auto-up-to-the-plugins-most": (SHARED, 50, {"workers": "auto"}, 8),
    "auto-where-the-program-divides": (OWN_WAY, 1, {"workers": "auto"}, 8),
    "the-program-divides": (OWN_WAY, 1, {"workers": 3}, 3),
    "auto-where-work-cannot-be-shared": (plugin(), 5, {"workers": "auto"}, None),
}


@pytest.mark.parametrize(("program", "units", "spec", "workers"), COUNTS.values(), ids=COUNTS)
def test_how_many_workers(program: Any, units: int, spec: Object, workers: int | None):
    fan = started(program, units, **spec)
    assert (fan.workers if fan else None) == workers


def test_what_else_the_job_is_told():
    assert started(TOLERANT, workers=4, maxParallel=2, retriesPerIndex=3) == Fan(
        4, "files", 2, 3, tolerant=True
    )


@pytest.mark.parametrize("workers", ["auto", 3], ids=str)
def test_an_empty_input_is_shared_with_nobody(workers: int | str):
    empty = {"root": parent(output={"attempt": 1, "digest": DIGEST, "files": 0, "bytes": 0})}
    plan = decide(observed(child(workers=workers), program=SHARED, parents=empty))
    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "EmptyInput"


def worker(index: int, found: PodFacts, **facts: Any) -> PodFacts:
    return replace(found, index=index, name=f"scan-1-{index}-x", **facts)


def crew(*pods: PodFacts, program: Any = SHARED, status: Object | None = None, **facts: Any) -> Observed:
    """A run of three workers with these pods, as the shell gathers it."""
    known = job(**{"workers": 3, "split": "files", **facts})
    run = child(status or attempted(), workers=3)
    one = fanout.as_one(pods, over=known.over)
    return observed(run, program=program, jobs=(known,), pod=one, crew=pods, older=pods)


def over(*pods: PodFacts, given_up: str = "", succeeded: str = "", **facts: Any) -> Observed:
    """The same when the Job controller has given up on some workers."""
    return crew(*pods, **{"failed": "too many", "given_up": given_up, "succeeded": succeeded, **facts})


DONE, RUNS, WAITS = ended(), pod(Stage.RUNNING), pod(Stage.PENDING, node="")
NO_ROOM = {"unschedulable": "0/1 nodes fit"}
GOOD = tuple(worker(index, DONE) for index in range(3))
CLASH = replace(FACTS.union or UnionFact(), clashes=2, clashing=(0, 2))
KEPT = "; its log and what it wrote are kept"


def told(o: Observed, facts: Any = FACTS) -> tuple[str, str, str]:
    """Reason, truth and message that are written."""
    plan = decide(o, facts=facts)
    assert plan.status is not None, plan
    found = plan.status["conditions"][0]
    return found["reason"], found["status"], found["message"]


def test_progress_is_told_in_few_steps():
    """By quarters, one for each minute at most: so few that it does not matter how many workers there are."""
    pods = (worker(0, DONE), worker(1, DONE), worker(2, RUNS))
    fresh = crew(*pods, succeeded="0-1")
    assert told(fresh) == ("Running", "Unknown", "3 workers share the work")
    old = attempted(reason="Running", created=text(at(-130))) | {"startTime": text(at(-125))}
    later = crew(*pods, succeeded="0-1", status=old)
    assert told(later)[2] == "3 workers share the work, half of them have ended"
    written = told(later)[2]
    again = old | {"conditions": [{**c, "message": written} for c in old["conditions"]]}
    plan = decide(crew(*pods, succeeded="0-1", status=again | {"image": "img@sha256:1"}))
    assert plan.status is None


def test_counts_are_told_with_the_words_only():
    told_before = attempted(reason="Running") | {
        "workers": {"count": 3, "succeeded": 0, "failed": 0},
        "startTime": text(at(-50)),
        "image": "img@sha256:1",
    }
    told_before["conditions"] = [
        {**c, "message": "3 workers share the work"} for c in told_before["conditions"]
    ]
    pods = (worker(0, DONE), worker(1, DONE), worker(2, RUNS))
    assert decide(crew(*pods, succeeded="0-1", status=told_before)).status is None
    later = decide(crew(*pods, succeeded="0-1", status=told_before), now=at(70))
    assert later.status is not None
    assert later.status["workers"] == {"count": 3, "succeeded": 2, "failed": 0}
    assert later.status["startTime"] == text(at(-50))


def test_the_first_workers_start_is_the_runs():
    plan = decide(crew(worker(0, RUNS, plugin_started=at(-20)), worker(1, DONE)))
    assert plan.status is not None
    assert plan.status["startTime"] == text(at(-40))


WAITING = {
    "all-wait-for-a-node": (crew(*(worker(n, WAITS, **NO_ROOM) for n in range(3))), "Unschedulable"),
    "image-is-missing": (
        crew(worker(0, DONE), worker(1, pod(Stage.PENDING, pull_problem="container plugin: not found"))),
        "ImagePullFailed",
    ),
}


@pytest.mark.parametrize(("o", "reason"), WAITING.values(), ids=WAITING)
def test_what_holds_them_up_is_told(o: Observed, reason: str):
    assert told(o)[:2] == (reason, "Unknown")


def test_between_two_workers_nothing_is_told_of_the_scheduler():
    o = crew(worker(0, DONE), worker(1, WAITS, **NO_ROOM))
    assert told(o) == ("Running", "Unknown", "3 workers share the work")
    stuck = replace(DONE, publish=replace(DONE.publish or Ended(0), finished=at(-90)))
    o = crew(worker(0, stuck), worker(1, WAITS, **NO_ROOM))
    assert told(o)[2] == "3 workers share the work; the others find no node: 0/1 nodes fit"


@pytest.mark.parametrize(
    "pods",
    [
        (worker(0, ended(3)),),
        (worker(0, PodFacts(stage=Stage.ENDED, created=at(-60), stage_in=STAGE_IN_FAILED)),),
    ],
    ids=["program-failed", "staging-failed"],
)
def test_a_worker_that_will_be_run_again_decides_nothing(pods: tuple[PodFacts, ...]):
    plan = decide(crew(*pods))
    assert plan.actions == ()
    assert plan.status is None or plan.status["conditions"][0]["status"] == "Unknown"


_CLASH_WORDS = (
    "more than one worker, one of them by workers 0 and 2: each must write under names of its own. The run's log "
    "names the paths; it and what can stand together are kept"
)
ENDED = {
    "all-good": (
        crew(*GOOD, complete=True, succeeded="0-2"),
        FACTS,
        ("Completed", "True", "3 files, 99 bytes"),
    ),
    "same-path": (
        crew(*GOOD, complete=True, succeeded="0-2"),
        replace(FACTS, union=CLASH),
        (
            "OutputsClash",
            "False",
            f"2 paths were written by {_CLASH_WORDS}",
        ),
    ),
    "a-part-does-not-hold": (
        crew(*GOOD, complete=True, succeeded="0-2"),
        replace(FACTS, union=UnionFact(problem="parts/1/manifest: is missing")),
        (
            "PublishFailed",
            "Unknown",
            "attempt 1: its output does not hold: parts/1/manifest: is missing; attempt 2 follows",
        ),
    ),
    "one-failed": (
        over(worker(0, DONE), worker(1, ended(3)), given_up="1", succeeded="0"),
        FACTS,
        (
            "PluginFailed",
            "False",
            f"worker 1 of 3, attempt 1: the program ended with exit code 3; no further attempt after 1 of this kind{KEPT}",
        ),
    ),
    "one-failed-which-is-allowed": (
        over(
            worker(0, DONE),
            worker(1, ended(3)),
            worker(2, DONE),
            given_up="1",
            succeeded="0,2",
            tolerant=True,
        ),
        FACTS,
        ("PartlyCompleted", "True", "3 files, 99 bytes; 1 of 3 workers failed (1)"),
    ),
    "all-failed": (
        over(*(worker(n, ended(3)) for n in range(3)), given_up="0-2", tolerant=True, program=TOLERANT),
        FACTS,
        (
            "PluginFailed",
            "False",
            f"worker 0 of 3, attempt 1: the program ended with exit code 3; no further attempt after 1 of this kind{KEPT}",
        ),
    ),
    "staging-failed-which-no-plugin-allows": (
        over(
            worker(0, ended(3)),
            worker(1, PodFacts(stage=Stage.ENDED, created=at(-60), stage_in=STAGE_IN_FAILED)),
            given_up="0-1",
            succeeded="2",
            tolerant=True,
        ),
        FACTS,
        (
            "StageInFailed",
            "Unknown",
            "worker 1 of 3, attempt 1: stage-in failed with NoSpace; attempt 2 follows",
        ),
    ),
    "out-of-memory": (
        over(worker(1, ended(137, reason="OOMKilled")), given_up="1", succeeded="0,2", tolerant=True),
        FACTS,
        (
            "OutOfMemory",
            "Unknown",
            "worker 1 of 3, attempt 1: the program ran out of 200 MiB of memory and gets 400 MiB; attempt 2 follows",
        ),
    ),
    "its-pod-is-gone": (
        over(worker(0, DONE), given_up="1", succeeded="0", ended=at(-3)),
        FACTS,
        ("NodeLost", "Unknown", "attempt 1: the pod of worker 1 of 3 is gone; attempt 2 follows"),
    ),
    "one-filled-its-disk": (
        crew(
            worker(0, RUNS), worker(1, ended(143, 143, report={}, evicted="it is too full", own_excess=True))
        ),
        FACTS,
        (
            "DiskExceeded",
            "False",
            "worker 1 of 3, the run wrote more than its disk allows (it is too full): raise resources.ephemeralStorage",
        ),
    ),
    "the-job-failed-otherwise": (
        over(worker(0, DONE), succeeded="0"),
        FACTS,
        ("NodeLost", "Unknown", "attempt 1: its Job failed (too many); attempt 2 follows"),
    ),
}


@pytest.mark.parametrize(("o", "facts", "expected"), ENDED.values(), ids=ENDED)
def test_how_they_ended(o: Observed, facts: Any, expected: tuple[str, str, str]):
    assert told(o, facts) == expected
    assert decide(o, facts=facts) == decide(o, facts=facts)


@pytest.mark.parametrize("pods", [(), (worker(1, RUNS),)], ids=["no-pod", "still-running"])
def test_a_job_may_be_heard_of_before_its_pods(pods: tuple[PodFacts, ...]):
    plan = decide(over(*pods, given_up="1", ended=at(-1)))
    assert (plan.status, plan.actions, plan.again) == (None, (), at(1))


def test_the_last_try_of_a_worker_counts():
    pods = (worker(1, ended(3), created=at(-60)), worker(1, ended(5), created=at(-30)))
    assert "exit code 5" in told(over(*pods, given_up="1"))[2]


GONE = ended(143, 143, report={}, deleted=True, deleted_at=at(-90))
STAGED_BADLY = PodFacts(stage=Stage.ENDED, created=at(-900), stage_in=Ended(143, "Error", at(-800), at(-700)))


@pytest.mark.parametrize("found", [GONE, STAGED_BADLY], ids=["removed", "removed-while-staging"])
@pytest.mark.parametrize("others", [(), (worker(1, DONE),)], ids=["alone", "beside-one-that-ended-well"])
def test_a_pod_that_is_gone_holds_nobody_up(found: PodFacts, others: tuple[PodFacts, ...]):
    """The Job controller replaces it; nothing that it says is about the one that comes."""
    plan = decide(crew(worker(0, found), *others))
    assert plan.actions == ()
    assert plan.status is None or plan.status["conditions"][0]["reason"] == "Running"


def test_what_they_did_together():
    late = replace(DONE, plugin_started=at(-30), publish=replace(DONE.publish or Ended(0), finished=at(-2)))
    plan = decide(crew(worker(0, DONE), worker(1, late), complete=True, succeeded="0-2"))
    status = plan.status or {}
    assert status["workers"] == {"count": 3, "succeeded": 3, "failed": 0}
    assert status["usage"] == {"exitCode": 0, "cpuSeconds": 7.5, "peakMemoryBytes": 3 << 20}
    assert status["phases"]["plugin"] == 30.5
    assert status["startTime"] == text(at(-40))
    assert status["output"]["partial"] is False


def test_a_thousand_workers_do_not_make_the_status_grow():
    pods = tuple(worker(index, ended(3) if index % 2 else DONE) for index in range(1000))
    odd = ",".join(str(index) for index in range(1, 1000, 2))
    even = ",".join(str(index) for index in range(0, 1000, 2))
    found = over(*pods, workers=1000, tolerant=True, given_up=odd, succeeded=even)
    plan = decide(found)
    assert plan.status is not None
    assert len(str(plan.status)) < 2000
    assert "500 of 1000 workers failed (1,3,5," in plan.status["conditions"][0]["message"]


def test_an_ended_run_whose_workers_still_run_is_stopped():
    """Cancelled while all pods that are known have ended, and the Job controller would make others."""
    status = completed("Cancelled", "False")
    o = crew(worker(0, ended(3)), status=status)
    stops = [action for action in decide(o).actions if isinstance(action, StopAttempt)]
    assert [stop.name for stop in stops] == ["scan-1"]
    o = crew(*GOOD, status=completed(), complete=True, succeeded="0-2")
    assert [a for a in decide(o).actions if isinstance(a, StopAttempt)] == []
