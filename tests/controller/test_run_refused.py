"""Runs that ask for what cannot be: each ends at once with words that help, one Event, and nothing left over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


@dataclass(frozen=True)
class Refused:
    """A spec, and the reason and message that it must end with."""

    id: str
    reason: str
    message: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    plugin: str = "pl-fs"


def _wrong(what: str, value: Any, message: str) -> Refused:
    name = what.partition("-")[0]
    return Refused(what, "InvalidParameters", message, {"parameters": {name: value}})


_INT = "parameter 'size' must be of type int, but {} was given: give a whole number without quotes, such as 3"
_FLOAT = (
    "parameter 'level' must be of type float, but {} was given: give a number without quotes, such as 0.5"
)
_BOOL = "parameter 'fast' must be of type bool, but {} was given: give true or false, without quotes"
_HAS = "does not exist in pl-fs 1.0.0: it has fast, level, size, word"

REFUSED = (
    _wrong("size-is-text", "3", _INT.format("'3'")),
    _wrong("size-is-fraction", 1.5, _INT.format("1.5")),
    _wrong("size-is-true", True, _INT.format("True")),
    _wrong("level-is-text", "much", _FLOAT.format("'much'")),
    _wrong("level-is-true", True, _FLOAT.format("True")),
    _wrong("fast-is-one", 1, _BOOL.format("1")),
    _wrong("fast-is-text", "yes", _BOOL.format("'yes'")),
    _wrong(
        "word-is-number",
        5,
        "parameter 'word' must be of type str, but 5 was given: give text, such as \"brain\"",
    ),
    _wrong("word-is-long", "x" * 601, "parameter 'word' has 601 characters, but str values end at 600"),
    _wrong(
        "word-has-nul", "a\0b", "parameter 'word' contains a NUL character, which no command line can carry"
    ),
    _wrong("speed", 1, f"parameter 'speed' {_HAS}"),
    Refused(
        "two-things-wrong",
        "InvalidParameters",
        f"parameter 'a' {_HAS}; {_INT.format(repr('x'))}",
        {"parameters": {"size": "x", "a": 1}},
    ),
    Refused(
        "required-missing",
        "InvalidParameters",
        "parameter 'subject' (type str) is required by pl-needs 1.0.0 and was not given",
        plugin="pl-needs",
    ),
    Refused(
        "ds-without-parent",
        "InvalidSpec",
        "pl-ds 1.0.0 is of type ds and needs one parent, but previous names 0: name the one it reads",
        plugin="pl-ds",
    ),
    Refused(
        "too-many-workers",
        "InvalidSpec",
        "workers is 3, but pl-fs 1.0.0 takes 1 to 1: ask for something within that range",
        {"workers": 3},
    ),
    Refused(
        "too-little-memory",
        "InvalidSpec",
        "resources.memory is 100Mi, but pl-fs 1.0.0 takes 200Mi to 2147483647Mi: ask for something within that range",
        {"resources": {"memory": "100Mi"}},
    ),
    Refused(
        "a-gpu",
        "InvalidSpec",
        "resources.gpu is 1, but pl-fs 1.0.0 takes 0 to 0: ask for something within that range",
        {"resources": {"gpu": 1}},
    ),
)


@pytest.fixture(scope="module")
def refused(operator_process: Operator, new_tenant: Callable[[], Tenant]) -> Mapping[str, Run]:
    """All runs of the table, asked for at once."""
    assert operator_process.running
    tenant = new_tenant()
    return {case.id: tenant.run(case.id, case.plugin, **case.spec) for case in REFUSED}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_what_cannot_be_run_ends_at_once(operator: Operator, refused: Mapping[str, Run], case: Refused):
    assert operator.running
    run, tenant = refused[case.id], refused[case.id].tenant
    assert run.until(case.reason, "False") == case.message
    run.told(("Warning", case.reason, case.message))
    status = run.status
    assert "attempt" not in status
    assert status["completionTime"]
    assert tenant.leftovers() == {}
    assert tenant.objects() == []


def test_an_fs_plugin_takes_no_parent(tenant: Tenant):
    tenant.run("scan")
    message = tenant.run("again", previous=["scan"]).until("InvalidSpec", "False")
    assert message == "pl-fs 1.0.0 is of type fs and starts a feed, but previous names ['scan']: leave it out"


def test_runs_in_a_circle_end(tenant: Tenant):
    first = tenant.run("a", "pl-ds", ["c"])
    second = tenant.run("b", "pl-ds", ["a"])
    assert first.until("ParentNotFound").startswith("previous names c, and")
    third = tenant.run("c", "pl-ds", ["b"])
    for run, circle in ((first, "a → c → b → a"), (second, "b → a → c → b"), (third, "c → b → a → c")):
        words = run.until("InvalidSpec", "False")
        assert words == f"previous leads in a circle ({circle}): name a parent outside it"
    assert tenant.leftovers() == {}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [({"parameters": {"size": "x"}}, "InvalidParameters"), ({"cancel": True}, "Cancelled")],
    ids=["parent-invalid", "parent-cancelled"],
)
def test_a_parent_that_did_not_succeed_ends_its_children(
    tenant: Tenant, spec: Mapping[str, Any], reason: str
):
    child = tenant.run("child", "pl-ds", ["scan"])
    grandchild = tenant.run("grandchild", "pl-ds", ["child"])
    tenant.run("scan", **spec).until(reason, "False")
    words = f"its parent scan did not succeed ({reason}): run it again, or name another parent"
    assert child.until("ParentFailed", "False") == words
    child.heard("Warning", "ParentFailed", words)
    assert "its parent child did not succeed (ParentFailed)" in grandchild.until("ParentFailed", "False")
    assert tenant.leftovers() == {}


def test_an_empty_input_is_refused_unless_the_plugin_takes_it(tenant: Tenant):
    parent = tenant.run("scan")
    parent.attempt().succeeds({})
    words = "its parent scan wrote no files, and pl-ds needs some"
    refused = tenant.run("smooth", "pl-ds", ["scan"])
    assert refused.until("EmptyInput", "False") == words
    refused.heard("Warning", "EmptyInput", words)
    taken = tenant.run("list", "pl-undemanding", ["scan"])
    taken.attempt().succeeds(FILES)
    taken.until("Completed", "True")


def test_a_partial_output_is_no_input(tenant: Tenant):
    parent = tenant.run("scan")
    parent.attempt().fails(3, FILES)
    parent.until("PluginFailed", "False")
    assert parent.status["output"]["partial"] is True
    child = tenant.run("smooth", "pl-ds", ["scan"])
    assert "did not succeed (PluginFailed)" in child.until("ParentFailed", "False")
