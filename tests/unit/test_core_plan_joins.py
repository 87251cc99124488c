"""Runs with several parents: kept apart, filtered, joined without a pod, or refused."""

from dataclasses import replace
from typing import Any

import pytest
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import DIGEST, FACTS, Object, completed, decide, instance, observed, parent, plugin

from chris_operator.core import inputs, links
from chris_operator.core.observed import ListingFact, Observed, Selection
from chris_operator.core.verdict import StartAttempt

TS = plugin(type="ts")
COPY = plugin(
    name="pl-topologicalcopy",
    type="ts",
    parameters=[
        {"name": name, "type": kind, "flag": f"--{name}", "optional": True, "default": default}
        for name, kind, default in (
            ("plugininstances", "str", ""),
            ("filter", "str", ""),
            ("groupByInstance", "bool", False),
        )
    ],
)
UNSTACK = plugin(name="pl-unstack-folders", type="ds")
PARENTS = {"one": parent("one", id=5), "two": parent("two", id=12)}
CROWD = PARENTS | {
    "one": parent("one", id=5, output={"attempt": 1, "digest": DIGEST, "files": 100_001, "bytes": 9})
}
START = ("start scan-1 200Mi",)
ROOT = "home/alice/feeds/feed_3/runs"


def join(program: Any = TS, *, no_pod: bool = False, **spec: Any) -> Observed:
    """A run below `one` and `two`."""
    told = {"plugin": {"name": program.name, "version": "1.0.0"}, "previous": ["one", "two"], **spec}
    return observed(instance(spec=told), program=program, parents=PARENTS, no_pod=no_pod)


def copy(parameters: Object | None = None, **spec: Any) -> Observed:
    return join(COPY, no_pod=True, parameters=parameters or {}, **spec)


def chosen(*parents: str, files: int = 1, problem: str | None = None) -> Any:
    found = {
        name: Selection(
            f"{ROOT}/8/inputs/{n}/", (f"{ROOT}/{n}/attempts/1/",), problem, DIGEST, files, 10 * files
        )
        for n, name in enumerate(parents, 1)
    }
    return replace(FACTS, selected=found)


MATCH = [{"previous": "one", "match": "[.]nii$"}]
LISTED = replace(
    FACTS, listing=ListingFact((), (f"{ROOT}/5/attempts/1/", f"{ROOT}/8/attempts/1/"), None, DIGEST, 3, 99)
)


def refused(what: str, o: Observed, reason: str, *says: str, facts: Any = FACTS) -> Row:
    return Row(what, o, reason, "False", says=says, event="Warning", facts=facts)


