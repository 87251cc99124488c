"""Pydantic's JSON schema becomes a structural one, or an error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chris_operator.crds import KINDS, Kind, SchemaError, crd_of, files, main, outdated, schema_of, structural

DEFINITIONS = {"Part": {"type": "object", "title": "Part", "description": "A part.", "properties": {}}}
CONVERSIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reference": ({"$ref": "#/$defs/Part"}, {"type": "object", "description": "A part.", "properties": {}}),
    "field-describes": (
        {"$ref": "#/$defs/Part", "description": "Mine."},
        {"type": "object", "description": "Mine.", "properties": {}},
    ),
    "null": ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, {"type": "string"}),
    "null-or-reference": (
        {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
        {"type": "object", "description": "A part.", "properties": {}},
    ),
    "const": ({"const": "a", "type": "string"}, {"enum": ["a"], "type": "string"}),
    "above": (
        {"exclusiveMinimum": 0, "type": "integer"},
        {"minimum": 0, "exclusiveMinimum": True, "type": "integer"},
    ),
    "below": (
        {"exclusiveMaximum": 9, "type": "integer"},
        {"maximum": 9, "exclusiveMaximum": True, "type": "integer"},
    ),
    "closed": ({"type": "object", "additionalProperties": False}, {"type": "object"}),
    "map": (
        {"type": "object", "additionalProperties": {"type": "string", "title": "T"}},
        {"type": "object", "additionalProperties": {"type": "string"}},
    ),
    "list": (
        {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        {"type": "array", "items": {"type": "object", "description": "A part.", "properties": {}}},
    ),
    "field-called-title": (
        {"type": "object", "title": "T", "properties": {"title": {"type": "string", "title": "T"}}},
        {"type": "object", "properties": {"title": {"type": "string"}}},
    ),
    "defaults": ({"type": "boolean", "default": False}, {"type": "boolean", "default": False}),
}


@pytest.mark.parametrize("case", CONVERSIONS)
def test_conversion(case: str):
    given, expected = CONVERSIONS[case]
    assert structural(given, DEFINITIONS, "spec") == expected


INEXPRESSIBLE: dict[str, dict[str, Any]] = {
    "union": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}]},
    "unique": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
}


@pytest.mark.parametrize("case", INEXPRESSIBLE)
def test_what_a_crd_cannot_say_is_an_error(case: str):
    with pytest.raises(SchemaError, match=r"spec\.a: .*; (say|give)"):
        structural({"type": "object", "properties": {"a": INEXPRESSIBLE[case]}}, {}, "spec")


def _nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from _nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _nodes(schema[key], f"{path}[]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.model.__name__)
def test_every_field_is_explained_and_bounded(kind: Kind):
    """Descriptions are what `kubectl explain` shows; bounds keep CEL's estimated cost and etcd's objects small."""
    schema = schema_of(kind.model)
    lacking = [
        path
        for part in ("spec", "status")
        for path, node in _nodes(schema["properties"][part], part)
        if ("description" not in node and not path.endswith("[]"))
        or (node.get("type") == "array" and "maxItems" not in node)
        or (
            part == "spec"
            and node.get("type") == "string"
            and not {"maxLength", "enum", "format"} & node.keys()
        )
    ]
    assert lacking == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.model.__name__)
def test_status_appears_by_nobody_but_the_operator(kind: Kind):
    status = schema_of(kind.model)["properties"]["status"]
    assert [path for path, node in _nodes(status, "status") if "default" in node] == []
    assert crd_of(kind)["spec"]["versions"][0]["subresources"] == {"status": {}}
    conditions = status["properties"]["conditions"]
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == (
        "map",
        ["type"],
    )


def test_writing_and_checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--check", str(tmp_path)]) == 1
    assert "plugins.yaml: does not follow from the models; run `make gen`" in capsys.readouterr().err
    (tmp_path / "old.yaml").write_text("of a kind that is no more")
    assert outdated(tmp_path) == sorted([*files(), "old.yaml"])
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files())
