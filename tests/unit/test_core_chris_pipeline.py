"""ChRIS's pipelines come in from every form that ChRIS writes, go out again, and mean the same."""

import json
from typing import Any

import pytest
import yaml

from chris_operator.core.chris_pipeline import FormatError, imported, to_json, to_yaml
from chris_operator.models.pipeline import Pipeline
from chris_operator.models.plugininstance import PluginReference

SIMPLE = PluginReference(name="pl-simpledsapp", version="2.1.3")
TOPOLOGICAL = PluginReference(name="pl-topologicalcopy", version="1.0.2")
DEFAULTS = {"prefix": "", "sleepLength": "0", "dummyInt": 1, "dummyFloat": 1.1, "b_ignoreInputDir": False}
LISTED = [{"name": name, "default": value} for name, value in DEFAULTS.items()]
RECORDED = json.dumps(
    {
        "url": "http://cube.example.org/api/v1/pipelines/2/",
        "name": "Test2",
        "locked": False,
        "authors": "",
        "category": "",
        "description": "",
        "plugin_tree": json.dumps(
            [
                {"plugin_id": 4, "previous": None, "title": "Plugin1", "plugin_parameter_defaults": LISTED},
                {
                    "plugin_id": 4,
                    "previous": "Plugin1",
                    "title": "Plugin2",
                    "plugin_parameter_defaults": LISTED,
                },
                {
                    "plugin_id": 4,
                    "previous": "Plugin1",
                    "title": "Plugin3",
                    "plugin_parameter_defaults": LISTED,
                },
            ]
        ),
    }
)
"""What a CUBE answers at `/api/v1/pipelines/2/json/`."""
SOURCE_FILE = """
name: Fetal brain v1.0
locked: true
authors: Jennings Zhang <j@example.org>
category: MRI
description: Masks, then both together
plugin_tree:
- title: Mask, left
  plugin: pl-simpledsapp v2.1.3
  previous: null
  plugin_parameter_defaults: {prefix: l-, dummyInt: null}
  cpu_limit: 2000m
  memory_limit: 4Gi
  gpu_limit: 1
  number_of_workers: 2
- title: mask left
  plugin: pl-simpledsapp v2.1.3
  previous: ~
- title: both
  plugin: pl-topologicalcopy v1.0.2
  previous: mask left
  plugin_parameter_defaults:
    plugininstances: mask left,right
- {title: right, plugin: pl-simpledsapp v2.1.3, previous: mask left}
"""


def _plugin(number: int) -> PluginReference | None:
    return {4: SIMPLE}.get(number)


def _nodes(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in body["spec"]["nodes"]}


def test_what_a_cube_answers():
    body = imported(RECORDED, numbered=_plugin)
    assert (body["kind"], body["metadata"], body["spec"]["public"]) == ("Pipeline", {"name": "test2"}, True)
    nodes = _nodes(body)
    assert list(nodes) == ["plugin1", "plugin2", "plugin3"]
    assert nodes["plugin3"] == {
        "name": "plugin3",
        "title": "Plugin3",
        "plugin": SIMPLE.model_dump(),
        "previous": ["plugin1"],
        "parameters": DEFAULTS,
    }


def test_a_source_file():
    body = imported(SOURCE_FILE, name="fetal")
    spec = body["spec"]
    assert (body["metadata"], spec["title"], spec["public"]) == ({"name": "fetal"}, "Fetal brain v1.0", False)
    assert (spec["category"], spec["description"]) == ("MRI", "Masks, then both together")
    nodes = _nodes(body)
    assert list(nodes) == ["mask-left", "mask-left-2", "both", "right"]
    assert nodes["mask-left"]["parameters"] == {"prefix": "l-"}
    assert nodes["mask-left"]["resources"] == {"cpu": "2000m", "memory": "4096Mi", "gpu": 1}
    assert nodes["mask-left"]["workers"] == 2
    assert nodes["both"] == {
        "name": "both",
        "plugin": TOPOLOGICAL.model_dump(),
        "previous": ["mask-left-2", "right"],
    }


def test_parents_by_index_as_old_exports_have_them():
    tree = [
        {"plugin_name": "pl-a", "plugin_version": "1", "previous_index": None},
        {"plugin_name": "pl-b", "plugin_version": "2", "previous_index": 0},
    ]
    nodes = _nodes(imported(json.dumps({"name": "old", "plugin_tree": tree})))
    assert nodes["pl-b"]["previous"] == ["pl-a"]


TEXTS = {"json": to_json, "yaml": to_yaml}


