"""From raw objects to what a plan about a Workflow or a Pipeline may look at."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from chris_operator.core.brief import GOING, State
from chris_operator.core.names import node_run_name
from chris_operator.core.pipelines import Plugins
from chris_operator.core.workflow import Observed, Run, ended
from chris_operator.models.base import explain
from chris_operator.models.feed import Feed
from chris_operator.models.pipeline import Pipeline
from chris_operator.models.workflow import Workflow, WorkflowSpec, WorkflowStatus

from .gather import parent_of, plugin_of, tenant_of
from .store import Name, Object
from .world import World

_WORDS = "the resource breaks today's schema"


def plugins_of(world: World, pipeline: Pipeline) -> Plugins:
    """The registered ones of a Pipeline's plugins."""
    wanted = dict.fromkeys(node.plugin for node in pipeline.spec.nodes)
    return {each: found.spec for each in wanted if (found := plugin_of(world, each))}


def observed(world: World, body: Object) -> Observed:
    """Everything that a plan about this Workflow may look at, but for what costs a request."""
    workflow, malformed = _workflow(body)
    namespace, spec = workflow.metadata.namespace, workflow.spec
    found = Observed(
        workflow=workflow,
        tenant=tenant_of(world, namespace),
        parent=parent_of(world, namespace, spec.previous) if spec.previous else None,
        made=_made(world, workflow),
        malformed=malformed,
    )
    feed = world.feed(namespace, found.feed_name) if found.feed_name else None
    found = replace(found, feed=Feed.model_validate(feed) if feed else None)
    return found if _complete(found) else _with_pipeline(world, found)


def _complete(o: Observed) -> bool:
    """Whether nothing is left to be made, so that nobody needs to know the Pipeline, which may be large."""
    status = o.workflow.status
    return ended(status) or (status.pipeline_digest is not None and len(o.made) >= (status.nodes or 0))


def _with_pipeline(world: World, o: Observed) -> Observed:
    namespace, own = o.workflow.metadata.namespace, o.workflow.metadata.name
    body = world.pipeline(namespace, o.workflow.spec.pipeline)
    if body is None:
        return o
    try:
        pipeline = Pipeline.model_validate(body)
    except ValidationError as error:
        return replace(o, pipeline_problem=f"{_WORDS}: {explain(error)}")
    made = {run.name for run in o.made}
    names = {node_run_name(own, node.name) for node in pipeline.spec.nodes} - made
    taken = frozenset(name for name in names if world.brief(namespace, name) is not None)
    return replace(o, pipeline=pipeline, plugins=plugins_of(world, pipeline), taken=taken)


def _workflow(body: Object) -> tuple[Workflow, str | None]:
    """The model and, where the resource cannot be read, why not."""
    try:
        return Workflow.model_validate(body), None
    except ValidationError as error:
        reason = f"{_WORDS}: {explain(error)}"
    try:
        status = WorkflowStatus.model_validate(body.get("status") or {})
    except ValidationError:
        status = WorkflowStatus()
    bare = {"metadata": body["metadata"], "spec": WorkflowSpec(pipeline="unreadable"), "status": status}
    return Workflow.model_validate(bare), reason


def _made(world: World, workflow: Workflow) -> tuple[Run, ...]:
    names = world.runs_of_workflow(workflow.metadata.uid)
    own = {name for _, name in names}
    briefs = {name: brief for name in names if (brief := world.brief(*name))}
    over = not any(brief.state in GOING for brief in briefs.values())
    turned = workflow.spec.suspend != workflow.status.suspended
    return tuple(
        Run(
            name[1],
            brief.state,
            first=own.isdisjoint(brief.previous),
            cancel=brief.cancel,
            suspend=turned and brief.state in GOING and _suspended(world, name),
            reason=_reason(world, name) if over and brief.state is State.FAILED else "",
        )
        for name, brief in briefs.items()
    )


def _suspended(world: World, name: Name) -> bool:
    return bool(_part(world, name, "spec").get("suspend"))


def _reason(world: World, name: Name) -> str:
    conditions = _part(world, name, "status").get("conditions") or ()
    return next((str(c.get("reason")) for c in conditions if c.get("type") == "Succeeded"), "")


def _part(world: World, name: Name, part: str) -> dict[str, Any]:
    return (world.instance(*name) or {}).get(part) or {}
