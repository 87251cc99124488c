"""Which files of which parent a run reads, and where it finds them."""

import pytest
from tests.runs import Object, plugin

from chris_operator.core import parents
from chris_operator.models.plugininstance import PluginInstanceSpec

TS = plugin(type="ts")


def spec(*previous: str, inputs: list[Object] | None = None) -> PluginInstanceSpec:
    told = {"plugin": {"name": "pl-x", "version": "1"}, "previous": previous, "inputs": inputs or []}
    return PluginInstanceSpec.model_validate(told)


@pytest.mark.parametrize(
    ("run", "joins", "expected"),
    [
        (spec("a"), False, {"a": ""}),
        (spec("a"), True, {"a": "a"}),
        (spec("a", "b"), True, {"a": "a", "b": "b"}),
        (spec("a", "b"), False, {"a": "a", "b": "b"}),
        (spec("a", "b", inputs=[{"previous": "b", "into": "mask"}]), True, {"a": "a", "b": "mask"}),
        (spec("a", inputs=[{"previous": "a", "into": "x"}]), False, {"a": "x"}),
    ],
    ids=["ds", "ts-of-one", "ts", "several-without-their-plugin", "into", "ds-into"],
)
def test_no_parent_meets_another(run: PluginInstanceSpec, joins: bool, expected: dict[str, str]):
    assert parents.directories(run, joins=joins) == expected


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (spec("a", inputs=[{"previous": "a", "match": "("}]), ("inputs[0].match: '('", "regular expression")),
        (spec("a", inputs=[{"previous": "a", "match": "(?P<x>a"}]), ("inputs[0].match", "mend it")),
        (
            spec("a", "b", inputs=[{"previous": "a", "into": "b"}]),
            ("the files of a and of b would come into one directory 'b'", "with into"),
        ),
        (
            spec("a", "b", inputs=[{"previous": "a", "into": "x"}, {"previous": "b", "into": "x"}]),
            ("one directory 'x'",),
        ),
    ],
    ids=["expression", "group", "name-of-another", "same"],
)
def test_what_is_wrong_is_named(run: PluginInstanceSpec, words: tuple[str, ...]):
    (complaint,) = parents.complaints(run, TS)
    assert all(word in complaint for word in words), complaint


def test_only_what_is_filtered_is_chosen():
    run = spec("a", "b", "c", inputs=[{"previous": "c", "match": "x"}, {"previous": "b", "into": "y"}])
    assert parents.filtered(run) == ("c",)
    assert parents.complaints(run, TS) == []
