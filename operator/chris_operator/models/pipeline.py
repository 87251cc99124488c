"""Pipeline: a reusable tree of nodes, each a Plugin with its parameters. What a Workflow runs is immutable."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, StrictBool

from chris_operator.models.base import Count, Model, Resource, Rule, Spec
from chris_operator.models.conditions import Conditions
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.plugin import ParameterValue, ParameterValues
from chris_operator.models.plugininstance import (
    BYTE_QUANTITY,
    CPU_QUANTITY,
    Caching,
    ComputeName,
    Deadline,
    MaxParallel,
    ParentInput,
    PluginReference,
    Priority,
    Resources,
    Retries,
    Workers,
)
from chris_operator.models.scalars import IntOrText

MAX_NODES = 1000
NodeName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""Part of the names of the runs, and the value of their label."""
_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_ATOMIC = {"x-kubernetes-list-type": "atomic"}


def named_once(values: Any) -> bool:
    """Whether no two entries of a list have the same name."""
    return len({each.name for each in values}) == len(values)


def _judged_by_policy(quantity: IntOrText) -> IntOrText:
    # In a list of a thousand, CEL on values that may be texts of any length exceeds the API server's cost limit.
    return replace(quantity, rule=replace(quantity.rule, cel=None) if quantity.rule else None)


class NodeResources(Resources):
    """What one pod of the node's run gets; what is left out is the plugin's minimum."""

    cpu: Annotated[int | str, _judged_by_policy(CPU_QUANTITY)] | None = None
    """CPU as a Kubernetes quantity: 500m, or 2 for two cores."""
    memory: Annotated[int | str, _judged_by_policy(BYTE_QUANTITY)] | None = None
    """Memory as a Kubernetes quantity: 2Gi."""
    ephemeral_storage: Annotated[int | str, _judged_by_policy(BYTE_QUANTITY)] | None = None
    """Disk for input and output as a Kubernetes quantity: 10Gi."""


class NodeSettings(Spec):
    """How the run of a node is made; a Pipeline gives defaults, a Workflow overrides them field by field."""

    name: NodeName
    """Name of the node."""
    title: Annotated[str, Field(max_length=100)] = ""
    """Title that people read; empty: the name."""
    parameters: ParameterValues = Field(default_factory=dict)
    """Values of the plugin's parameters by name."""
    resources: NodeResources | None = None
    """What one pod of the run gets."""
    workers: Workers | None = None
    """Number of pods that share the work, or auto; left out: 1."""
    max_parallel: MaxParallel | None = None
    """How many of the workers may run at a time; left out: all."""
    retries_per_index: Retries | None = None
    """How often a single worker is run again after it failed; left out: 0."""
    priority: Priority | None = None
    """Which runs go first when there is not room for all; left out: normal."""
    retries: Retries | None = None
    """How often the program is run again after it failed; left out: 0."""
    deadline_seconds: Deadline | None = None
    """How long the program may run."""
    compute_resource: ComputeName | None = None
    """ComputeResource of the cluster where the pods run; left out: this cluster."""
    cache: Caching | None = None
    """Whether an equal earlier run's output serves."""


class NodeInput(ParentInput):
    """How one parent's output comes in, where not all of it or not under the node's name."""

    previous: NodeName
    """The parent: one of the node's `previous`."""


class Node(NodeSettings):
    """One run of the tree."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!self.previous.exists(p, p == self.name)",
            message="previous names the node itself; a node cannot be its own parent",
            holds=lambda n: n.name not in n.previous,
            field=".previous",
        ),
        Rule(
            cel=None,  # a list of type set
            message="Duplicate value: previous names a node twice; name every parent once",
            holds=lambda n: len(set(n.previous)) == len(n.previous),
        ),
        Rule(
            cel=None,  # the list's map keys
            message="inputs: Duplicate value: every parent is told about once",
            holds=lambda n: len({each.previous for each in n.inputs}) == len(n.inputs),
        ),
        Rule(
            cel=None,  # policy pipelines: a thousand such lists are too many for CEL in the CRD
            message="inputs tells about a node that previous does not name; add it there, or take it out here",
            holds=lambda n: {each.previous for each in n.inputs} <= set(n.previous),
        ),
    )

    plugin: PluginReference
    """Program to run."""
    previous: Annotated[
        tuple[NodeName, ...], Field(max_length=100, json_schema_extra={"x-kubernetes-list-type": "set"})
    ] = ()
    """Parents: nodes whose output is the input, in this order; none: the Workflow's own parent, if the plugin reads."""
    inputs: Annotated[
        tuple[NodeInput, ...],
        Field(
            max_length=100,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["previous"]},
        ),
    ] = ()
    """Which files of which parent come into which directory; where several are joined, else into one of its name."""


class Target(Spec):
    """Where a parameter of the Pipeline goes."""

    node: NodeName
    """Name of the node."""
    parameter: Annotated[str, Field(min_length=1, max_length=50)]
    """Name of the parameter of the node's plugin."""


class PipelineParameter(Spec):
    """One value that a Workflow gives to one node or several."""

    name: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
    """Name under which Workflows give a value."""
    help: Annotated[str, Field(max_length=2000)] = ""
    """What the parameter means."""
    default: ParameterValue | None = None
    """Value where a Workflow gives none."""
    optional: StrictBool = False
    """Whether a Workflow may leave it out though it has no default: each target keeps its node's value."""
    targets: Annotated[
        tuple[Target, ...], Field(min_length=1, max_length=MAX_NODES, json_schema_extra=_ATOMIC)
    ]
    """Parameters of nodes that get the value."""


class PipelineSpec(Spec):
    """What the Pipeline is called, and what it runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=None,  # the lists' map keys
            message="Duplicate value: every node and every parameter needs a name of its own",
            holds=lambda s: named_once(s.nodes) and named_once(s.parameters),
        ),
    )

    title: Annotated[str, Field(max_length=100)] = ""
    """Title that people read; empty: the Pipeline's name."""
    description: Annotated[str, Field(max_length=2000)] = ""
    """What it is for."""
    category: Annotated[str, Field(max_length=100)] = ""
    """Kind of pipeline, for example MRI."""
    authors: Annotated[str, Field(max_length=200)] = ""
    """Who made it."""
    public: StrictBool = False
    """Whether everybody may see it; ChRIS calls a pipeline that is not public locked."""
    nodes: Annotated[tuple[Node, ...], Field(min_length=1, max_length=MAX_NODES, json_schema_extra=_BY_NAME)]
    """Runs of the tree, in any order. Immutable."""
    parameters: Annotated[
        tuple[PipelineParameter, ...], Field(max_length=100, json_schema_extra=_BY_NAME)
    ] = ()
    """Values that a Workflow may or must give. Immutable."""


class PipelineStatus(Model):
    """What the operator knows about the Pipeline."""

    id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the Pipeline."""
    observed_generation: Count | None = None
    """Generation of the Pipeline that this status tells about."""
    conditions: Conditions = ()
    """Ready, and kstatus's Reconciling and Stalled."""
    nodes: Count | None = None
    """Number of nodes."""


class Pipeline(Resource):
    """A reusable tree of nodes with parameters; a Workflow runs it."""

    plural: ClassVar[str] = "pipelines"
    namespaced: ClassVar[bool] = True

    metadata: ObjectMeta
    spec: PipelineSpec
    status: PipelineStatus = PipelineStatus()
