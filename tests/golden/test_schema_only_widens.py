"""Today's CRDs accept whatever the first ones accepted: stored resources are never converted, only read again."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.installation import CRDS, documents, resources
from tests.schema_comparison import Schema, narrowed

FIRST = Path(__file__).parent / "crds-v0"
NEW_FIELDS = "its fields are new, so nothing that is stored has them, or no more than their defaults"
JUDGED: dict[str, str] = {
    f".spec: rule is new or another one: {words}": NEW_FIELDS
    for words in (
        "maxDiskLimit must not be below minDiskLimit (0 when left out); raise maxDiskLimit or lower minDiskLimit",
        "checkpoint cannot change after creation; register a new version of the plugin",
        "minDiskLimit cannot change after creation; register a new version of the plugin",
        "maxDiskLimit cannot change after creation; register a new version of the plugin",
        "split cannot change after creation; register a new version of the plugin",
        "partialSuccess cannot change after creation; register a new version of the plugin",
        "maxParallel cannot change after creation; create another PluginInstance",
        "retriesPerIndex cannot change after creation; create another PluginInstance",
        "inputs cannot change after creation; create another PluginInstance",
        "inputs tells about a run that previous does not name; add it there, or take it out here",
        "computeResource cannot change after creation; create another PluginInstance",
    )
} | {
    ".spec.cache: default 'use' is gone": "every stored run carries the value; only new ones may leave it out"
}
"""Narrowings that somebody has looked at, word for word, and why no stored resource breaks by them."""


def _schemas(directory: Path) -> dict[str, Schema]:
    return {
        crd["metadata"]["name"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for crd in resources(directory)
    }


@pytest.mark.parametrize("name", _schemas(FIRST))
def test_no_schema_narrows(name: str):
    found = narrowed(_schemas(FIRST)[name], _schemas(CRDS)[name])
    assert [words for words in found if words not in JUDGED] == []


def test_what_was_judged_is_still_there():
    found = {words for name, old in _schemas(FIRST).items() for words in narrowed(old, _schemas(CRDS)[name])}
    assert set(JUDGED) <= found


@pytest.mark.parametrize("path", [FIRST / f"{kind}.yaml" for kind in ("feeds", "plugins", "plugininstances")])
def test_names_scope_and_version_stay(path: Path):
    (old,), (new,) = documents(path), documents(CRDS / path.name)
    assert new["spec"]["scope"] == old["spec"]["scope"]
    assert new["spec"]["names"]["plural"] == old["spec"]["names"]["plural"]
    served = {each["name"] for each in new["spec"]["versions"] if each["served"]}
    assert {each["name"] for each in old["spec"]["versions"]} <= served


BASE: Schema = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "enum": ["x", "y"], "maxLength": 5, "default": "x"},
        "b": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "c": {"x-kubernetes-int-or-string": True, "pattern": "^a$"},
        "d": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "x-kubernetes-validations": [{"rule": "true", "message": "fine"}],
}
Change = Callable[[Schema], Any]
CHANGES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda _: None, []),
    "new-field": (lambda s: s["properties"].update(e={"type": "string"}), []),
    "new-enum-value": (lambda s: s["properties"]["a"]["enum"].append("z"), []),
    "longer": (lambda s: s["properties"]["a"].update(maxLength=6), []),
    "required-with-default": (
        lambda s: (s["required"].append("e"), s["properties"].update(e={"type": "string", "default": ""})),
        [],
    ),
    "required": (lambda s: s["required"].append("b"), [".: b is required now"]),
    "enum": (lambda s: s["properties"]["a"]["enum"].remove("y"), [".a: no longer allows 'y'"]),
    "first-enum": (
        lambda s: s["properties"]["b"]["items"].update(enum=[1]),
        [".b[]: no longer allows what is not in its new list"],
    ),
    "shorter": (lambda s: s["properties"]["a"].update(maxLength=4), [".a: maxLength was 5 and is 4"]),
    "bound": (
        lambda s: s["properties"]["b"].update(maxItems=4),
        [".b: maxItems was not set and is 4"],
    ),
    "least": (
        lambda s: s["properties"]["b"]["items"].update(minimum=2),
        [".b[]: minimum was 1 and is 2"],
    ),
    "type": (
        lambda s: s["properties"]["d"]["additionalProperties"].update(type="integer"),
        [".d{}: type was string and is integer"],
    ),
    "only-text": (
        lambda s: s["properties"].update(c={"type": "string", "pattern": "^a$"}),
        [".c: type was None and is string", ".c: x-kubernetes-int-or-string is gone"],
    ),
    "pattern": (
        lambda s: s["properties"]["c"].update(pattern="^b$"),
        [".c: pattern was '^a$' and is '^b$'"],
    ),
    "new-pattern": (lambda s: s["properties"]["a"].update(pattern="^x"), [".a: pattern '^x' is new"]),
    "default": (lambda s: s["properties"]["a"].pop("default"), [".a: default 'x' is gone"]),
    "field": (
        lambda s: s["properties"].pop("c"),
        [".: c is gone, so what is stored there would be dropped"],
    ),
    "rule": (
        lambda s: s["x-kubernetes-validations"].append({"rule": "false", "message": "never"}),
        [".: rule is new or another one: never"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_the_comparison_itself(change: Change, expected: list[str]):
    new = copy.deepcopy(BASE)
    change(new)
    assert narrowed(BASE, new) == expected
