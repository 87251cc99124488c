"""Workflows and what surrounds them, as plans are decided from: short, with sensible defaults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.runs import CREATED, DS, FEED_UID, FS, NOW, TENANT, at, condition, feed, instance

from chris_operator.core import pipelines, workflow
from chris_operator.core.brief import State
from chris_operator.core.names import node_run_name
from chris_operator.core.workflow import Observed, Run
from chris_operator.models.feed import Feed
from chris_operator.models.pipeline import Pipeline
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstance, PluginReference
from chris_operator.models.workflow import Workflow

Object = dict[str, Any]
UID = "5f0c2f5e-0000-4000-8000-0000000000e1"
SIZE = {"name": "size", "type": "int", "flag": "--size", "optional": True, "default": 1}
WORD = {"name": "word", "type": "str", "flag": "--word", "optional": True, "default": ""}


def _plugin(base: PluginSpec, name: str, **changes: Any) -> PluginSpec:
    body = base.wire() | {"name": name, "parameters": [SIZE, WORD], "maxMemoryLimit": "1Gi"} | changes
    return PluginSpec.model_validate(body)


PLUGINS = {
    PluginReference(name=name, version="1.0.0"): _plugin(base, name)
    for name, base in (("pl-fs", FS), ("pl-ds", DS))
}


def node(name: str, program: str = "pl-ds", *previous: str, **more: Any) -> Object:
    """A node of a Pipeline."""
    return {"name": name, "plugin": {"name": program, "version": "1.0.0"}, "previous": list(previous)} | more


def pipeline(nodes: Sequence[Object], parameters: Sequence[Object] = ()) -> Pipeline:
    """The Pipeline `to-mni`."""
    spec = {"nodes": list(nodes), "parameters": list(parameters)}
    return Pipeline.model_validate({"metadata": {"name": "to-mni", "namespace": "alice"}, "spec": spec})


TREE = pipeline([node("mask"), node("left", "pl-ds", "mask"), node("right", "pl-ds", "mask")])
"""Reads a run's output."""
WHOLE = pipeline([node("scan", "pl-fs"), node("mask", "pl-ds", "scan")])
"""Starts an analysis."""


def the_workflow(spec: Object | None = None, status: Object | None = None, **meta: Any) -> Workflow:
    """The Workflow `one` of the Pipeline `to-mni`, attached to the run `scan` unless told otherwise."""
    owner = {"apiVersion": "chrisproject.org/v1alpha1", "kind": "Feed", "name": "look", "uid": FEED_UID}
    metadata = {
        "name": "one",
        "namespace": "alice",
        "uid": UID,
        "generation": 1,
        "creationTimestamp": CREATED,
        "ownerReferences": [owner],
    }
    given = {"pipeline": "to-mni", "previous": "scan"} if spec is None else {"pipeline": "to-mni"} | spec
    return Workflow.model_validate({"metadata": metadata | meta, "spec": given, "status": status or {}})


def parent(truth: str = "True", **status: Any) -> PluginInstance:
    """The run `scan`, which belongs to the Feed `look`."""
    told = {
        "feed": "look",
        "conditions": condition("Completed" if truth == "True" else "PluginFailed", truth),
    }
    return instance(status=told | status)


def scene(
    spec: Object | None = None,
    status: Object | None = None,
    *,
    tree: Pipeline | None = TREE,
    the_feed: Feed | None = None,
    **changes: Any,
) -> Observed:
    """A Workflow that nothing keeps from starting."""
    given = the_workflow(spec, status)
    base = Observed(
        workflow=given,
        tenant=TENANT,
        pipeline=tree,
        plugins=PLUGINS,
        parent=parent() if given.spec.previous else None,
        feed=the_feed or feed(),
        number=7,
    )
    return replace(base, **changes)


def begun(tree: Pipeline = TREE, **status: Any) -> Object:
    """The status of a Workflow that has begun to run this Pipeline."""
    return {
        "id": 7,
        "feed": "look",
        "observedGeneration": 1,
        "pipelineDigest": pipelines.digest(tree.spec),
        "nodes": len(tree.spec.nodes),
        "suspended": False,
        "conditions": condition("Running"),
        **status,
    }


def run(node_name: str, state: State = State.WAITING, **more: Any) -> Run:
    """A run of the Workflow `one`."""
    facts = {"first": node_name == "mask", "cancel": False, "suspend": False} | more
    return Run(node_run_name("one", node_name), state, **facts)


def decided(o: Observed) -> workflow.Plan:
    """The plan, which is the same when asked again, and writes nothing when what it says is written already."""
    plan = workflow.plan(o, NOW)
    assert workflow.plan(o, NOW) == plan
    if plan.status is not None:
        after = o.workflow.model_copy(update={"status": type(o.workflow.status).model_validate(plan.status)})
        again = workflow.plan(replace(o, workflow=after), at(5))
        assert again.event is None or plan.create
    return plan


def names(bodies: Sequence[Object]) -> list[str]:
    """Names of runs to be made."""
    return [body["metadata"]["name"] for body in bodies]


def told(plan: workflow.Plan) -> tuple[str, str, str]:
    """Truth, reason and message of the status that a plan writes."""
    assert plan.status is not None
    conditions = plan.status["conditions"]
    pair = {"True": [], "False": ["Stalled"], "Unknown": ["Reconciling"]}[conditions[0]["status"]]
    assert [each["type"] for each in conditions] == ["Succeeded", *pair]
    return conditions[0]["status"], conditions[0]["reason"], conditions[0]["message"]
