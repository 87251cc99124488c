"""PluginInstance: one run of a Plugin. What defines the run is immutable; what steers it is not."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool

from chris_operator.models.base import (
    DNS_LABELS,
    INT32_MAX,
    Count,
    Model,
    ObjectName,
    Resource,
    Rule,
    Seconds,
    Spec,
    Timestamp,
    immutable,
)
from chris_operator.models.conditions import Conditions
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.plugin import ParameterValues
from chris_operator.models.quantity import parse_quantity
from chris_operator.models.scalars import IntOrText

_POSITIVE = Rule(
    cel="type(self) == int ? self > 0 : quantity(self).isGreaterThan(quantity('0'))",
    message="must be above zero; leave it out for the plugin's minimum",
    holds=lambda value: parse_quantity(value) > 0,
)
_BYTES = r"^[0-9]{1,15}(\.[0-9]{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)?$"

CPU_QUANTITY = IntOrText(
    "an amount of CPU above zero",
    "write 500m or 2, or leave it out for the plugin's minimum",
    r"^([0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m)$",
    most=999999,
    rule=_POSITIVE,
)
BYTE_QUANTITY = IntOrText(
    "a number of bytes above zero",
    "write 512Mi or 2Gi, or leave it out for the plugin's minimum",
    _BYTES,
    most=10**15 - 1,
    rule=_POSITIVE,
)
CpuQuantity = Annotated[int | str, CPU_QUANTITY]
ByteQuantity = Annotated[int | str, BYTE_QUANTITY]
Workers = Annotated[
    int | Literal["auto"],
    IntOrText("a number of workers", "write an integer from 1 to 10000, or auto", "^auto$", most=10000),
]
Priority = Literal["urgent", "normal", "slack"]
Caching = Literal["use", "refresh", "off"]
ComputeName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABELS)]
"""The name of a ComputeResource, which a label must hold."""
MaxParallel = Annotated[int, Field(strict=True, ge=1, le=10000)]
Retries = Annotated[int, Field(strict=True, ge=0, le=10)]
Deadline = Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]


class PluginReference(Spec):
    """Which version of which program runs."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """spec.name of the Plugin."""
    version: Annotated[str, Field(min_length=1, max_length=32)]
    """spec.version of the Plugin."""


class Resources(Spec):
    """What one pod of the run gets; what is left out is the plugin's minimum."""

    cpu: CpuQuantity | None = None
    """CPU as a Kubernetes quantity: 500m, or 2 for two cores."""
    memory: ByteQuantity | None = None
    """Memory as a Kubernetes quantity: 2Gi."""
    gpu: Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)] | None = None
    """Number of GPUs."""
    ephemeral_storage: ByteQuantity | None = None
    """Disk for input and output as a Kubernetes quantity: 10Gi."""


class ParentInput(Spec):
    """How one parent's output comes in, where not all of it or not under the parent's name."""

    previous: ObjectName
    """The parent: one of `previous`."""
    match: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Regular expression that is searched in each file's path below the parent's output; left out: every file."""
    into: (
        Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")] | None
    ) = None
    """Directory of the input that the files come into; left out: the parent's name where several are joined."""


_AGAIN = "create another PluginInstance"
_FIXED = (
    "plugin",
    "previous",
    "inputs",
    "resources",
    "workers",
    "maxParallel",
    "retriesPerIndex",
    "cache",
    "computeResource",
)


class PluginInstanceSpec(Spec):
    """What runs, on what, and how."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *(immutable(field, _AGAIN) for field in _FIXED),
        Rule(
            cel="!has(oldSelf.feed) || (has(self.feed) && self.feed == oldSelf.feed)",
            message=f"feed cannot change once it is set; {_AGAIN}",
            field=".feed",
        ),
        Rule(
            cel="!oldSelf.cancel || self.cancel",
            message=f"cancel cannot be taken back; {_AGAIN}",
            field=".cancel",
        ),
        Rule(
            cel="self.previous.all(p, self.previous.exists_one(q, p == q))",
            message="previous names an instance twice; name every parent once",
            holds=lambda s: len(set(s.previous)) == len(s.previous),
            field=".previous",
        ),
        Rule(
            cel=None,  # the list's map keys
            message="inputs: Duplicate value: every parent is told about once",
            holds=lambda s: len({i.previous for i in s.inputs}) == len(s.inputs),
        ),
        Rule(
            cel="self.inputs.all(i, i.previous in self.previous)",
            message="inputs tells about a run that previous does not name; add it there, or take it out here",
            holds=lambda s: {i.previous for i in s.inputs} <= set(s.previous),
            field=".inputs",
        ),
    )

    plugin: PluginReference
    """Program to run."""
    feed: ObjectName | None = None
    """Feed of the run; left out: that of its parent, or one of its own name."""
    previous: Annotated[
        tuple[ObjectName, ...], Field(max_length=100, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Parents: PluginInstances of this namespace whose output is the input, in this order."""
    inputs: Annotated[
        tuple[ParentInput, ...],
        Field(
            max_length=100,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["previous"]},
        ),
    ] = ()
    """Which files of which parent come into which directory; a parent that is left out comes wholly."""
    parameters: ParameterValues = Field(default_factory=dict)
    """Values of the plugin's parameters by name; what is left out is the program's own default. Immutable."""
    resources: Resources | None = None
    """What one pod of the run gets."""
    workers: Workers = 1
    """Number of pods that share the work, as far as there is work for each; auto: as many as there are files or
    directories to share, or where the program divides the work itself, as many as its Plugin allows."""
    max_parallel: MaxParallel | None = None
    """How many of the workers may run at a time; left out: all."""
    retries_per_index: Retries = 0
    """How often a single worker is run again after it failed, while the others go on."""
    priority: Priority = "normal"
    """Which runs go first when there is not room for all; slack takes what others claimed and do not use, and makes
    way for them. A change applies from the next attempt on."""
    retries: Retries = 0
    """How often the program is run again after it failed; failures of the cluster do not count."""
    deadline_seconds: Deadline | None = None
    """How long the program may run, counted from its start, in each worker for itself; a longer time holds from the
    next attempt on."""
    cancel: StrictBool = False
    """Whether the run and all that descends from it shall end now; what has ended stays. It cannot be taken back."""
    suspend: StrictBool = False
    """Whether the run shall not start yet: what waits for a node gives its place up, what runs is let finish."""
    compute_resource: ComputeName | None = None
    """ComputeResource of the cluster where the pods run; left out: this cluster."""
    cache: Caching | None = None
    """Whether an equal earlier run's output serves: use it, run again and replace it, or neither; else as `use` below a parent."""
    title: Annotated[str, Field(max_length=100)] = ""
    """Title that people read."""


