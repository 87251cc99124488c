"""Runs on a cluster with a Swift of its own: what they wait for, what is told of it, and what may go there again."""

from dataclasses import replace
from typing import Any

import pytest
from tests.runs import (
    DS,
    FACTS,
    FS,
    NOW,
    Object,
    at,
    attempted,
    between,
    child,
    decide,
    ended,
    instance,
    job,
    observed,
    plugin,
    pod,
    waiting,
)

from chris_operator.core import transfers
from chris_operator.core.names import ID_LABEL
from chris_operator.core.observe import Stage
from chris_operator.core.observed import Given, ManifestFact, Observed, Transfer
from chris_operator.core.plan import plan
from chris_operator.core.site import Site
from chris_operator.core.verdict import Claim, Fact, Need, Plan, StartAttempt
from chris_operator.models.computeresource import ComputeResourceSpec
from chris_operator.models.plugininstance import PluginInstance

SPEC = {"kubeconfigSecret": "moc", "namespace": "chris-runs", "users": ["*"], "swiftSecret": "moc-swift"}
LONG_SINCE, JUST_NOW = at(-30), at(-0.5)
DONE = Transfer(done=True, since=LONG_SINCE)


def site(problem: str = "", storage_problem: str = "", **spec: Any) -> Site:
    return Site("moc", ComputeResourceSpec.model_validate(SPEC | spec), "home", problem, storage_problem)


def run(status: Object | None = None, **fields: Any) -> PluginInstance:
    return child(status, computeResource="moc", **fields)


def told(decided: Plan) -> tuple[str, str] | None:
    """Reason and message that are written."""
    if decided.status is None:
        return None
    condition = decided.status["conditions"][0]
    return condition["reason"], condition["message"]


def facts(**known: Any) -> Given:
    return replace(FACTS, sent=DONE, fetched=DONE, **known)


GOING = attempted()
AT_ITS_END: dict[str, Any] = {"jobs": [job()], "pod": ended(0)}
SENT = "its input is being sent to the Swift of cluster moc"
FETCHED = "its output is being fetched from the Swift of cluster moc"


def start(**others: Any) -> Observed:
    return observed(run(waiting()), site=site(), **others)


def end(pod: Any = None, program: Any = DS) -> Observed:
    return observed(run(GOING), site=site(), jobs=[job()], pod=pod or ended(0), program=program)


@pytest.mark.parametrize(
    ("o", "known", "expected", "again"),
    [
        pytest.param(
            start(),
            {"sent": Transfer(done=False, since=LONG_SINCE)},
            ("SendingInputs", SENT),
            None,
            id="input-on-its-way",
        ),
        pytest.param(
            start(), {"sent": Transfer(done=False, since=JUST_NOW)}, None, at(1.5), id="only-just-begun"
        ),
        pytest.param(
            end(),
            {"fetched": Transfer(done=False, since=LONG_SINCE)},
            ("FetchingOutputs", FETCHED),
            None,
            id="output-on-its-way",
        ),
        pytest.param(
            end(ended(3)),
            {"fetched": Transfer(done=False, since=LONG_SINCE)},
            ("FetchingOutputs", FETCHED),
            None,
            id="output-of-a-failure-on-its-way",
        ),
        pytest.param(
            end(ended(137, reason="OOMKilled"), plugin(minMemoryLimit="200Mi", maxMemoryLimit="200Mi")),
            {"fetched": Transfer(done=False, since=LONG_SINCE)},
            ("FetchingOutputs", FETCHED),
            None,
            id="output-after-the-last-memory-on-its-way",
        ),
    ],
)
def test_what_is_on_its_way_is_waited_for(
    o: Observed, known: dict[str, Any], expected: tuple[str, str] | None, again: Any
):
    decided = decide(o, facts=replace(FACTS, **known))
    assert (told(decided), decided.event, decided.again) == (expected, None, again)
    assert not any(isinstance(action, StartAttempt) for action in decided.actions)


def test_what_is_there_lets_it_start():
    (action,) = decide(start(), facts=facts()).actions
    assert isinstance(action, StartAttempt)


def test_what_is_here_is_judged():
    reason, message = told(decide(end(), facts=facts())) or ("", "")
    assert (reason, message) == ("Completed", "3 files, 99 bytes")
    wrong = ManifestFact(problem="Swift of moc: pack-0: holds other bytes")
    reason, message = told(decide(end(), facts=facts(manifest=wrong))) or ("", "")
    assert reason == "PublishFailed"
    assert "its output does not hold: Swift of moc: pack-0" in message


