"""`kubectl chris rerun`: which runs are made again, under which names, on which parents, with which values."""

from typing import Any

import pytest
from tests.runs import Object, instance, plugin

from chris_operator.cli.again import again, assignments, typed
from chris_operator.cli.errors import UserError
from chris_operator.models.plugininstance import PluginInstance

FEED = {"feed": "look"}
KNOWN = {
    "scan": instance("scan", status=FEED, spec={"retries": 2, "cancel": True}),
    "left": instance("left", status=FEED, spec={"previous": ["scan"], "parameters": {"n": 1, "m": "x"}}),
    "right": instance("right", status=FEED, spec={"previous": ["scan"], "resources": {"cpu": "1"}}),
    "join": instance("join", status=FEED, spec={"previous": ["left", "right"]}),
    "after": instance("after", status=FEED, spec={"previous": ["join"], "suspend": True}),
    "other": instance("other", status={"feed": "else"}),
}


def made(
    name: str, *, following: bool = False, known: dict[str, PluginInstance] | None = None, **changes: Any
) -> dict[str, Object]:
    parameters = changes.get("parameters", KNOWN[name].spec.parameters)
    bodies = again(known or KNOWN, name, parameters, changes.get("resources", {}), following=following)
    return {body["metadata"]["name"]: body["spec"] for body in bodies}


def test_one_run_on_the_same_parents():
    assert made("left", parameters={"n": 2}) == {
        "left-r2": {
            "plugin": {"name": "pl-x", "version": "1.0.0"},
            "previous": ["scan"],
            "feed": "look",
            "parameters": {"n": 2},
        }
    }


def test_all_that_followed_stands_on_the_new_ones():
    found = made("left", following=True)
    assert {name: spec["previous"] for name, spec in found.items()} == {
        "left-r2": ["scan"],
        "join-r2": ["left-r2", "right"],
        "after-r2": ["join-r2"],
    }
    assert found["join-r2"]["inputs"] == [{"previous": "left-r2", "into": "left"}], (
        "its files come in where they did"
    )
    assert "inputs" not in found["after-r2"], "a single parent's files need no directory"
    assert list(found) == ["left-r2", "join-r2", "after-r2"], "parents first"


def test_a_root_stays_in_its_analysis_and_what_was_done_to_it_is_not_done_again():
    assert made("scan")["scan-r2"] == {
        "plugin": {"name": "pl-x", "version": "1.0.0"},
        "retries": 2,
        "feed": "look",
        "parameters": {},
    }
    assert "suspend" not in made("after")["after-r2"]


def test_resources_change_one_by_one():
    assert made("right", resources={"memory": "4Gi"})["right-r2"]["resources"] == {
        "cpu": "1",
        "memory": "4Gi",
    }


def test_names_are_free_and_alike():
    known = KNOWN | {
        "join-r2": instance("join-r2"),
        "left-r3": instance("left-r3", spec={"previous": ["scan"]}),
    }
    assert list(made("left", following=True, known=known)) == ["left-r4", "join-r4", "after-r4"]
    assert again(known, "left-r3", {}, {}, following=False)[0]["metadata"]["name"] == "left-r4"


def test_labels_of_others_are_kept():
    """As a queue's; those of ours tell of the former run."""
    queued = instance("queued", labels={"kueue.x-k8s.io/queue-name": "night", "chrisproject.org/id": "8"})
    (body,) = again({"queued": queued}, "queued", {}, {}, following=False)
    assert body["metadata"] == {
        "name": "queued-r2",
        "namespace": "alice",
        "labels": {"kueue.x-k8s.io/queue-name": "night"},
    }


def test_what_was_said_about_parents_is_kept():
    said = [{"previous": "left", "match": "nii$", "into": "images"}]
    known = {
        "left": instance("left"),
        "one": instance("one", spec={"previous": ["left"], "inputs": said}),
        "two": instance("two", spec={"previous": ["left"]}),
    }
    joins = [known["two"].spec.plugin]
    bodies = again(known, "left", {}, {}, following=True, joins=joins)
    told = {body["metadata"]["name"]: body["spec"].get("inputs") for body in bodies}
    assert told == {
        "left-r2": None,
        "one-r2": [{"previous": "left-r2", "match": "nii$", "into": "images"}],
        "two-r2": [{"previous": "left-r2", "into": "left"}],
    }


def test_fresh_runs_take_nothing_over():
    bodies = again(KNOWN, "left", {}, {}, following=True, fresh=True)
    assert {body["spec"]["cache"] for body in bodies} == {"refresh"}


def test_what_is_made_is_a_resource():
    for body in again(KNOWN, "scan", {}, {"cpu": "2"}, following=True):
        PluginInstance.parse(body)


TYPED = plugin(
    parameters=[
        {"name": "n", "type": "int", "flag": "-n1"},
        {"name": "f", "type": "float", "flag": "-f1"},
        {"name": "b", "type": "bool", "flag": "-b1"},
        {"name": "s", "type": "str", "flag": "-s1"},
    ]
)


def test_values_have_the_types_of_the_plugin():
    given = assignments(["n=3", "f=0.5", "b=True", "s=a=b", "unknown=7"], "--set")
    assert typed(given, TYPED) == {"n": 3, "f": 0.5, "b": True, "s": "a=b", "unknown": "7"}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("n=x", "parameter n is 'x', but must be a whole number"),
        ("f=", "parameter f is '', but must be a number"),
        ("b=1", "parameter b is '1', but must be true or false"),
        ("n", "--set is 'n': write name=value"),
        ("=3", "--set is '=3': write name=value"),
    ],
)
def test_values_that_do_not_fit_are_named(word: str, told: str):
    with pytest.raises(UserError) as error:
        typed(assignments([word], "--set"), TYPED)
    assert str(error.value) == told
