"""The runs that a Workflow makes: what each reads, what it is given, whose it is."""

from tests.workflow_scenes import (
    PLUGINS,
    TREE,
    UID,
    WHOLE,
    decided,
    names,
    node,
    pipeline,
    scene,
    the_workflow,
)

from chris_operator.core.verdict import CreateFeed
from chris_operator.models.plugininstance import PluginInstance


def test_a_run_says_whose_it_is_and_what_it_reads():
    first, second, _ = decided(scene()).create
    assert first["metadata"] == {
        "name": "one-mask",
        "namespace": "alice",
        "labels": {
            "chrisproject.org/workflow": "one",
            "chrisproject.org/workflow-uid": UID,
            "chrisproject.org/node": "mask",
        },
    }
    assert first["spec"]["previous"] == ["scan"]
    assert second["spec"] == {
        "plugin": {"name": "pl-ds", "version": "1.0.0"},
        "title": "left",
        "previous": ["one-mask"],
        "parameters": {},
        "suspend": False,
    }
    PluginInstance.parse(second)


def test_a_queue_is_passed_on():
    queue = {"kueue.x-k8s.io/queue-name": "night"}
    bodies = decided(scene(workflow=the_workflow(labels=queue | {"theirs": "x"}))).create
    assert all(queue.items() <= body["metadata"]["labels"].items() for body in bodies)
    assert all("theirs" not in body["metadata"]["labels"] for body in bodies)


def test_what_a_workflow_says_of_a_node_comes_before_the_pipeline():
    tree = pipeline(
        [
            node(
                "mask",
                title="Mask",
                parameters={"size": 1, "word": "own"},
                resources={"cpu": "1", "memory": "300Mi"},
                workers=2,
                maxParallel=1,
                retriesPerIndex=3,
                retries=1,
                cache="off",
                computeResource="moc",
            )
        ],
        [{"name": "v", "default": 2, "targets": [{"node": "mask", "parameter": "size"}]}],
    )
    override = {
        "name": "mask",
        "title": "Mine",
        "parameters": {"word": "theirs"},
        "resources": {"memory": "500Mi"},
        "priority": "slack",
        "workers": 1,
    }
    (body,) = decided(scene({"previous": "scan", "nodes": [override], "suspend": True}, tree=tree)).create
    assert body["spec"] | {"plugin": None} == {
        "plugin": None,
        "title": "Mine",
        "previous": ["scan"],
        "parameters": {"size": 2, "word": "theirs"},
        "resources": {"cpu": "1", "memory": "500Mi"},
        "workers": 1,
        "priority": "slack",
        "maxParallel": 1,
        "retriesPerIndex": 3,
        "retries": 1,
        "cache": "off",
        "computeResource": "moc",
        "suspend": True,
    }


def test_parents_that_are_joined_come_into_directories_named_like_their_nodes():
    chosen = {"previous": "left", "match": "nii$"}
    moved = {"previous": "right", "into": "other"}
    tree = pipeline(
        [
            *(each.wire() for each in TREE.spec.nodes),
            node("both", "pl-later", "left", "right"),
            node("some", "pl-later", "left", "right", inputs=[chosen, moved]),
            node("few", "pl-later", "left", inputs=[chosen]),
        ]
    )
    made = {body["metadata"]["name"]: body["spec"] for body in decided(scene(tree=tree)).create}
    left, right = {"previous": "one-left", "into": "left"}, {"previous": "one-right", "into": "right"}
    assert made["one-both"]["inputs"] == [left, right]
    assert made["one-some"]["inputs"] == [left | {"match": "nii$"}, right | {"into": "other"}]
    assert made["one-few"]["inputs"] == [{"previous": "one-left", "match": "nii$"}]
    assert "inputs" not in made["one-left"]


def test_one_that_starts_an_analysis_gets_a_feed_of_its_own_name():
    lone = scene({}, tree=WHOLE, feed=None, workflow=the_workflow({"title": "T"}, ownerReferences=[]))
    decision = decided(lone)
    assert decision.before == (CreateFeed("one", "T"),)
    scan, mask = decision.create
    assert (scan["spec"]["feed"], scan["spec"]["previous"]) == ("one", [])
    assert "feed" not in mask["spec"]
    assert mask["spec"]["previous"] == ["one-scan"]


def test_a_run_that_nobody_knows_the_plugin_of_is_made_and_waits():
    tree = pipeline([node("mask"), node("later", "pl-later", "mask")])
    assert names(decided(scene(tree=tree, plugins=PLUGINS)).create) == ["one-mask", "one-later"]
