"""The runs that a Workflow makes of its Pipeline's nodes, as PluginInstances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chris_operator.models.base import API_VERSION
from chris_operator.models.pipeline import Node, NodeSettings, PipelineSpec
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.workflow import Workflow

from . import pipelines
from .names import NODE_LABEL, QUEUE_LABEL, WORKFLOW_LABEL, WORKFLOW_UID_LABEL, label_value, node_run_name
from .pipelines import Plugins

_OWN = frozenset({"name", "title", "parameters", "plugin", "previous", "inputs"})
"""What is not simply passed on from the node to its run."""


@dataclass(frozen=True)
class NodeRun:
    """A node with everything that a Workflow says about it."""

    node: Node
    name: str
    """Of the PluginInstance."""
    spec: dict[str, Any]
    """Of the PluginInstance, on the wire."""
    plugin: PluginSpec | None


def node_runs(workflow: Workflow, spec: PipelineSpec, plugins: Plugins, feed: str | None) -> list[NodeRun]:
    """One run for every node, parents first; `feed` is for those that start an analysis."""
    given = pipelines.values(spec, workflow.spec.parameters)
    overrides = {each.name: each for each in workflow.spec.nodes}
    return [
        _node_run(
            workflow,
            node,
            given[node.name],
            override=overrides.get(node.name),
            plugin=plugins.get(node.plugin),
            feed=feed,
        )
        for node in pipelines.in_order(spec.nodes)
    ]


def _node_run(
    workflow: Workflow,
    node: Node,
    values: Mapping[str, Any],
    *,
    override: NodeSettings | None,
    plugin: PluginSpec | None,
    feed: str | None,
) -> NodeRun:
    own = workflow.metadata.name
    layers = [each for each in (override, node) if each is not None]
    found: dict[str, Any] = {
        "plugin": node.plugin.wire(),
        "title": next((each.title for each in layers if each.title), node.name),
        "previous": [node_run_name(own, parent) for parent in node.previous] or _attached(workflow, plugin),
        **_inputs(own, node),
        "parameters": {**values, **(override.parameters if override else {})},
        "suspend": workflow.spec.suspend,
        **_settings(layers),
    }
    if plugin is not None and plugin.type == "fs" and feed:
        found["feed"] = feed
    return NodeRun(node, node_run_name(own, node.name), found, plugin)


def _inputs(own: str, node: Node) -> dict[str, Any]:
    """What the node reads of its parents; those that are joined come into directories named like their nodes.

    Otherwise these would bear the runs' names, and every Workflow of a Pipeline would read other paths.
    """
    told = {each.previous: each.wire() for each in node.inputs}
    into = {parent: {"into": parent} if len(node.previous) > 1 else {} for parent in node.previous}
    inputs = [
        {**into[parent], **told.get(parent, {}), "previous": node_run_name(own, parent)}
        for parent in node.previous
        if into[parent] or parent in told
    ]
    return {"inputs": inputs} if inputs else {}


def _attached(workflow: Workflow, plugin: PluginSpec | None) -> list[str]:
    reads = plugin is not None and plugin.type != "fs"
    return [workflow.spec.previous] if reads and workflow.spec.previous else []


def _settings(layers: list[NodeSettings]) -> dict[str, Any]:
    """What the layers say, the first ones before the others; what none says is the run's own default."""
    found: dict[str, Any] = {}
    for layer in reversed(layers):
        for key, value in layer.wire().items():
            if key not in _OWN:
                found[key] = {**found.get(key, {}), **value} if isinstance(value, dict) else value
    return found


def manifest(workflow: Workflow, run: NodeRun) -> dict[str, Any]:
    """The PluginInstance to create, in the Workflow's queue; its Feed becomes its owner as that of any run."""
    labels = {
        WORKFLOW_LABEL: label_value(workflow.metadata.name),
        WORKFLOW_UID_LABEL: workflow.metadata.uid,
        NODE_LABEL: run.node.name,
    }
    if queue := workflow.metadata.labels.get(QUEUE_LABEL):
        labels[QUEUE_LABEL] = queue
    metadata = {"name": run.name, "namespace": workflow.metadata.namespace, "labels": labels}
    return {"apiVersion": API_VERSION, "kind": "PluginInstance", "metadata": metadata, "spec": run.spec}
