"""What a Pipeline means: order, values, and every way in which it can contradict itself or its plugins."""

from typing import Any

import pytest
from tests.resource_examples import CHAIN, node
from tests.runs import NOW, at

from chris_operator.core import pipelines
from chris_operator.core.pipelines import Plugins
from chris_operator.models.pipeline import Pipeline, PipelineSpec
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginReference

Object = dict[str, Any]
SIZE = {"name": "size", "type": "int", "flag": "--size"}
WORD = {"name": "word", "type": "str", "flag": "--word", "optional": True, "default": ""}


def plugin(name: str, kind: str = "ds") -> PluginSpec:
    return PluginSpec.model_validate(
        {
            "name": name,
            "version": "1",
            "dockImage": "i",
            "type": kind,
            "selfexec": "x",
            "parameters": [SIZE, WORD],
        }
    )


PLUGINS: Plugins = {
    PluginReference(name=name, version="1"): plugin(name, name.removeprefix("pl-"))
    for name in ("pl-fs", "pl-ds", "pl-ts")
}


def spec(nodes: list[Object], parameters: list[Object] | None = None) -> PipelineSpec:
    return PipelineSpec.model_validate({"nodes": nodes, "parameters": parameters or []})


def _of(kind: str, name: str = "a", previous: list[str] | None = None, **parameters: Any) -> Object:
    program = {"name": f"pl-{kind}", "version": "1"}
    return node(name, plugin=program, previous=previous or [], parameters=parameters)


def _goes(name: str, *targets: tuple[str, str], **more: Any) -> Object:
    return {"name": name, "targets": [{"node": n, "parameter": p} for n, p in targets]} | more


def test_parents_come_first():
    tree = spec([_of("ts", "d", ["b", "c"]), _of("ds", "b", ["a"]), _of("ds", "c", ["a"]), _of("ds")])
    assert [each.name for each in pipelines.in_order(tree.nodes)] == ["a", "b", "c", "d"]


CIRCLES = {
    "none": ([_of("ds"), _of("ds", "b", ["a"])], ()),
    "two": ([_of("ds", "a", ["b"]), _of("ds", "b", ["a"])], ("a", "b", "a")),
    "below-a-root": (
        [_of("ds"), _of("ts", "b", ["a", "d"]), _of("ds", "c", ["b"]), _of("ds", "d", ["c"])],
        ("b", "d", "c", "b"),
    ),
    "seen-from-below": (
        [_of("ds", "x", ["a"]), _of("ds", "a", ["b"]), _of("ds", "b", ["a"])],
        ("a", "b", "a"),
    ),
    "dangling-is-none": ([_of("ds", "a", ["gone"]), _of("ds", "b", ["a"])], ()),
    "behind-a-dangling": (
        [_of("ds", "x", ["gone"]), _of("ts", "b", ["x", "c"]), _of("ds", "c", ["b"])],
        ("b", "c", "b"),
    ),
}


