"""What makes two runs equal, and what becomes of one that an earlier run's output may serve."""

from dataclasses import replace
from typing import Any

import pytest
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import (
    DIGEST,
    FACTS,
    Object,
    at,
    attempted,
    child,
    completed,
    decide,
    instance,
    observed,
    parent,
    plugin,
    text,
    written,
)

from chris_operator.core import caching
from chris_operator.core.observed import Observed, Reusable, Tenant
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import CacheHit, Output

IMAGE = "localhost/x@sha256:1"
PARAMETERS: list[Object] = [
    {"name": "count", "type": "int", "flag": "-n", "optional": True, "default": 1},
    {"name": "ratio", "type": "float", "flag": "--ratio", "optional": True, "default": 0.5},
    {"name": "on", "type": "bool", "flag": "--on", "optional": True, "default": False},
    {"name": "text", "type": "str", "flag": "--text", "optional": True, "default": ""},
    {"name": "must", "type": "float", "flag": "--must"},
    {"name": "dir", "type": "path", "flag": "--dir"},
]
PROGRAM = plugin(parameters=PARAMETERS)


def key(given: Object | None = None, program: PluginSpec = PROGRAM, **others: Any) -> str | None:
    o = observed(child(None, parameters=given or {}, **others), program=program)
    return caching.key(o, program)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"must": 1}, {"must": 1.0}),
        ({"must": 1e2}, {"must": 100}),
        ({"count": 2, "text": "a"}, {"text": "a", "count": 2}),
        ({}, {"count": 1, "ratio": 0.5, "on": False, "text": ""}),
        ({}, {"ratio": 0.50}),
        ({"dir": "home/alice/uploads/a"}, {"dir": "home/alice/uploads/b"}),
    ],
    ids=["1-is-1.0", "1e2-is-100", "order", "defaults", "default-as-float", "places"],
)
def test_what_means_the_same_has_one_key(one: Object, other: Object):
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"must": 1}, {"must": 2}),
        ({}, {"count": 2}),
        ({"text": "1"}, {"text": "1.0"}),
        ({}, {"on": True}),
        ({}, {"dir": "home/alice/uploads/a"}),
    ],
    ids=["value", "not-the-default", "text-is-no-number", "switch", "a-place-or-none"],
)
def test_what_means_something_else_has_another(one: Object, other: Object):
    assert key(one) != key(other)


def _of(o: Observed) -> str | None:
    return caching.key(o, o.plugin or PROGRAM)


BASE = observed(child(None))
OTHER_DIGEST: Object = {"output": {"attempt": 1, "digest": "sha256:" + "cd" * 32, "files": 3, "bytes": 99}}


@pytest.mark.parametrize(
    ("o", "same"),
    [
        (observed(child(None, name="other", title="x", retries=3, deadlineSeconds=9)), True),
        (observed(child(None, resources={"cpu": 4, "memory": "4Gi"}, workers=2, priority="slack")), True),
        (observed(child(None), parents={"root": parent(id=99)}), True),
        (observed(child(None, cache="refresh")), True),
        (observed(child(None), parents={"root": parent(**OTHER_DIGEST)}), False),
        (observed(child(None, inputs=[{"previous": "root", "into": "x"}])), False),
        (observed(child(None, resources={"gpu": 1})), False),
        (observed(child(None), tenant=Tenant("bob", user="bob")), False),
        (observed(child(None), program=plugin(selfexec="y")), False),
        (observed(child(None), program=plugin(execshell="python3")), False),
        (observed(child(None), program=plugin(type="ts")), False),
        (observed(child(None, workers=2), program=plugin(split="files", maxNumberOfWorkers=9)), True),
        (observed(child(None, workers=2), program=plugin(split="index", maxNumberOfWorkers=9)), False),
    ],
    ids=[
        "name-and-limits",
        "resources",
        "equal-input-of-another-run",
        "refresh",
        "input",
        "place-of-input",
        "gpu",
        "tenant",
        "program",
        "interpreter",
        "layout-of-input",
        "files-among-workers",
        "the-program-is-told-how-many",
    ],
)
def test_what_counts_besides_parameters(o: Observed, same: bool):
    assert (_of(o) == _of(BASE)) is same


def test_the_order_of_joined_parents_does_not_count():
    both = {"a": parent("a"), "b": parent("b", **OTHER_DIGEST)}
    joins = plugin(type="ts")
    keys = {
        _of(observed(instance(spec={"previous": order}), program=joins, parents={n: both[n] for n in order}))
        for order in (["a", "b"], ["b", "a"])
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    "o",
    [observed(child(None, cache="off")), observed(child(None), program=plugin(network="egress"))],
    ids=["off", "egress"],
)
def test_some_have_no_key(o: Observed):
    assert _of(o) is None


