"""Plugin: one version of a program. Its spec follows the ChRIS plugin descriptor field for field."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, WithJsonSchema

from chris_operator.models.base import INT32_MAX, Count, Model, Resource, Rule, Spec, immutable
from chris_operator.models.conditions import Conditions
from chris_operator.models.limits import (
    CPU_DEFAULT,
    MEMORY_DEFAULT,
    Bounds,
    CpuLimit,
    Gpus,
    MemoryLimit,
    Workers,
    below,
    bounds,
    range_message,
)
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.quantity import parse_cpu_limit, parse_memory_limit
from chris_operator.models.scalars import Scalar

ParameterType = Literal["str", "int", "float", "bool", "path", "unextpath"]
Action = Literal["store", "store_true", "store_false"]
Text = Annotated[str, Field(max_length=400)]

ParameterValue = Annotated[str | int | float | bool, Scalar()]
"""Value of a parameter as JSON has it."""
ParameterValues = Annotated[
    dict[str, ParameterValue],
    Field(max_length=200),
    WithJsonSchema({"type": "object", "maxProperties": 200, "x-kubernetes-preserve-unknown-fields": True}),
]
"""Values by the parameter's name. CEL in a CRD cannot see them; policies can."""

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "path": (str,),
    "unextpath": (str,),
}


Flag = Annotated[str, Field(min_length=2, max_length=52, pattern=r"^--?[A-Za-z0-9][A-Za-z0-9_.-]*$")]


def is_of_type(kind: ParameterType, value: object) -> bool:
    """Whether a value given as JSON is one of a parameter's type; an integer is a float as well.

    >>> is_of_type("float", 1), is_of_type("int", True), is_of_type("str", "1")
    (True, False, True)
    """
    if isinstance(value, bool):
        return kind == "bool"
    return isinstance(value, _PYTHON_TYPES[kind])


class PluginParameter(Spec):
    """One parameter of the program's command line."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!self.optional || !(self.type in ['path', 'unextpath'])",
            message="a parameter of type path or unextpath cannot be optional; set optional: false",
            holds=lambda p: not (p.optional and p.type in ("path", "unextpath")),
            field=".optional",
        ),
        Rule(
            cel="self.optional || self.uiExposed",
            message="a parameter that is not optional must be shown to the user; set uiExposed: true",
            holds=lambda p: p.optional or p.ui_exposed,
            field=".uiExposed",
        ),
        Rule(
            cel="!has(self.action) || self.action == 'store' || self.type == 'bool'",
            message="store_true and store_false are actions of bool parameters; write store, or leave action out",
            holds=lambda p: p.action in (None, "store") or p.type == "bool",
            field=".action",
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
    """Name under which runs give a value."""
    type: ParameterType
    """Type of the value; path and unextpath name data in ChRIS, the latter is linked instead of copied."""
    flag: Flag
    """Flag on the command line, for example --threshold."""
    short_flag: Flag | None = None
    """Short form of the flag."""
    action: Action | None = None
    """What the flag does; left out: store_true for bool (store_false if its default is true), else store."""
    optional: StrictBool = False
    """Whether runs may leave it out; then it needs a default."""
    default: ParameterValue | None = None
    """Value that the program takes when none is given."""
    help: Annotated[str, Field(max_length=2000)] = ""
    """What the parameter means."""
    ui_exposed: StrictBool = True
    """Whether a user interface shows it."""

    @property
    def effective_action(self) -> Action:
        """The action with the descriptor's rule for a missing one applied."""
        if self.action is not None:
            return self.action
        if self.type != "bool":
            return "store"
        return "store_false" if self.default is True else "store_true"


def _defaults_hold(spec: "PluginSpec") -> bool:
    return all(p.default is not None for p in spec.parameters if p.optional)


def _defaults_fit(spec: "PluginSpec") -> bool:
    return all(p.default is None or is_of_type(p.type, p.default) for p in spec.parameters)


def _flags(parameter: PluginParameter) -> set[str]:
    return {parameter.flag, parameter.short_flag or parameter.flag}


def _flags_differ(spec: "PluginSpec") -> bool:
    flags = [flag for parameter in spec.parameters for flag in _flags(parameter)]
    return len(flags) == len(set(flags))


def _names_differ(spec: "PluginSpec") -> bool:
    return len({p.name for p in spec.parameters}) == len(spec.parameters)