@pytest.mark.parametrize(("nodes", "expected"), CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_found(nodes: list[Object], expected: tuple[str, ...]):
    assert pipelines.circle(spec(nodes).nodes) == expected


GOOD = {
    "smallest": spec([_of("ds")]),
    "starts": spec([_of("fs", size=1), _of("ds", "b", ["a"], word="x")]),
    "joins": spec([_of("ds"), _of("ds", "b"), _of("ts", "c", ["a", "b"])]),
    "attached-join": spec([_of("ts")]),
    "required-parameter-comes-later": spec([_of("ds")], [_goes("v", ("a", "size"))]),
    "one-value-for-many": spec(
        [_of("ds"), _of("ds", "b")], [_goes("v", ("a", "size"), ("b", "size"), default=2)]
    ),
    "unregistered-plugin": spec([node("a", parameters={"anything": 1})]),
    "a-thousand-nodes": spec(CHAIN),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_makes_sense(good: PipelineSpec):
    assert pipelines.complaints(good, PLUGINS) == []


BAD: dict[str, tuple[PipelineSpec, str]] = {
    "dangling": (
        spec([_of("ds", "a", ["gone"])]),
        "node a names gone in previous, and the Pipeline has no such node: name one of its nodes",
    ),
    "circle": (
        spec([_of("ds", "a", ["b"]), _of("ds", "b", ["a"])]),
        "node a: previous leads in a circle (a → b → a): name a parent outside it",
    ),
    "fs-with-parent": (spec([_of("ds"), _of("fs", "b", ["a"])]), "node b: pl-fs 1 is of type fs"),
    "ds-with-two-parents": (
        spec([_of("ds"), _of("ds", "b"), _of("ds", "c", ["a", "b"])]),
        "node c: pl-ds 1 is of type ds and needs one parent, but previous names 2",
    ),
    "unknown-parameter": (spec([_of("ds", sise=1)]), "node a: parameter 'sise' does not exist in pl-ds 1"),
    "mistyped-parameter": (spec([_of("ds", size="1")]), "node a: parameter 'size' must be of type int"),
    "mistyped-default": (
        spec([_of("ds")], [_goes("v", ("a", "size"), default=1.5)]),
        "node a: parameter 'size' must be of type int",
    ),
    "target-without-node": (
        spec([_of("ds")], [_goes("v", ("b", "size"))]),
        "parameter 'v' of the Pipeline goes to 'size' of node b, which does not exist",
    ),
    "target-without-parameter": (
        spec([_of("ds")], [_goes("v", ("a", "sise"))]),
        "parameter 'v' of the Pipeline goes to 'sise' of node a, whose plugin pl-ds 1 has no such parameter",
    ),
    "two-values-for-one": (
        spec([_of("ds")], [_goes("v", ("a", "size")), _goes("w", ("a", "size"))]),
        "parameter 'w' of the Pipeline goes to 'size' of node a, and so does 'v': let one of them go there",
    ),
}


@pytest.mark.parametrize(("bad", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named(bad: PipelineSpec, words: str):
    (complaint,) = pipelines.complaints(bad, PLUGINS)
    assert complaint.startswith(words)


def test_values_of_a_workflow_come_before_defaults_and_those_before_the_nodes_own():
    tree = spec(
        [_of("ds", word="own"), _of("ds", "b", word="own")],
        [
            _goes("given", ("a", "size"), default=1),
            _goes("left", ("b", "size"), default=2),
            _goes("w", ("b", "word")),
        ],
    )
    assert pipelines.values(tree, {"given": 7}) == {
        "a": {"word": "own", "size": 7},
        "b": {"word": "own", "size": 2},
    }
    assert pipelines.values(tree, {"w": False})["b"] == {"word": False, "size": 2}


def test_a_digest_is_about_what_runs():
    tree = spec([_of("ds", size=1)])
    assert pipelines.digest(tree) == pipelines.digest(tree.model_copy(update={"title": "T", "public": True}))
    assert pipelines.digest(tree) != pipelines.digest(spec([_of("ds", size=2)]))
    assert pipelines.digest(tree) != pipelines.digest(spec([_of("ds", size=1)], [_goes("v", ("a", "word"))]))


def _pipeline(nodes: list[Object], status: Object | None = None) -> Pipeline:
    body = {"metadata": {"name": "p", "generation": 2}, "spec": {"nodes": nodes}, "status": status or {}}
    return Pipeline.model_validate(body)


@pytest.mark.parametrize(
    ("nodes", "types", "reason", "message"),
    [
        pytest.param([_of("ds")], {"Ready": "True"}, "Valid", "Workflows may run it", id="valid"),
        pytest.param(
            [_of("ds", "a", ["gone"])],
            {"Ready": "False", "Stalled": "True"},
            "InvalidPipeline",
            "node a names gone in previous, and the Pipeline has no such node: name one of its nodes",
            id="invalid",
        ),
        pytest.param(
            [_of("ds"), node("b"), node("c")],
            {"Ready": "True"},
            "Valid",
            "Workflows may run it; not registered yet, so that their runs would wait: pl-x 1.0.0",
            id="unregistered",
        ),
    ],
)
def test_status(nodes: list[Object], types: dict[str, str], reason: str, message: str):
    status = pipelines.pipeline_status(_pipeline(nodes), 5, PLUGINS, NOW)
    assert status is not None
    assert (status["id"], status["nodes"], status["observedGeneration"]) == (5, len(nodes), 2)
    assert {each["type"]: each["status"] for each in status["conditions"]} == types
    assert {(each["reason"], each["message"]) for each in status["conditions"]} == {(reason, message)}
    assert pipelines.pipeline_status(_pipeline(nodes, status), 5, PLUGINS, at(60)) is None