ROWS = (
    Row("joins", join(), "Scheduled", actions=START, again=5),
    Row("filtered", join(inputs=MATCH), "Scheduled", actions=START, again=5, facts=chosen("one", files=0)),
    refused(
        "filter-leaves-nothing",
        join(inputs=[*MATCH, {"previous": "two", "match": "x"}]),
        "EmptyInput",
        "no file of one, two matches its expression in inputs, and pl-x needs some",
        facts=chosen("one", "two", files=0),
    ),
    refused(
        "filter-takes-too-long",
        join(inputs=MATCH),
        "InvalidSpec",
        "inputs, previous one: searching took",
        facts=chosen("one", problem="searching took"),
    ),
    refused(
        "too-many-files-to-choose-from",
        replace(join(inputs=MATCH), parents=CROWD),
        "InvalidSpec",
        "inputs: the parents hold 100001 files, and the operator chooses from at most 100000",
    ),
    refused(
        "too-many-files-to-join",
        replace(copy(), parents=CROWD),
        "InvalidParameters",
        "the parents hold 100004 files",
    ),
    refused(
        "filter-is-no-expression",
        join(inputs=[{"previous": "one", "match": "["}]),
        "InvalidSpec",
        "inputs[0].match: '[' is no regular expression",
    ),
    refused(
        "one-directory-for-two",
        join(inputs=[{"previous": "one", "into": "two"}]),
        "InvalidSpec",
        "one directory 'two'",
    ),
    Row(
        "joined-without-a-pod",
        copy(),
        "Completed",
        "True",
        actions=("copy 1",),
        says=("3 files", "linked"),
        event="Normal",
        facts=LISTED,
        status={"references": [5]},
    ),
    Row(
        "links-to-uploads-only",
        copy(),
        "Completed",
        "True",
        actions=("copy 1",),
        event="Normal",
        status={"references": None},
    ),
    refused(
        "number-of-no-parent",
        copy({"plugininstances": "5,7"}),
        "InvalidParameters",
        "'plugininstances' names '7'",
        "previous has 5 (one), 12 (two)",
    ),
    refused("number-twice", copy({"plugininstances": "5,5"}), "InvalidParameters", "names a run twice"),
    refused(
        "too-many-filters",
        copy({"plugininstances": "5", "filter": "a,b"}),
        "InvalidParameters",
        "'filter' has 2 expressions for 1 runs",
    ),
    refused("bad-filter", copy({"filter": "a,*"}), "InvalidParameters", "'filter', expression 2: '*' is no"),
    refused(
        "collision",
        copy(),
        "InvalidParameters",
        "one and two hold different files",
        facts=replace(FACTS, listing=ListingFact(problem="one and two hold different files")),
    ),
    refused(
        "unstacking-two",
        join(UNSTACK, no_pod=True),
        "InvalidSpec",
        "of type ds and needs one parent",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


def test_each_parent_comes_into_its_own_directory():
    o = replace(join(inputs=[*MATCH, {"previous": "two", "into": "mask"}]), given=chosen("one"))
    first, second = inputs.of(o)[:2]
    assert (first.into, first.prefix, first.bytes) == ("one", f"{ROOT}/8/inputs/1/", 10)
    assert (second.into, second.prefix, second.bytes) == ("mask", f"{ROOT}/12/attempts/1/", 99)


def test_an_attempt_may_read_what_was_chosen_and_the_room_is_counted_after_it():
    (start,) = decide(join(inputs=MATCH), facts=chosen("one")).actions
    assert isinstance(start, StartAttempt)
    assert {f"{ROOT}/8/inputs/1/", f"{ROOT}/1/attempts/1/"} <= set(start.prefixes)
    assert start.attempt.input_bytes == 10 + 99


@pytest.mark.parametrize(
    ("o", "expected"),
    [
        (copy(), [(5, "", "", ""), (12, "", "", "")]),
        (copy({"plugininstances": "12, 5"}), [(12, "", "", ""), (5, "", "", "")]),
        (
            copy({"plugininstances": "12,5", "filter": "a,b", "groupByInstance": True}),
            [(12, "a", "", "12"), (5, "b", "", "5")],
        ),
        (copy({"filter": ",b"}), [(5, "", "", ""), (12, "b", "", "")]),
        (
            copy({"groupByInstance": True}, inputs=[{"previous": "two", "into": "x", "match": "y"}]),
            [(5, "", "", "5"), (12, "", "y", "x")],
        ),
        (copy({"plugininstances": ""}), [(5, "", "", ""), (12, "", "", "")]),
    ],
    ids=["all", "named", "grouped-and-filtered", "second-filter", "inputs", "empty"],
)
def test_what_a_link_only_run_takes(o: Observed, expected: list[tuple[int, str, str, str]]):
    found = [(w.parent.status.id, w.filter, w.match, w.into) for w in links.wanted(o)]
    assert found == expected


@pytest.mark.parametrize(
    ("given", "expected"), [({}, []), ({"plugininstances": "12"}, [12])], ids=["none", "named"]
)
def test_tsdircopy_takes_only_the_runs_that_it_names(given: Object, expected: list[int]):
    program = plugin(name="pl-tsdircopy", type="ts", parameters=COPY.wire()["parameters"])
    o = join(program, no_pod=True, parameters=given)
    assert [w.parent.status.id for w in links.wanted(o)] == expected


@pytest.mark.parametrize(
    ("name", "references", "own"),
    [("pl-x", None, True), ("pl-x", [5], False), ("pl-topologicalcopy", None, False)],
    ids=["wrote-it", "cache-hit", "linked"],
)
def test_whose_bytes_lie_elsewhere(name: str, references: list[int] | None, own: bool):
    run = instance(spec={"plugin": {"name": name, "version": "1"}}, status=completed(references=references))
    found = inputs.output_of(run)
    assert found is not None
    assert found.own_prefix_only is own