class Attempt(Model):
    """The attempt that is going on, or the last one."""

    number: Annotated[int, Field(strict=True, ge=1)]
    """Number of the attempt, from 1."""
    uid: str | None = None
    """UID of its Job."""
    memory: Count | None = None
    """Memory in MiB that its plugin container has."""
    deadline_seconds: Count | None = None
    """How long its program may run, as it was when it was started."""
    created: Timestamp | None = None
    """When it was decided."""
    ended: Timestamp | None = None
    """When it failed; the next attempt waits from then."""
    reason: str | None = None
    """How it ended, where it failed."""


class Output(Model):
    """The run's output as adopted by the operator: this entry is the commit."""

    attempt: Annotated[int, Field(strict=True, ge=1)]
    """Attempt whose manifest lists the files."""
    digest: str
    """Digest of the files' paths, sizes and contents, as sha256:<hex>."""
    files: Count
    """Number of files."""
    bytes: Count
    """Sum of their sizes."""
    partial: bool = False
    """Whether the run failed: the output can be read, but is no input for other runs."""


class CacheHit(Model):
    """Whose output serves: the run that really ran, though it may be deleted by now."""

    id: Annotated[int, Field(strict=True, ge=1)]
    """Number of that run."""
    name: str
    """Its name."""
    feed: str | None = None
    """Name of its Feed."""
    completion_time: Timestamp | None = None
    """When it ended."""


class Usage(Model):
    """What the program used."""

    exit_code: Annotated[int, Field(strict=True)] | None = None
    """Exit code of the program."""
    cpu_seconds: Seconds | None = None
    """CPU time."""
    peak_memory_bytes: Count | None = None
    """Most memory that it held."""


class WorkerCounts(Model):
    """The pods that share a run's work."""

    count: Annotated[int, Field(strict=True, ge=1)]
    """How many there are."""
    succeeded: Count = 0
    """How many have ended well; told now and then."""
    failed: Count = 0
    """How many have failed for good."""


class Phases(Model):
    """Where the time went, in seconds."""

    queued: Seconds | None = None
    """From the Job's creation to the pod's start."""
    stage_in: Seconds | None = None
    """Fetching the input."""
    plugin: Seconds | None = None
    """The program itself."""
    publish: Seconds | None = None
    """Writing the output to Swift."""
    ours: Seconds | None = None
    """The operator's own decisions."""


class PluginInstanceStatus(Model):
    """What the operator knows about the run."""

    id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the run; it names the run's place in Swift."""
    feed: str | None = None
    """Name of the run's Feed."""
    feed_id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the run's Feed."""
    user: str | None = None
    """User whose namespace this is."""
    observed_generation: Count | None = None
    """Generation of the PluginInstance that this status tells about."""
    conditions: Conditions = ()
    """Succeeded (Unknown while the run is going on), and kstatus's Reconciling and Stalled."""
    attempt: Attempt | None = None
    """Attempt that is going on, or the last one."""
    workers: WorkerCounts | None = None
    """The pods that share the work, where there are several."""
    failures: Annotated[dict[str, Count], Field(max_length=32)] | None = None
    """How many attempts failed, by reason; the reason tells whose fault it was."""
    output: Output | None = None
    """What the run wrote."""
    image: str | None = None
    """Image ID that the program was observed to run in."""
    references: (
        Annotated[
            tuple[Annotated[int, Field(strict=True, ge=1)], ...],
            Field(max_length=10_000, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """Numbers of the runs in whose directories files of the output lie; their data stay while this run is there."""
    cache_key: Annotated[str, Field(max_length=80)] | None = None
    """What the output follows from: command, parameters and input; runs of one image with the same key are equal."""
    cache_hit: CacheHit | None = None
    """Where the output comes from, where an equal earlier run's serves."""
    usage: Usage | None = None
    """What the program used."""
    phases: Phases | None = None
    """Where the time went."""
    start_time: Timestamp | None = None
    """When the program started."""
    completion_time: Timestamp | None = None
    """When the run ended."""
    duration: str | None = None
    """From creation to end, for people, as 1m32s."""


class PluginInstance(Resource):
    """One run of a Plugin on its parents' output."""

    plural: ClassVar[str] = "plugininstances"
    namespaced: ClassVar[bool] = True
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!self.spec.previous.exists(p, p == self.metadata.name)",
            message="spec.previous names the instance itself; a run cannot be its own parent",
            holds=lambda i: i.metadata.name not in i.spec.previous,
        ),
    )

    metadata: ObjectMeta
    spec: PluginInstanceSpec
    status: PluginInstanceStatus = PluginInstanceStatus()
