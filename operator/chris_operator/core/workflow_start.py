"""Whether a Workflow may start: what is missing, and what is wrong, told before anything runs.

What is missing may still come and is waited for; what is wrong never becomes right, since nothing of it can change.
"""

from dataclasses import dataclass, field

from pydantic import ValidationError

from chris_operator.models.base import explain
from chris_operator.models.feed import Feed
from chris_operator.models.pipeline import Pipeline, PipelineSpec
from chris_operator.models.plugin import object_name
from chris_operator.models.plugininstance import PluginInstance, PluginInstanceSpec
from chris_operator.models.workflow import Workflow

from . import pipelines, resources, validate
from .observed import Tenant
from .pipelines import Plugins, told
from .plan import final_condition
from .workflow_reasons import WorkflowReason
from .workflow_runs import NodeRun, node_runs


@dataclass(frozen=True)
class Surroundings:
    """What a Workflow refers to, as it was when it was gathered."""

    workflow: Workflow
    tenant: Tenant
    pipeline: Pipeline | None = None
    pipeline_problem: str | None = None
    """Why the Pipeline cannot be read, where it cannot (written under an older schema)."""
    plugins: Plugins = field(default_factory=dict)
    parent: PluginInstance | None = None
    feed: Feed | None = None

    @property
    def feed_name(self) -> str | None:
        """Of the Feed that the runs belong to; None while the parent has none."""
        spec = self.workflow.spec
        if spec.previous:
            return self.parent.status.feed if self.parent else self.workflow.status.feed
        return spec.feed or self.workflow.metadata.name

    def runs(self, spec: PipelineSpec) -> list[NodeRun]:
        """A run for every node."""
        return node_runs(self.workflow, spec, self.plugins, self.feed_name)


Objection = tuple[WorkflowReason, str]


def objection(s: Surroundings, spec: PipelineSpec) -> Objection | None:
    """The first thing that keeps a Workflow of this Pipeline from starting; None where it may."""
    if wrong := pipelines.complaints(spec, s.plugins):
        return WorkflowReason.INVALID_PIPELINE, f"Pipeline {s.workflow.spec.pipeline}: {told(wrong)}"
    return (
        _asked_wrongly(s, spec)
        or unknown_start(s, spec)
        or _misplaced(s, spec)
        or _unfed(s)
        or _unfit(s, spec)
    )


def no_pipeline(s: Surroundings) -> Objection:
    """There is no Pipeline that can be read."""
    name = s.workflow.spec.pipeline
    if s.pipeline_problem:
        return WorkflowReason.INVALID_PIPELINE, f"Pipeline {name}: {s.pipeline_problem}"
    return (
        WorkflowReason.PIPELINE_NOT_FOUND,
        f"namespace {s.tenant.namespace} has no Pipeline {name}: apply it",
    )


def _asked_wrongly(s: Surroundings, spec: PipelineSpec) -> Objection | None:
    """Nodes and parameters that the Pipeline does not have, and those that it must be given."""
    asked, nodes = s.workflow.spec, {node.name for node in spec.nodes}
    if strange := [each.name for each in asked.nodes if each.name not in nodes]:
        words = f"nodes names {told(strange)}, and Pipeline {asked.pipeline} has no such node: it has {told(sorted(nodes))}"
        return WorkflowReason.INVALID_SPEC, words
    known = {each.name: each for each in spec.parameters}
    has = told(sorted(known)) or "no parameters"
    wrong = [
        f"parameter {name!r} does not exist in Pipeline {asked.pipeline}: it has {has}"
        for name in sorted(asked.parameters)
        if name not in known
    ]
    wrong += [
        f"parameter {each.name!r} is required by Pipeline {asked.pipeline} and was not given"
        for each in spec.parameters
        if each.default is None and not each.optional and each.name not in asked.parameters
    ]
    return (WorkflowReason.INVALID_PARAMETERS, told(wrong)) if wrong else None


def unknown_start(s: Surroundings, spec: PipelineSpec) -> Objection | None:
    """A node that begins whose plugin nobody knows yet: it may start an analysis, or read what is given."""
    for node in spec.nodes:
        if not node.previous and node.plugin not in s.plugins:
            wanted = node.plugin
            words = (
                f"node {node.name} begins with Plugin {wanted.name} {wanted.version}, which is not registered on this "
                f"cluster: apply a Plugin named {object_name(wanted.name, wanted.version)}"
            )
            return WorkflowReason.PLUGIN_NOT_FOUND, words
    return None


def _misplaced(s: Surroundings, spec: PipelineSpec) -> Objection | None:
    """Nodes that read something need a parent, and a parent needs somebody who reads it."""
    reading = [n.name for n in spec.nodes if not n.previous and s.plugins[n.plugin].type != "fs"]
    if reading and not s.workflow.spec.previous:
        words = f"node {told(reading)} reads a run's output, but previous is left out: name the run in spec.previous"
        return WorkflowReason.INVALID_SPEC, words
    if s.workflow.spec.previous and not reading:
        words = (
            f"previous names {s.workflow.spec.previous}, but every node that begins is of type fs and reads nothing: "
            "leave previous out"
        )
        return WorkflowReason.INVALID_SPEC, words
    return None


def _unfed(s: Surroundings) -> Objection | None:
    """Parent and Feed must be there, so that the runs go where they belong."""
    spec, namespace = s.workflow.spec, s.tenant.namespace
    if spec.previous and s.parent is None:
        words = f"previous names {spec.previous}, and namespace {namespace} has no such PluginInstance yet"
        return WorkflowReason.PARENT_NOT_FOUND, words
    ended = final_condition(s.parent) if s.parent else None
    if ended and ended.status == "False":
        words = f"the run {spec.previous} did not succeed ({ended.reason}): run it again, and name that run"
        return WorkflowReason.PARENT_FAILED, words
    if s.feed_name is None:
        return WorkflowReason.FEED_NOT_FOUND, f"waits for the run {spec.previous} to have a Feed"
    if spec.feed and s.feed is None:
        words = f"namespace {namespace} has no Feed {spec.feed} yet: create it, or leave spec.feed out"
        return WorkflowReason.FEED_NOT_FOUND, words
    return going_away(s)


def going_away(s: Surroundings) -> Objection | None:
    """What is being deleted takes its runs along: none is made in their place."""
    if s.tenant.deleted:
        words = f"namespace {s.tenant.namespace} is being deleted: nothing more is made in it"
        return WorkflowReason.FEED_NOT_FOUND, words
    if s.feed and s.feed.metadata.deletion_timestamp:
        return WorkflowReason.FEED_NOT_FOUND, f"Feed {s.feed_name} is being deleted: use another name"
    return None


def _unfit(s: Surroundings, spec: PipelineSpec) -> Objection | None:
    """What the runs' plugins would say of parameters and resources, where they are registered."""
    for run in s.runs(spec):
        where = f"node {run.node.name}"
        try:
            wanted = PluginInstanceSpec.model_validate(run.spec)
        except ValidationError as error:
            return WorkflowReason.INVALID_SPEC, f"{where}: {explain(error)}"
        if run.plugin is None:
            continue
        if wrong := validate.parameter_complaints(run.plugin, wanted.parameters):
            return WorkflowReason.INVALID_PARAMETERS, f"{where}: {told(wrong)}"
        if wrong := resources.complaints(wanted, run.plugin):
            return WorkflowReason.INVALID_SPEC, f"{where}: {told(wrong)}"
    return None