ORIGIN = CacheHit(id=5, name="first", feed="older", completion_time=text(at(-600)))
FOUND = Reusable(Output(attempt=1, digest=DIGEST, files=2, bytes=9), ORIGIN, references=(5,))
FACTS_WITH_A_HIT = replace(FACTS, reusable=(FOUND,))
START = ("start scan-1 200Mi",)
FS = plugin(type="fs")


def equal(run: Any = None, **others: Any) -> Observed:
    """A run of a Plugin whose image is known."""
    return observed(run or child(None), image=IMAGE, **others)


def hit(what: str, o: Observed) -> Row:
    status: Object = {
        "output": {"attempt": 1, "digest": DIGEST, "files": 2, "bytes": 9, "partial": False},
        "cacheHit": {"id": 5, "name": "first", "feed": "older", "completionTime": text(at(-600))},
        "cacheKey": _of(o),
        "references": [5],
        "image": IMAGE,
        "attempt": None,
    }
    says = ("2 files, 9 bytes, as run 5 (first of Feed older) wrote them",)
    return Row(
        what,
        o,
        "CacheHit",
        "True",
        says=says,
        event="Normal",
        actions=("copy 1",),
        facts=FACTS_WITH_A_HIT,
        status=status,
    )


def runs(what: str, o: Observed, facts: Any = FACTS_WITH_A_HIT, **status: Any) -> Row:
    return Row(what, o, "Scheduled", actions=START, again=5, facts=facts, status=status)


ROOT: Object = {"feed": "look"}
ROWS = (
    hit("hit", equal()),
    hit("hit-of-what-starts-an-analysis", equal(instance(spec=ROOT | {"cache": "use"}), program=FS)),
    runs("no-equal-run", equal(), FACTS, cacheKey=_of(equal())),
    runs("image-unknown", observed(child(None)), cacheKey=_of(equal())),
    runs("refresh", equal(child(None, cache="refresh")), cacheKey=_of(equal())),
    runs("off", equal(child(None, cache="off")), cacheKey=None),
    runs("starts-an-analysis", equal(instance(spec=ROOT), program=FS)),
    runs("egress", equal(program=plugin(network="egress")), cacheKey=None),
    runs("second-look-at-a-started-attempt", equal(child(attempted(uid=None, reason="Scheduled")))),
    Row(
        "invalid-parameters-come-first",
        equal(child(None, parameters={"x": 1})),
        "InvalidParameters",
        "False",
        event="Warning",
        facts=FACTS_WITH_A_HIT,
    ),
    Row("suspended", equal(child(None, suspend=True)), "Suspended", event="Normal", facts=FACTS_WITH_A_HIT),
    Row(
        "cancelled",
        equal(child(None, cancel=True)),
        "Cancelled",
        "False",
        event="Normal",
        facts=FACTS_WITH_A_HIT,
    ),
    Row(
        "swift-is-away",
        equal(),
        "StorageUnavailable",
        event="Warning",
        again=10,
        facts=replace(FACTS, storage_problem="refused"),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", [row for row in ROWS if row.reason != "Scheduled"], ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


def test_the_run_carries_its_number_before_anything_is_written_to_swift_under_it():
    bare = child(None, meta={"labels": {}, "finalizers": []})
    plan = decide(equal(bare), facts=FACTS_WITH_A_HIT)
    assert (len(plan.before), plan.status, plan.again) == (1, None, at(0))
    claimed = written(equal(bare), plan)
    assert decide(claimed, facts=FACTS_WITH_A_HIT).status is not None


def test_a_hit_that_lost_its_conditions_is_told_as_one():
    done = decide(equal(), facts=FACTS_WITH_A_HIT)
    after = written(equal(), done).instance.wire()
    after["status"]["conditions"] = []
    again = decide(observed(type(child(None)).model_validate(after)))
    assert again.status is not None
    assert again.status["conditions"][0]["reason"] == "CacheHit"


@pytest.mark.parametrize(
    ("run", "serves"),
    [
        (child(completed()), True),
        (child(completed("PluginFailed", "False")), False),
        (child(attempted()), False),
        (child(completed(user="bob")), False),
        (child(completed(), meta={"deletionTimestamp": text(at(0))}), False),
    ],
    ids=["whole", "partial", "under-way", "another-users", "being-deleted"],
)
def test_whose_output_may_serve(run: Any, serves: bool):
    assert caching.serves(run, "alice") is serves
    assert not caching.serves(run, None)


def test_a_hit_of_a_hit_names_the_run_that_ran():
    told = completed("CacheHit", cacheHit=ORIGIN.wire())
    assert caching.origin(child(told)) == ORIGIN
    found = caching.origin(child(completed()))
    assert (found.id, found.name, found.feed) == (8, "scan", "look")