_RENAME = "register a new version of the plugin"
# Everything but the texts about the program; `parameters` is the policy plugin-parameters' (it sees the defaults).
_FIXED = (
    "name",
    "version",
    "dockImage",
    "type",
    "execshell",
    "selfpath",
    "selfexec",
    "network",
    "allowEmptyInput",
    "checkpoint",
    "split",
    "partialSuccess",
    *(
        f"{end}{what}"
        for what in ("NumberOfWorkers", "CpuLimit", "MemoryLimit", "GpuLimit", "DiskLimit")
        for end in ("min", "max")
    ),
)
_SAME_FLAG = (
    "p.flag == q.flag || (has(p.shortFlag) && p.shortFlag == q.flag)"
    " || (has(p.shortFlag) && has(q.shortFlag) && p.shortFlag == q.shortFlag)"
    " || (has(q.shortFlag) && p.flag == q.shortFlag)"
)


class PluginSpec(Spec):
    """What the program is, how it is called and what it needs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=below("m", CPU_DEFAULT, "minCpuLimit", "maxCpuLimit"),
            message=range_message("CpuLimit", "1000m"),
            holds=lambda s: s.cpu.least <= s.cpu.most,
            field=".maxCpuLimit",
        ),
        Rule(
            cel=below("Mi", MEMORY_DEFAULT, "minMemoryLimit", "maxMemoryLimit"),
            message=range_message("MemoryLimit", "200Mi"),
            holds=lambda s: s.memory.least <= s.memory.most,
            field=".maxMemoryLimit",
        ),
        Rule(
            cel="!has(self.maxGpuLimit) || self.maxGpuLimit >= self.minGpuLimit",
            message=range_message("GpuLimit", "0"),
            holds=lambda s: s.max_gpu_limit is None or s.max_gpu_limit >= s.min_gpu_limit,
            field=".maxGpuLimit",
        ),
        Rule(
            cel=below("Mi", 0, "minDiskLimit", "maxDiskLimit"),
            message=range_message("DiskLimit", "0"),
            holds=lambda s: s.disk.least <= s.disk.most,
            field=".maxDiskLimit",
        ),
        Rule(
            cel="!has(self.maxNumberOfWorkers) || self.maxNumberOfWorkers >= self.minNumberOfWorkers",
            message=range_message("NumberOfWorkers", "1"),
            holds=lambda s: (
                s.max_number_of_workers is None or s.max_number_of_workers >= s.min_number_of_workers
            ),
            field=".maxNumberOfWorkers",
        ),
        Rule(
            cel=f"self.parameters.all(p, self.parameters.exists_one(q, {_SAME_FLAG}))",
            message="two parameters use the same flag; give each its own flag and shortFlag",
            holds=_flags_differ,
            field=".parameters",
        ),
        Rule(
            cel=None,  # the list's map keys
            message="parameters: Duplicate value: every parameter needs a name of its own",
            holds=_names_differ,
        ),
        Rule(
            cel=None,  # policy plugin-parameters: the default's type is free, CEL in a CRD cannot see it
            message="an optional parameter needs a default; add one or set optional: false",
            holds=_defaults_hold,
        ),
        Rule(
            cel=None,  # policy plugin-parameters
            message="the default does not fit the parameter's type; write it as a value of that type",
            holds=_defaults_fit,
        ),
        *(immutable(field, _RENAME) for field in _FIXED),
    )

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*$")]
    """Name of the program, the same in all its versions."""
    version: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9]+([._+-][0-9A-Za-z]+)*$")]
    """Version, for example 1.0.0; part of the object's name."""
    dock_image: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\s]+$")]
    """Image that the program runs in."""
    type: Literal["fs", "ds", "ts"]
    """fs starts an analysis, ds works on one parent's output, ts joins several parents' outputs."""
    selfexec: Annotated[str, Field(min_length=1, max_length=50)]
    """File name of the program in the image."""
    selfpath: Annotated[str, Field(max_length=512)] = ""
    """Directory of the program in the image; empty: it is found on the image's PATH."""
    execshell: Annotated[str, Field(max_length=50)] = ""
    """Interpreter that runs the program; empty: the program is started itself."""
    parameters: Annotated[
        tuple[PluginParameter, ...],
        Field(
            max_length=200,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    """Parameters of the command line, in the order in which they are shown."""

    title: Text = ""
    """What the program does, in a few words."""
    description: Annotated[str, Field(max_length=2000)] = ""
    """What the program does, in a few sentences."""
    category: Annotated[str, Field(max_length=100)] = ""
    """Kind of program, for example MRI."""
    authors: Annotated[str, Field(max_length=200)] = ""
    """Who wrote it."""
    documentation: Annotated[str, Field(max_length=800)] = ""
    """Where it is documented."""
    license: Annotated[str, Field(max_length=50)] = ""
    """Under which licence it may be used."""
    icon: Annotated[str, Field(max_length=300)] = ""
    """Address of a picture for it."""
    public_repo: Annotated[str, Field(max_length=300)] = ""
    """Address of its source code."""

    split: Literal["files", "directories", "index"] | None = None
    """How the work of a run is shared: each worker gets some files of the input, whole directories of it, or all of it
    and divides the work itself by CHRIS_SHARD_INDEX and CHRIS_SHARD_COUNT; left out: it cannot be shared."""
    partial_success: StrictBool = False
    """Whether a run succeeds although some of its workers failed, with the output of the others."""
    min_number_of_workers: Workers = 1
    """Least number of pods that share a run's work; needs split."""
    max_number_of_workers: Workers | None = None
    """Most pods that can share a run's work; needs split, and left out the work cannot be shared."""
    min_cpu_limit: CpuLimit = CPU_DEFAULT
    """Least CPU: millicores as an integer, or a text as 500m; empty: 1000m."""
    max_cpu_limit: CpuLimit | None = None
    """Most CPU; left out or empty: no bound."""
    min_memory_limit: MemoryLimit = MEMORY_DEFAULT
    """Least memory: MiB as an integer, or a text as 512Mi or 2Gi; empty: 200Mi."""
    max_memory_limit: MemoryLimit | None = None
    """Most memory, up to which a run grows after running out of it; left out or empty: no bound."""
    min_gpu_limit: Gpus = 0
    """Least number of GPUs."""
    max_gpu_limit: Gpus | None = None
    """Most GPUs; left out: none, or no bound where the least is above none."""

    min_disk_limit: MemoryLimit = ""
    """Least disk for what a run writes: MiB as an integer, or a text as 512Mi or 2Gi; empty: no bound."""
    max_disk_limit: MemoryLimit | None = None
    """Most disk for what a run writes; left out or empty: no bound."""

    allow_empty_input: StrictBool = False
    """Whether the program may run on a parent without files."""
    checkpoint: StrictBool = False
    """Whether the program saves its state in the directory CHRIS_CHECKPOINT_DIR and goes on from what it finds there;
    not where several workers share a run."""
    network: Literal["none", "egress"] = "none"
    """What the program may reach besides Swift: nothing, or everything, the world outside the cluster included."""

    @property
    def cpu(self) -> Bounds:
        """CPU in millicores."""
        return bounds(parse_cpu_limit, self.min_cpu_limit, CPU_DEFAULT, self.max_cpu_limit)

    @property
    def memory(self) -> Bounds:
        """Memory in bytes."""
        return bounds(parse_memory_limit, self.min_memory_limit, MEMORY_DEFAULT, self.max_memory_limit)

    @property
    def gpu(self) -> Bounds:
        """Number of GPUs."""
        if self.max_gpu_limit is not None:
            return Bounds(self.min_gpu_limit, self.max_gpu_limit)
        return Bounds(self.min_gpu_limit, INT32_MAX if self.min_gpu_limit else 0)

    @property
    def disk(self) -> Bounds:
        """Disk for what a run writes, in bytes."""
        return bounds(parse_memory_limit, self.min_disk_limit, 0, self.max_disk_limit)

    @property
    def workers(self) -> Bounds:
        """Number of pods; one where nothing says how to share the work: such a program would do all of it in each."""
        if self.split is None:
            return Bounds(1, 1)
        return Bounds(self.min_number_of_workers, self.max_number_of_workers or self.min_number_of_workers)


class PluginStatus(Model):
    """What the operator knows about the program."""

    id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the Plugin."""
    observed_generation: Count | None = None
    """Generation of the Plugin that this status tells about."""
    conditions: Conditions = ()
    """Ready, Cacheable (whether outputs of equal runs are used again), and kstatus's Reconciling and Stalled."""
    image: str | None = None
    """Image ID that the first of its runs was observed to run in."""


def object_name(name: str, version: str) -> str:
    """The name of the Plugin object for a program's name and version.

    >>> object_name("pl-FreeSurfer_pp", "1.0.0+b2")
    'pl-freesurfer-pp-1.0.0-b2'
    """
    return re.sub(r"[_+]", "-", f"{name}-{version}".lower())


class Plugin(Resource):
    """One version of a program: image, command, typed parameters and limits."""

    plural: ClassVar[str] = "plugins"
    namespaced: ClassVar[bool] = False
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.metadata.name == (self.spec.name + '-' + self.spec.version)"
            ".lowerAscii().replace('_', '-').replace('+', '-')",
            message="metadata.name must be <spec.name>-<spec.version> in lower case with _ and + as -",
            holds=lambda p: p.metadata.name == object_name(p.spec.name, p.spec.version),
        ),
    )

    metadata: ObjectMeta
    spec: PluginSpec
    status: PluginStatus = PluginStatus()
