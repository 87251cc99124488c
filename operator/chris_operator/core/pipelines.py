"""What a Pipeline means: the order of its nodes, the values that each gets, and what is wrong with it."""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chris_operator.models.pipeline import Node, Pipeline, PipelineSpec
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginReference

from . import validate
from .conditions import ready_conditions

Plugins = Mapping[PluginReference, PluginSpec]
"""The registered ones of the Plugins that a Pipeline names."""
_TOLD = 5


def told(complaints: Sequence[str]) -> str:
    """Complaints as one message, of which the first few stand for the rest.

    >>> told(["a", "b"])
    'a; b'
    >>> told(["a"] * 8)
    'a; a; a; a; a; and 3 more'
    """
    rest = len(complaints) - _TOLD
    return "; ".join([*complaints[:_TOLD], *([f"and {rest} more"] if rest > 0 else [])])


def digest(spec: PipelineSpec) -> str:
    """What identifies the runs that a Pipeline makes: its nodes and parameters, not its texts."""
    wire = spec.wire()
    text = json.dumps([wire["nodes"], wire["parameters"]], sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, parents first; those that wait for a circle or for a node that is not there are left out."""
    known = {node.name: node for node in nodes}
    missing = {name: len(node.previous) for name, node in known.items()}
    children: dict[str, list[str]] = {}
    for name, node in known.items():
        for parent in node.previous:
            children.setdefault(parent, []).append(name)
    ready, ordered = deque(name for name, count in missing.items() if not count), []
    while ready:
        name = ready.popleft()
        ordered.append(known[name])
        for child in children.get(name, ()):
            missing[child] -= 1
            if not missing[child]:
                ready.append(child)
    return ordered


def circle(nodes: Sequence[Node]) -> tuple[str, ...]:
    """Names along one circle, from a node upwards to itself; empty where there is none."""
    above = {node.name: node.previous for node in nodes}
    done = {node.name for node in in_order(nodes)}
    stuck = {name for name in above if name not in done}
    for start in above:
        if start in stuck and (found := _circle_above(start, above, stuck)):
            return found
    return ()


def _circle_above(start: str, above: Mapping[str, Sequence[str]], stuck: set[str]) -> tuple[str, ...]:
    """The circle that one walk upwards runs into; a walk that ends at a missing parent clears its way."""
    way: dict[str, None] = {}
    name: str | None = start
    while name is not None and name not in way:
        way[name] = None
        name = next((parent for parent in above[name] if parent in stuck), None)
    if name is None:
        stuck.difference_update(way)
        return ()
    names = list(way)
    return (*names[names.index(name) :], name)


def values(spec: PipelineSpec, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of every node: its own, replaced by those of the Pipeline, given by a Workflow or by default."""
    found = {node.name: dict(node.parameters) for node in spec.nodes}
    for parameter in spec.parameters:
        value = given.get(parameter.name, parameter.default)
        for target in parameter.targets if value is not None else ():
            found.setdefault(target.node, {})[target.parameter] = value
    return found


def complaints(spec: PipelineSpec, plugins: Plugins) -> list[str]:
    """What is wrong with a Pipeline, as far as its registered plugins tell; each names the node or parameter."""
    return [*_tree_complaints(spec), *_target_complaints(spec, plugins), *_node_complaints(spec, plugins)]


def _tree_complaints(spec: PipelineSpec) -> list[str]:
    names = {node.name for node in spec.nodes}
    dangling = [
        f"node {node.name} names {parent} in previous, and the Pipeline has no such node: name one of its nodes"
        for node in spec.nodes
        for parent in node.previous
        if parent not in names
    ]
    found = circle(spec.nodes)
    return [*dangling, *([f"node {found[0]}: {validate.circle_words(found[0], found[1:])}"] if found else [])]


def _target_complaints(spec: PipelineSpec, plugins: Plugins) -> list[str]:
    nodes = {node.name: node for node in spec.nodes}
    givers: dict[tuple[str, str], str] = {}
    found = []
    for parameter in spec.parameters:
        for target in parameter.targets:
            place = f"parameter {parameter.name!r} of the Pipeline goes to {target.parameter!r} of node {target.node}"
            node = nodes.get(target.node)
            plugin = plugins.get(node.plugin) if node else None
            rival = givers.setdefault((target.node, target.parameter), parameter.name)
            if node is None:
                found.append(f"{place}, which does not exist: name one of its nodes")
            elif plugin and all(each.name != target.parameter for each in plugin.parameters):
                found.append(f"{place}, whose plugin {plugin.name} {plugin.version} has no such parameter")
            elif rival != parameter.name:
                found.append(f"{place}, and so does {rival!r}: let one of them go there")
    return found


def _node_complaints(spec: PipelineSpec, plugins: Plugins) -> list[str]:
    given = values(spec, {})
    return [
        f"node {node.name}: {complaint}"
        for node in spec.nodes
        if (plugin := plugins.get(node.plugin))
        for complaint in (
            *_place_complaints(node, plugin),
            *validate.parameter_complaints(plugin, given[node.name], whole=False),
        )
    ]


def _place_complaints(node: Node, plugin: PluginSpec) -> list[str]:
    # A node without parents that reads something is attached to the Workflow's own parent.
    attached = not node.previous and plugin.type != "fs"
    return [] if attached else validate.place_complaints(plugin, node.previous, node.name)


def pipeline_status(
    pipeline: Pipeline, number: int, plugins: Plugins, now: datetime
) -> dict[str, Any] | None:
    """The whole status of a Pipeline; None where it is right already."""
    spec, generation = pipeline.spec, pipeline.metadata.generation
    wrong = complaints(spec, plugins)
    conditions = ready_conditions(
        "InvalidPipeline" if wrong else "Valid",
        told(wrong) if wrong else _words(spec, plugins),
        ready=not wrong,
        generation=generation,
        now=now,
        before=pipeline.status.conditions,
        stalled=bool(wrong),
    )
    status = pipeline.status.model_copy(
        update={
            "id": number,
            "nodes": len(spec.nodes),
            "observed_generation": generation,
            "conditions": conditions,
        }
    )
    return None if status.wire() == pipeline.status.wire() else status.wire()


def _words(spec: PipelineSpec, plugins: Plugins) -> str:
    unknown = dict.fromkeys(
        f"{node.plugin.name} {node.plugin.version}" for node in spec.nodes if node.plugin not in plugins
    )
    if not unknown:
        return "Workflows may run it"
    return f"Workflows may run it; not registered yet, so that their runs would wait: {told(list(unknown))}"