@pytest.mark.parametrize("write", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("text", [RECORDED, SOURCE_FILE], ids=["recorded", "source-file"])
def test_out_and_in_again(text: str, write: Any):
    body = imported(text, numbered=_plugin)
    again = imported(write(Pipeline.parse(body), [TOPOLOGICAL]))
    # Titles that are no good in a list separated by commas are replaced by names.
    for node in (*body["spec"]["nodes"], *again["spec"]["nodes"]):
        if "," in node.get("title", ","):
            node.pop("title", None)
    assert again["spec"] == body["spec"]


def test_what_is_written_is_what_chris_reads():
    pipeline = Pipeline.parse(imported(SOURCE_FILE))
    told = json.loads(to_json(pipeline))
    assert set(told) == {"name", "locked", "authors", "category", "description", "plugin_tree"}
    tree = {node["title"]: node for node in json.loads(told["plugin_tree"])}
    assert tree["mask-left"] == {
        "title": "mask-left",
        "plugin_name": "pl-simpledsapp",
        "plugin_version": "2.1.3",
        "previous": None,
        "plugin_parameter_defaults": [{"name": "prefix", "default": "l-"}],
        "cpu_limit": 2000,
        "memory_limit": 4096,
        "gpu_limit": 1,
        "number_of_workers": 2,
    }
    assert tree["both"]["previous"] == "mask left"
    assert tree["both"]["plugin_parameter_defaults"] == [
        {"name": "plugininstances", "default": "mask left,right"}
    ]
    assert yaml.safe_load(to_yaml(pipeline))["plugin_tree"][3] == {
        "title": "right",
        "plugin": "pl-simpledsapp v2.1.3",
        "previous": "mask left",
    }


def test_parameters_of_the_pipeline_become_defaults():
    targets = [{"node": "a", "parameter": "size"}]
    body = {
        "metadata": {"name": "p"},
        "spec": {
            "nodes": [{"name": "a", "plugin": SIMPLE.model_dump(), "parameters": {"size": 1, "b": 2}}],
            "parameters": [{"name": "size", "default": 3, "targets": targets}],
        },
    }
    (node,) = yaml.safe_load(to_yaml(Pipeline.parse(body)))["plugin_tree"]
    assert node["plugin_parameter_defaults"] == {"size": 3, "b": 2}


def _with(*nodes: Any, **head: Any) -> str:
    return json.dumps({"name": "x", "plugin_tree": list(nodes)} | head)


GOOD = {"title": "a", "plugin": "pl-a v1"}
BAD = {
    "no-yaml": ("a: [", "neither JSON nor YAML"),
    "no-json": ('{"name": ', "neither JSON nor YAML"),
    "a-list": ("[]", "keys name and plugin_tree"),
    "without-name": (_with(GOOD, name=None), "the pipeline needs a text as its 'name', but None"),
    "without-tree": (_with(plugin_tree=None), "plugin_tree must be a list of nodes"),
    "empty-tree": (_with(), "give at least one"),
    "tree-is-broken-text": (_with(plugin_tree="[{"), "plugin_tree is a text, but no JSON"),
    "title-is-a-number": (_with({"title": 1}), "node 0 needs a text as its 'title'"),
    "title-twice": (_with(GOOD, GOOD), "the title 'a' is used twice"),
    "without-plugin": (_with({"title": "a"}), "node 0 ('a') names no plugin"),
    "without-version": (
        _with({"title": "a", "plugin": "pl-a"}),
        "names no plugin: write plugin: 'pl-x v1.2.3'",
    ),
    "unknown-number": (_with({"title": "a", "plugin_id": 9}), "by the number 9, which no Plugin here has"),
    "parent-unknown": (_with(GOOD | {"previous": "b"}), "previous is 'b', which is no node's title"),
    "parent-by-wrong-index": (_with(GOOD | {"previous_index": 7}), "previous is 7"),
    "joins-unknown": (
        _with(GOOD | {"plugin_parameter_defaults": {"plugininstances": "a,b"}}),
        "plugininstances names 'b'",
    ),
    "its-own-parent": (_with(GOOD | {"previous": "a"}), "cannot be its own parent"),
    "defaults-as-text": (_with(GOOD | {"plugin_parameter_defaults": "a=1"}), "must be a map of values"),
    "default-is-a-list": (
        _with(GOOD | {"plugin_parameter_defaults": {"p": [1]}}),
        "must be a text, a number",
    ),
    "memory-without-sense": (
        _with(GOOD | {"memory_limit": "4GB"}),
        "node 0 ('a'): '4GB' is not a memory limit",
    ),
    "workers-zero": (_with(GOOD | {"number_of_workers": -1}), "workers"),
}


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD)
def test_what_is_no_pipeline_is_explained(text: str, named: str):
    with pytest.raises(FormatError) as refused:
        imported(text)
    assert named in str(refused.value)


def test_a_thousand_nodes_come_in():
    tree: list[dict[str, Any]] = [
        {**GOOD, "title": f"n{i}", "previous": f"n{i - 1}" if i else None} for i in range(1000)
    ]
    body = imported(_with(*tree))
    assert len(body["spec"]["nodes"]) == 1000
    assert imported(to_yaml(Pipeline.parse(body)))["spec"] == body["spec"]