@pytest.mark.parametrize(
    "where", [Site(), Site("moc", ComputeResourceSpec.model_validate(SPEC | {"swiftSecret": None}))]
)
def test_who_uses_our_swift_copies_nothing(where: Site):
    (action,) = decide(observed(child(waiting()), site=where)).actions
    assert isinstance(action, StartAttempt)
    finished = observed(child(GOING), site=where, **AT_ITS_END)
    assert told(decide(finished)) == ("Completed", "3 files, 99 bytes")


def test_a_run_without_input_sends_nothing():
    o = observed(instance(spec={"computeResource": "moc"}, status=waiting()), program=FS, site=site())
    (action,) = decide(o, facts=replace(FACTS, prefixes=())).actions
    assert isinstance(action, StartAttempt)


def test_nothing_goes_there_before_the_run_carries_its_number():
    o = observed(run(waiting(), meta={"finalizers": []}), site=site())
    decided = plan(replace(o, given=replace(FACTS, sent=None)), NOW)
    assert isinstance(decided, Plan)
    assert [type(action) for action in decided.before] == [Claim]
    assert plan(replace(start(), given=replace(FACTS, sent=None)), NOW) == Need(Fact.SENT)


# -- its Swift is away


@pytest.mark.parametrize(
    ("where", "given", "words"),
    [
        (site(storage_problem="it is down"), Given(), "the Swift of cluster moc cannot be used: it is down"),
        (site(), Given(compute_problem="it broke"), "the Swift of cluster moc cannot be used: it broke"),
        (site("gone", "down too"), Given(), "cluster moc cannot be used: gone"),
    ],
    ids=["found-by-a-look", "found-by-a-copy", "with-its-cluster"],
)
@pytest.mark.parametrize("started", [False, True], ids=["waits", "runs"])
def test_it_is_waited_for(where: Site, given: Given, words: str, started: bool):
    shown: dict[str, Any] = {"jobs": [job()], "pod": pod(Stage.RUNNING)} if started else {}
    o = observed(run(GOING if started else waiting()), site=where, **shown)
    decided = decide(replace(o, given=given))
    tail = "; its attempt may go on there" if started else ""
    assert told(decided) == ("ComputeUnavailable", words + tail)
    assert decided.status
    assert decided.status["conditions"][1]["type"] == "Stalled"
    assert decided.actions == ()


def test_a_copy_that_does_not_get_on_is_tried_again_by_itself():
    """Nobody tells when the disk there has room again; of a Swift that was found away its look tells."""
    broken = decide(replace(start(), given=Given(compute_problem="disk full")))
    assert broken.again == at(10)
    away = decide(observed(run(waiting()), site=site(storage_problem="it is down")))
    assert away.again is None


# -- what is sent, for which attempt


@pytest.mark.parametrize(
    ("status", "number", "anew"),
    [
        (waiting(), 1, False),
        (attempted(uid=None), 1, False),
        (between("NodeLost", at(-60), failures={"NodeLost": 1}), 2, False),
        (between("StageInFailed", at(-60), failures={"StageInFailed": 2}, number=2), 3, True),
    ],
    ids=["first", "first-again", "second", "what-is-there-cannot-be-read"],
)
def test_for_which_attempt(status: Object, number: int, anew: bool):
    o = observed(run(status), site=site())
    assert (transfers.next_attempt(o), transfers.distrusted(o)) == (number, anew)


# -- what stays there


def of(number: int | None, *references: int, label: str = "") -> PluginInstance:
    status: Object = {"references": list(references)} if references else {}
    labels = {ID_LABEL: label} if label else {}
    return instance(status=status | ({"id": number} if number else {}), labels=labels)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], set()),
        ([of(7)], {7}),
        ([of(7, 3, 4), of(9)], {3, 4, 7, 9}),
        ([of(None, label="8")], {8}),
        ([of(None)], set()),
    ],
    ids=["nothing-goes-on", "itself", "what-it-refers-to", "status-not-written-yet", "no-number-yet"],
)
def test_what_is_needed_there(runs: list[PluginInstance], expected: set[int]):
    assert transfers.needed(runs) == expected


PLACES = [
    "home/a/feeds/feed_1/runs/1/",
    "home/a/feeds/feed_1/runs/10/",
    "home/a/uploads/",
    "home/a/loose",
    "home/b/feeds/feed_1/runs/2/",
    "home/b/uploads/",
]


@pytest.mark.parametrize(
    ("numbers", "users", "kept"),
    [
        (set(), set(), []),
        ({1}, {"a"}, [PLACES[0], PLACES[2], PLACES[3]]),
        ({10}, set(), [PLACES[1]]),
        ({2}, {"b"}, PLACES[4:]),
    ],
    ids=["nothing", "a-run-and-its-users-uploads", "no-number-like-another", "another-user"],
)
def test_what_is_left_over_there(numbers: set[int], users: set[str], kept: list[str]):
    gone = transfers.left_over(PLACES, numbers, users)
    assert [place for place in PLACES if place not in gone] == kept
