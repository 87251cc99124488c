"""Runs that ask for what cannot be: each ends at once with words that help, one Event, and nothing left over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Run, Tenant
from tests.resource_examples import merged

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


@dataclass(frozen=True)
class Refused:
    """A spec, and the reason and message that it must end with."""

    id: str
    reason: str
    message: str
    """Whole, with {user} for the tenant's."""
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
_STR = "parameter 'word' must be of type str, but {} was given: give text, such as \"brain\""
_HAS = "but {} was given: it has fast (bool), level (float), size (int), word (str)"
_ABSENT = f"does not exist in pl-fs 1.0.0, {_HAS}"
_NEEDED = {
    "subject": ("str", "s1"),
    "count": ("int", 1),
    "ratio": ("float", 0.5),
    "exact": ("bool", True),
    "atlas": ("path", "SERVICES/atlas"),
    "series": ("unextpath", "SERVICES/scan"),
}
"""Required parameters of pl-needs: type, and a value that fits."""


def _without(*names: str) -> Refused:
    missing = (
        f"parameter {name!r} (type {_NEEDED[name][0]}) is required by pl-needs 1.0.0 and was not given"
        for name in names
    )
    given = {name: value for name, (_, value) in _NEEDED.items() if name not in names}
    return Refused(
        f"without-{'-'.join(names)}",
        "InvalidParameters",
        "; ".join(missing),
        {"parameters": given},
        "pl-needs",
    )


def _path(what: str, name: str, value: Any, message: str) -> Refused:
    given = {other: fits for other, (_, fits) in _NEEDED.items()} | {name: value}
    return Refused(f"{name}-{what}", "InvalidParameters", message, {"parameters": given}, "pl-needs")


_PATHS = "comma-separated paths in Swift"
_LINKS = (
    "parameter 'series' (type unextpath): only link-only plugins take this type here, but {} was given: bring the "
    "data into the feed with pl-dircopy and name that run in previous"
)


def _outside(what: str, value: str, least: str, most: str, **wish: Any) -> Refused:
    name = what.rpartition("-")[0]
    place = name if name == "workers" else f"resources.{name}"
    words = f"{place} is {value}, but pl-bounded 1.0.0 takes {least} to {most}: ask for something within that range"
    fits = {"resources": {"gpu": 1}, "workers": 2}
    return Refused(what, "InvalidSpec", words, merged(fits, wish), "pl-bounded")


REFUSED = (
    _wrong("size-is-text", "3", _INT.format("'3'")),
    _wrong("size-is-fraction", 1.5, _INT.format("1.5")),
    _wrong("size-is-true", True, _INT.format("True")),
    _wrong("level-is-text", "much", _FLOAT.format("'much'")),
    _wrong("level-is-true", True, _FLOAT.format("True")),
    _wrong("fast-is-one", 1, _BOOL.format("1")),
    _wrong("fast-is-text", "yes", _BOOL.format("'yes'")),
    _wrong("word-is-number", 5, _STR.format("5")),
    _wrong("word-is-true", True, _STR.format("True")),
    _wrong(
        "word-is-long",
        "x" * 601,
        f"parameter 'word' has 601 characters, but values of type str end at 600: '{'x' * 76}… was given",
    ),
    _wrong(
        "word-has-nul",
        "a\0b",
        "parameter 'word' (type str) contains a NUL character, which no command line can carry: 'a\\x00b' was given",
    ),
    _wrong("speed-unknown", 1, f"parameter 'speed' {_ABSENT.format(1)}"),
    Refused(
        "parameter-in-capitals",
        "InvalidParameters",
        f"parameter 'Size' {_ABSENT.format(3)}",
        {"parameters": {"Size": 3}},
    ),
    Refused(
        "two-things-wrong",
        "InvalidParameters",
        f"parameter 'a' {_ABSENT.format(1)}; {_INT.format(repr('x'))}",
        {"parameters": {"size": "x", "a": 1}},
    ),
    *(_without(name) for name in _NEEDED),
    _without(*_NEEDED),
    _path(
        "is-number",
        "atlas",
        7,
        f"parameter 'atlas' must be of type path, but 7 was given: give {_PATHS}",
    ),
    _path(
        "is-true",
        "series",
        True,
        f"parameter 'series' must be of type unextpath, but True was given: give {_PATHS}",
    ),
    _path(
        "is-anothers",
        "atlas",
        "home/mallory/uploads",
        "parameter 'atlas' (type path): path 'home/mallory/uploads' belongs to user 'mallory', and this namespace "
        f"works for {{user!r}}; {_LINKS.format(repr('SERVICES/scan'))}",
    ),
    _path("for-a-program-with-a-pod", "series", "SERVICES/x", _LINKS.format("'SERVICES/x'")),
    _outside("cpu-low", "100m", "500m", "2000m", resources={"cpu": "100m"}),
    _outside("cpu-high", "3000m", "500m", "2000m", resources={"cpu": 3}),
    _outside("memory-low", "100Mi", "200Mi", "1024Mi", resources={"memory": "100Mi"}),
    _outside("memory-high", "2048Mi", "200Mi", "1024Mi", resources={"memory": "2Gi"}),
    _outside("gpu-low", "0", "1", "2", resources={"gpu": 0}),
    _outside("gpu-high", "3", "1", "2", resources={"gpu": 3}),
    _outside("workers-low", "1", "2", "4", workers=1),
    _outside("workers-high", "5", "2", "4", workers=5),
    Refused(
        "ds-without-parent",
        "InvalidSpec",
        "pl-ds 1.0.0 is of type ds and needs one parent, but previous names 0: name the one it reads",
        plugin="pl-ds",
    ),
    Refused(
        "too-many-workers",
        "InvalidSpec",
        "workers is 3, but pl-fs 1.0.0 does not say how its work can be shared (its Plugin's split): leave workers out",
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
    message = run.until(case.reason, "False")
    assert message == case.message.format(user=tenant.user)
    run.told(("Warning", case.reason, message[:1024]))
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
        run.heard("Warning", "InvalidSpec", words)
    assert tenant.objects() == []
    assert tenant.leftovers() == {}


@pytest.mark.parametrize(
    ("spec", "reason"),
    [({"parameters": {"size": "x"}}, "InvalidParameters"), ({"resources": {"gpu": 1}}, "InvalidSpec")],
    ids=["wrong-parameter", "too-much-asked"],
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
