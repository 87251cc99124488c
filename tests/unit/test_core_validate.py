"""Every kind of bad request is told by name, rule, value and remedy."""

from typing import Any

import pytest
from tests.runs import plugin

from chris_operator.core import validate

ASKING = plugin(
    parameters=[
        {"name": "needed", "type": "str", "flag": "--needed"},
        {"name": "count", "type": "int", "flag": "-n", "optional": True, "default": 1},
        {"name": "ratio", "type": "float", "flag": "--ratio", "optional": True, "default": 1.0},
        {"name": "on", "type": "bool", "flag": "--on", "optional": True, "default": False},
        {"name": "text", "type": "str", "flag": "--text", "optional": True, "default": ""},
    ]
)
PATHS = plugin(
    type="fs",
    parameters=[
        {"name": "dir", "type": "path", "flag": "--dir"},
        {"name": "link", "type": "unextpath", "flag": "--link"},
    ],
)
BAD_VALUES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "missing": ({}, ("'needed'", "type str", "pl-x 1.0.0", "was not given")),
    "unknown": (
        {"needed": "", "nedeed": 1},
        ("'nedeed'", "does not exist", "but 1 was given", "count (int), needed (str), on (bool)"),
    ),
    "str-is-int": ({"needed": 1}, ("'needed'", "type str", "1 was given", 'such as "brain"')),
    "str-is-bool": ({"needed": True}, ("'needed'", "type str", "True")),
    "int-is-text": ({"needed": "", "count": "3"}, ("'count'", "type int", "'3'", "without quotes")),
    "int-is-fraction": ({"needed": "", "count": 3.5}, ("'count'", "type int", "3.5")),
    "int-is-bool": ({"needed": "", "count": True}, ("'count'", "type int", "True")),
    "float-is-text": ({"needed": "", "ratio": "0.5"}, ("'ratio'", "type float", "'0.5'", "such as 0.5")),
    "float-is-bool": ({"needed": "", "ratio": False}, ("'ratio'", "type float", "False")),
    "bool-is-text": ({"needed": "", "on": "true"}, ("'on'", "type bool", "'true'", "true or false")),
    "bool-is-int": ({"needed": "", "on": 1}, ("'on'", "type bool", "1 was given")),
    "nul": ({"needed": "a\0b"}, ("'needed' (type str)", "NUL", repr("a\0b"))),
    "too-long": ({"needed": "x" * 601}, ("'needed'", "601", "type str end at 600", "'xxx")),
    "long-value-is-cut": ({"needed": "", "count": "x" * 500}, ("'count'", "xxx…")),
}


@pytest.mark.parametrize(("given", "words"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_parameters_are_named(given: dict[str, Any], words: tuple[str, ...]):
    (complaint,) = validate.parameter_complaints(ASKING, given)
    assert all(word in complaint for word in words), complaint
    assert len(complaint) < 300


def test_all_complaints_come_at_once():
    complaints = validate.parameter_complaints(ASKING, {"count": "1", "other": 1})
    assert [word for text in complaints for word in ("other", "needed", "count") if f"'{word}'" in text] == [
        "other",
        "needed",
        "count",
    ]


@pytest.mark.parametrize("name", ["dir", "link"])
@pytest.mark.parametrize(
    ("value", "word"), [(3, "comma-separated paths"), ("x" * 16_001, "16000")], ids=["number", "too-long"]
)
def test_paths_are_text(name: str, value: object, word: str):
    given = {"dir": "home/alice/a", "link": "home/alice/b", name: value}
    (complaint,) = validate.parameter_complaints(PATHS, given)
    assert f"'{name}'" in complaint
    assert word in complaint


@pytest.mark.parametrize(
    "given",
    [
        {"needed": ""},
        {"needed": "x" * 600, "count": -5, "ratio": 2, "on": True, "text": "Ä\n '"},
        {"needed": "a", "ratio": 1e-9},
    ],
    ids=["least", "all", "tiny"],
)
def test_good_parameters(given: dict[str, Any]):
    assert validate.parameter_complaints(ASKING, given) == []


def test_a_plugin_without_parameters_says_so():
    (complaint,) = validate.parameter_complaints(plugin(), {"a": 1})
    assert "no parameters" in complaint


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("home/bob/uploads/x", "belongs to user 'bob'"),
        ("home/alicea/uploads", "belongs to user 'alicea'"),
        ("home/alice/../bob/uploads", "'..'"),
        ("home/alice/./x", "'.'"),
        ("home/alice//x", "empty"),
        ("", "empty"),
        ("home", "too wide"),
        ("home/alice", "too wide"),
        ("home/alice/feeds", "too wide"),
        ("SERVICES", "too wide"),
        ("etc/passwd", "must start with"),
        ("users/home/alice/x", "must start with"),
        ("HOME/alice/x", "must start with"),
    ],
    ids=str,
)
def test_paths_that_a_user_may_not_name(path: str, word: str):
    complaint = validate.path_complaint(path, "alice")
    assert complaint is not None
    assert word in complaint
    assert repr(path) in complaint


@pytest.mark.parametrize(
    "path",
    [
        "home/alice/uploads",
        "home/alice/uploads/a b/ü",
        "home/alice/feeds/feed_1",
        "SERVICES/PACS/x",
        "PIPELINES/bob",
    ],
)
def test_paths_that_a_user_may_name(path: str):
    assert validate.path_complaint(path, "alice") is None


@pytest.mark.parametrize(
    ("value", "paths"),
    [("", []), (" , ,", []), ("/a/b/", ["a/b"]), ("a,b , /c", ["a", "b", "c"])],
    ids=["empty", "commas", "slashes", "three"],
)
def test_split_paths(value: str, paths: list[str]):
    assert validate.split_paths(value) == paths


@pytest.mark.parametrize(
    ("kind", "previous", "word"),
    [
        ("fs", ["scan"], "leave it out"),
        ("ds", [], "needs one parent"),
        ("ds", ["a", "b"], "names 2"),
        ("ts", [], "at least one"),
        ("ds", ["me"], "itself"),
        ("ts", ["a", "me"], "itself"),
    ],
    ids=["fs-with-parent", "ds-without", "ds-with-two", "ts-without", "own-parent", "own-second-parent"],
)
def test_wrong_places(kind: str, previous: list[str], word: str):
    (complaint,) = validate.place_complaints(plugin(type=kind), previous, "me")
    assert word in complaint


@pytest.mark.parametrize(
    ("kind", "previous"), [("fs", []), ("ds", ["a"]), ("ts", ["a"]), ("ts", ["a", "b"])], ids=str
)
def test_right_places(kind: str, previous: list[str]):
    assert validate.place_complaints(plugin(type=kind), previous, "me") == []
