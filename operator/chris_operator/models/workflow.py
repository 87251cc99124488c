"""Workflow: one run of a Pipeline. What defines it is immutable; what steers it is not."""

from typing import Annotated, ClassVar

from pydantic import Field, StrictBool

from chris_operator.models.base import (
    Count,
    Model,
    ObjectName,
    Resource,
    Rule,
    Spec,
    Timestamp,
    immutable,
)
from chris_operator.models.conditions import Conditions
from chris_operator.models.feed import InstanceCounts
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.pipeline import MAX_NODES, NodeSettings, named_once
from chris_operator.models.plugin import ParameterValues

_AGAIN = "create another Workflow"


class WorkflowSpec(Spec):
    """Which Pipeline runs, on what, and how."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *(immutable(field, _AGAIN) for field in ("pipeline", "previous", "feed")),
        Rule(
            cel="!oldSelf.cancel || self.cancel",
            message=f"cancel cannot be taken back; {_AGAIN}",
            field=".cancel",
        ),
        Rule(
            cel="!(has(self.previous) && has(self.feed))",
            message="a Workflow with a previous run belongs to that run's Feed; leave feed out",
            holds=lambda s: s.previous is None or s.feed is None,
            field=".feed",
        ),
        Rule(
            cel=None,  # the list's map keys
            message="nodes: Duplicate value: name every node once",
            holds=lambda s: named_once(s.nodes),
        ),
    )

    pipeline: ObjectName
    """Pipeline of this namespace to run."""
    previous: ObjectName | None = None
    """PluginInstance whose output is the input; left out where the Pipeline starts with programs of type fs."""
    feed: ObjectName | None = None
    """Feed of the runs; left out: that of `previous`, or one of the Workflow's own name."""
    parameters: ParameterValues = Field(default_factory=dict)
    """Values of the Pipeline's parameters by name. Immutable."""
    nodes: Annotated[
        tuple[NodeSettings, ...],
        Field(
            max_length=MAX_NODES,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """What is different from the Pipeline, node by node. Immutable."""
    title: Annotated[str, Field(max_length=100)] = ""
    """Title that people read."""
    cancel: StrictBool = False
    """Whether all its runs shall end now; it cannot be taken back."""
    suspend: StrictBool = False
    """Whether no further run shall start; taken back, all go on."""


class WorkflowStatus(Model):
    """What the operator knows about the Workflow; its runs carry the label chrisproject.org/workflow-uid."""

    id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the Workflow."""
    feed: str | None = None
    """Name of the Feed that the runs belong to."""
    observed_generation: Count | None = None
    """Generation of the Workflow that this status tells about."""
    conditions: Conditions = ()
    """Succeeded (Unknown while a run is going on), and kstatus's Reconciling and Stalled."""
    pipeline_digest: str | None = None
    """Digest of the Pipeline as it was at the start, as sha256:<hex>: no other is run."""
    nodes: Count | None = None
    """Number of the Pipeline's nodes, each of which gets one run."""
    instances: InstanceCounts | None = None
    """Number of runs by state."""
    suspended: bool = False
    """Value of spec.suspend that the runs were given last."""
    start_time: Timestamp | None = None
    """When its runs were decided."""
    completion_time: Timestamp | None = None
    """When the last run ended."""
    duration: str | None = None
    """From creation to end, for people, as 1m32s."""


class Workflow(Resource):
    """One run of a Pipeline: it makes a PluginInstance of every node."""

    plural: ClassVar[str] = "workflows"
    namespaced: ClassVar[bool] = True

    metadata: ObjectMeta
    spec: WorkflowSpec
    status: WorkflowStatus = WorkflowStatus()
