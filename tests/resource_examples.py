"""Good and bad resources as tables: the models and a real API server must judge every one of them alike."""

from dataclasses import dataclass, field
from typing import Any

from chris_operator.models.base import API_VERSION, Resource
from chris_operator.models.computeresource import ComputeResource
from chris_operator.models.feed import Feed
from chris_operator.models.pipeline import Pipeline
from chris_operator.models.plugin import Plugin
from chris_operator.models.plugininstance import PluginInstance
from chris_operator.models.workflow import Workflow

Object = dict[str, Any]
MODELS: dict[str, type[Resource]] = {
    model.__name__: model for model in (Plugin, Feed, PluginInstance, Pipeline, Workflow, ComputeResource)
}
_BASES: dict[str, tuple[str, Object]] = {
    "Plugin": (
        "pl-x-1.0.0",
        {"name": "pl-x", "version": "1.0.0", "dockImage": "localhost/x:1", "type": "ds", "selfexec": "x"},
    ),
    "Feed": ("first-look", {"title": "Registration to MNI"}),
    "PluginInstance": ("register", {"plugin": {"name": "pl-x", "version": "1.0.0"}}),
    "Pipeline": ("to-mni", {"nodes": [{"name": "a", "plugin": {"name": "pl-x", "version": "1.0.0"}}]}),
    "Workflow": ("to-mni-1", {"pipeline": "to-mni"}),
    "ComputeResource": ("moc", {"kubeconfigSecret": "moc", "namespace": "chris-runs"}),
}
ABSENT: Any = object()
"""In a change: the field is taken out."""


@dataclass(frozen=True)
class Example:
    """A base object with changes to its spec; `named` are what both refusals must contain (empty: it is good)."""

    id: str
    kind: str
    spec: Object = field(default_factory=dict)
    named: tuple[str, ...] = ()
    name: str = ""

    def object(self, namespace: str | None = None) -> Object:
        """The whole resource."""
        name, base = _BASES[self.kind]
        metadata = {"name": self.name or name}
        if namespace and MODELS[self.kind].namespaced:
            metadata["namespace"] = namespace
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "metadata": metadata,
            "spec": merged(base, self.spec),
        }


def merged(base: Object, change: Object) -> Object:
    """The base with the changes of a JSON merge patch."""
    result = dict(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is ABSENT:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _parameter(**changes: Any) -> Object:
    return merged({"name": "a", "type": "int", "flag": "--a"}, changes)


def _plugin(what: str, *named: str, name: str = "", **spec: Any) -> Example:
    return Example(f"plugin-{what}", "Plugin", spec, named, name)


def _with_parameter(what: str, *named: str, **changes: Any) -> Example:
    return _plugin(f"parameter-{what}", *named, parameters=[_parameter(**changes)])


def _run(what: str, *named: str, name: str = "", **spec: Any) -> Example:
    return Example(f"run-{what}", "PluginInstance", spec, named, name)


def _feed(what: str, *named: str, **spec: Any) -> Example:
    return Example(f"feed-{what}", "Feed", spec, named)


def node(which: str = "a", **changes: Any) -> Object:
    """A node of a Pipeline."""
    return merged({"name": which, "plugin": {"name": "pl-x", "version": "1.0.0"}}, changes)


def _pipeline(what: str, *named: str, **spec: Any) -> Example:
    return Example(f"pipeline-{what}", "Pipeline", spec, named)


def _with_node(what: str, *named: str, **changes: Any) -> Example:
    return _pipeline(f"node-{what}", *named, nodes=[node("z"), node(**changes)])


def _value(**changes: Any) -> Object:
    return merged({"name": "v", "targets": [{"node": "a", "parameter": "p"}]}, changes)


def _with_value(what: str, *named: str, **changes: Any) -> Example:
    return _pipeline(f"parameter-{what}", *named, parameters=[_value(**changes)])


def _workflow(what: str, *named: str, **spec: Any) -> Example:
    return Example(f"workflow-{what}", "Workflow", spec, named)


LONG = "x" * 20000
CHAIN = [node(f"n{i}", previous=[f"n{i - 1}"] if i else []) for i in range(1000)]
SCALAR = "must be a text, a number, true or false"
TWO_FLAGS = [_parameter(shortFlag="-x"), _parameter(name="b", flag="--b", shortFlag="-x")]
MANY = [_parameter(name=f"a{i}", flag=f"--a{i}") for i in range(200)]

BAD = (
    _plugin("named-otherwise", "<spec.name>-<spec.version>", name="pl-x"),
    _plugin("named-in-capitals", "metadata.name", name="pl-x-1.0.0", version="1.0.0-RC1"),
    Example("plugin-without-name", "Plugin", {"name": ABSENT}, ("spec.name",)),
    Example("plugin-with-bad-name", "Plugin", {"name": "pl x"}, ("spec.name",), "pl-x-1.0.0"),
    _plugin("without-version", "spec.version", version=ABSENT),
    _plugin("version-is-a-word", "spec.version", version="latest", name="pl-x-latest"),
    _plugin("version-is-a-number", "spec.version", version=1.5, name="pl-x-1.5"),
    _plugin("version-too-long", "spec.version", version="1" * 33, name="pl-x-" + "1" * 33),
    _plugin("without-image", "spec.dockImage", dockImage=ABSENT),
    _plugin("empty-image", "spec.dockImage", dockImage=""),
    _plugin("image-with-blanks", "spec.dockImage", dockImage="a b"),
    _plugin("without-type", "spec.type", type=ABSENT),
    _plugin("unknown-type", "spec.type", type="xs"),
    _plugin("without-program", "spec.selfexec", selfexec=ABSENT),
    _plugin("unknown-field", "dock_image", dock_image="localhost/x:1"),
    _plugin("description-too-long", "spec.description", description=LONG),
    _plugin("description-is-a-list", "spec.description", description=["x"]),
    _plugin("network-unknown", "spec.network", network="all"),
    _plugin("empty-input-as-word", "spec.allowEmptyInput", allowEmptyInput="yes"),
    _plugin("cpu-as-bare-text", "spec.minCpuLimit", minCpuLimit="500"),
    _plugin("cpu-as-fraction", "spec.minCpuLimit", minCpuLimit=0.5),
    _plugin("cpu-zero", "spec.minCpuLimit", minCpuLimit=0),
    _plugin("cpu-true", "spec.minCpuLimit", minCpuLimit=True),
    _plugin("memory-without-unit", "spec.maxMemoryLimit", maxMemoryLimit="500"),
    _plugin("memory-in-megabytes", "spec.maxMemoryLimit", maxMemoryLimit="500MB"),
    _plugin("cpu-range", "maxCpuLimit must not be below minCpuLimit", minCpuLimit="2000m", maxCpuLimit=1999),
    _plugin("cpu-below-default", "maxCpuLimit must not be below minCpuLimit", maxCpuLimit="500m"),
    _plugin("cpu-below-empty", "maxCpuLimit must not be below", minCpuLimit="", maxCpuLimit="500m"),
    _plugin("memory-range", "maxMemoryLimit must not be below", minMemoryLimit="2Gi", maxMemoryLimit=2047),
    _plugin("memory-below-default", "maxMemoryLimit must not be below", maxMemoryLimit="100Mi"),
    _plugin("gpu-range", "maxGpuLimit must not be below minGpuLimit", minGpuLimit=2, maxGpuLimit=1),
    _plugin("disk-range", "maxDiskLimit must not be below", minDiskLimit="2Gi", maxDiskLimit=2047),
    _plugin("disk-in-megabytes", "spec.maxDiskLimit", maxDiskLimit="500MB"),
    _plugin("checkpoint-as-word", "spec.checkpoint", checkpoint="yes"),
    _plugin("gpu-negative", "spec.minGpuLimit", minGpuLimit=-1),
    _plugin("workers-range", "maxNumberOfWorkers must not", minNumberOfWorkers=2, maxNumberOfWorkers=1),
    _plugin("split-unknown", "spec.split", split="rows"),
    _plugin("partial-success-as-word", "spec.partialSuccess", partialSuccess="yes"),
    _plugin("workers-zero", "spec.minNumberOfWorkers", minNumberOfWorkers=0),
    _plugin("same-parameter-twice", "Duplicate value", parameters=[_parameter(), _parameter(flag="--b")]),
    _plugin("same-flag-twice", "use the same flag", parameters=[_parameter(), _parameter(name="b")]),
    _plugin("same-short-flag-twice", "use the same flag", parameters=TWO_FLAGS),
    _plugin("too-many-parameters", "spec.parameters", parameters=[*MANY, _parameter()]),
    _plugin("parameters-as-map", "spec.parameters", parameters={"a": _parameter()}),
    _with_parameter("without-name", "name", name=ABSENT),
    _with_parameter("name-with-blank", "spec.parameters[0].name", name="a b"),
    _with_parameter("without-type", "spec.parameters[0].type", type=ABSENT),
    _with_parameter("of-type-string", "spec.parameters[0].type", type="string"),
    _with_parameter("without-flag", "spec.parameters[0].flag", flag=ABSENT),
    _with_parameter("flag-without-dash", "spec.parameters[0].flag", flag="a"),
    _with_parameter("unknown-field", "short_flag", short_flag="-a"),
    _with_parameter("optional-without-default", "needs a default", optional=True),
    _with_parameter("optional-with-null", "needs a default", optional=True, default=None),
    _with_parameter("optional-path", "path or unextpath", type="path", optional=True, default=""),
    _with_parameter("optional-unextpath", "path or unextpath", type="unextpath", optional=True, default="x"),
    _with_parameter("required-but-hidden", "uiExposed: true", uiExposed=False),
    _with_parameter("int-is-text", "does not fit", optional=True, default="1"),
    _with_parameter("int-is-fraction", "does not fit", optional=True, default=1.5),
    _with_parameter("int-is-true", "does not fit", optional=True, default=True),
    _with_parameter("float-is-text", "does not fit", type="float", optional=True, default="1.5"),
    _with_parameter("bool-is-int", "does not fit", type="bool", optional=True, default=1),
    _with_parameter("str-is-int", "does not fit", type="str", optional=True, default=1),
    _with_parameter("default-is-list", "default", optional=True, default=[1]),
    _with_parameter("store-true-of-int", "actions of bool", action="store_true"),
    _with_parameter("unknown-action", "spec.parameters[0].action", action="append"),
    _feed("title-too-long", "spec.title", title="x" * 201),
    _feed("note-is-a-number", "spec.note", note=1),
    _feed("note-too-long", "spec.note", note=LONG),
    _feed("tags-as-text", "spec.tags", tags="a,b"),
    _feed("empty-tag", "spec.tags[0]", tags=[""]),
    _feed("same-tag-twice", "Duplicate value", tags=["a", "b", "a"]),
    _feed("same-user-twice", "Duplicate value", sharedWith=["bob", "bob"]),
    _feed("user-with-slash", "spec.sharedWith[0]", sharedWith=["bob/uploads"]),
    _feed("public-as-word", "spec.public", public="yes"),
    _feed("unknown-field", "owner", owner="bob"),
    _run("without-plugin", "spec.plugin", plugin=ABSENT),
    _run("plugin-without-version", "spec.plugin.version", plugin={"version": ABSENT}),
    _run("plugin-version-is-a-number", "spec.plugin.version", plugin={"version": 1.0}),
    _run("plugin-as-text", "spec.plugin", plugin="pl-x-1.0.0"),
    _run("unknown-field", "params", params={"a": 1}),
    _run("feed-of-another-namespace", "spec.feed", feed="bob/first-look"),
    _run("parent-of-another-namespace", "spec.previous[0]", previous=["bob/scan"]),
    _run("parent-empty", "spec.previous[0]", previous=[""]),
    _run("parent-as-text", "spec.previous", previous="scan"),
    _run("parent-twice", "names an instance twice", previous=["scan", "mask", "scan"]),
    _run("its-own-parent", "its own parent", previous=["scan", "register"]),
    _run("too-many-parents", "spec.previous", previous=[f"scan-{i}" for i in range(101)]),
    _run("inputs-of-no-parent", "previous does not name", previous=["scan"], inputs=[{"previous": "mask"}]),
    _run("inputs-without-parents", "previous does not name", inputs=[{"previous": "scan"}]),
    _run("inputs-twice", "Duplicate value", previous=["scan"], inputs=[{"previous": "scan"}] * 2),
    _run("inputs-as-map", "spec.inputs", previous=["scan"], inputs={"scan": "x"}),
    _run("inputs-unknown-field", "filter", previous=["scan"], inputs=[{"previous": "scan", "filter": "x"}]),
    _run(
        "match-empty", "spec.inputs[0].match", previous=["scan"], inputs=[{"previous": "scan", "match": ""}]
    ),
    _run("match-long", "inputs[0].match", previous=["a"], inputs=[{"previous": "a", "match": "x" * 301}]),
    _run("into-deep", "spec.inputs[0].into", previous=["scan"], inputs=[{"previous": "scan", "into": "a/b"}]),
    _run("into-above", "spec.inputs[0].into", previous=["scan"], inputs=[{"previous": "scan", "into": ".."}]),
    _run("parameters-as-list", "spec.parameters", parameters=["--a", "1"]),
    _run("parameter-is-list", "must be a text, a number, true or false", parameters={"a": [1]}),
    _run("parameter-is-map", "must be a text, a number, true or false", parameters={"a": {"b": 1}}),
    _run("parameter-is-null", "must be a text, a number, true or false", parameters={"a": None}),
    _run("parameter-too-long", "16000 characters", parameters={"a": LONG}),
    _run("too-many-parameters", "spec.parameters", parameters={f"a{i}": i for i in range(201)}),
    _run("cpu-without-sense", "spec.resources.cpu", resources={"cpu": "two"}),
    _run("cpu-zero", "above zero", resources={"cpu": "0"}),
    _run("cpu-zero-millicores", "above zero", resources={"cpu": "0m"}),
    _run("cpu-negative", "spec.resources.cpu", resources={"cpu": -1}),
    _run("cpu-as-fraction", "spec.resources.cpu", resources={"cpu": 0.5}),
    _run("memory-in-gigabytes", "spec.resources.memory", resources={"memory": "2GB"}),
    _run("memory-zero", "above zero", resources={"memory": "0.0Gi"}),
    _run("gpu-as-text", "spec.resources.gpu", resources={"gpu": "1"}),
    _run("disk-negative", "spec.resources.ephemeralStorage", resources={"ephemeralStorage": "-1Gi"}),
    _run("unknown-resource", "ram", resources={"ram": "2Gi"}),
    _run("workers-zero", "spec.workers", workers=0),
    _run("workers-below-zero", "spec.workers", workers=-1),
    _run("workers-a-million", "spec.workers", workers=1000000),
    _run("parallel-zero", "spec.maxParallel", maxParallel=0),
    _run("retries-per-index-below-zero", "spec.retriesPerIndex", retriesPerIndex=-1),
    _run("retries-per-index-eleven", "spec.retriesPerIndex", retriesPerIndex=11),
    _run("workers-many", "spec.workers", workers="many"),
    _run("workers-as-text", "spec.workers", workers="4"),
    _run("priority-unknown", "spec.priority", priority="high"),
    _run("retries-negative", "spec.retries", retries=-1),
    _run("retries-eleven", "spec.retries", retries=11),
    _run("retries-as-text", "spec.retries", retries="3"),
    _run("deadline-zero", "spec.deadlineSeconds", deadlineSeconds=0),
    _run("deadline-as-duration", "spec.deadlineSeconds", deadlineSeconds="1h"),
    _run("cancel-as-word", "spec.cancel", cancel="yes"),
    _run("suspend-as-number", "spec.suspend", suspend=1),
    _run("cache-unknown", "spec.cache", cache="on"),
    _run("compute-resource-with-slash", "spec.computeResource", computeResource="a/b"),
    _run("title-too-long", "spec.title", title="x" * 101),
    _pipeline("without-nodes", "spec.nodes", nodes=ABSENT),
    _pipeline("no-nodes", "spec.nodes", nodes=[]),
    _pipeline("nodes-as-map", "spec.nodes", nodes={"a": {}}),
    _pipeline("same-node-twice", "Duplicate value", nodes=[node(), node("b"), node()]),
    _pipeline("too-many-nodes", "spec.nodes", nodes=[*CHAIN, node("one-more")]),
    _pipeline("unknown-field", "locked", locked=True),
    _pipeline("public-as-word", "spec.public", public="yes"),
    _pipeline("description-too-long", "spec.description", description=LONG),
    _with_node("without-name", "name", name=ABSENT),
    _with_node("name-in-capitals", "spec.nodes[1].name", name="Scan"),
    _with_node("name-with-dot", "spec.nodes[1].name", name="a.b"),
    _with_node("name-too-long", "spec.nodes[1].name", name="x" * 64),
    _with_node("without-plugin", "spec.nodes[1].plugin", plugin=ABSENT),
    _with_node("without-version", "spec.nodes[1].plugin.version", plugin={"version": ABSENT}),
    _with_node("its-own-parent", "cannot be its own parent", previous=["z", "a"]),
    _with_node("parent-twice", "Duplicate value", previous=["z", "z"]),
    _with_node("parent-as-text", "spec.nodes[1].previous", previous="z"),
    _with_node("parent-empty", "spec.nodes[1].previous[0]", previous=[""]),
    _with_node("input-of-a-stranger", "previous does not name", previous=["z"], inputs=[{"previous": "y"}]),
    _with_node(
        "input-twice",
        "Duplicate value",
        previous=["z"],
        inputs=[{"previous": "z"}, {"previous": "z", "into": "i"}],
    ),
    _with_node(
        "input-into-nowhere",
        "spec.nodes[1].inputs[0].into",
        previous=["z"],
        inputs=[{"previous": "z", "into": ".."}],
    ),
    _with_node("parameter-is-list", SCALAR, parameters={"p": [1]}),
    _with_node("parameter-is-null", SCALAR, parameters={"p": None}),
    _with_node("parameter-too-long", "16000 characters", parameters={"p": LONG}),
    _with_node("cpu-zero", "above zero", resources={"cpu": "0m"}),
    _with_node("memory-zero", "above zero", resources={"memory": "0.0Gi"}),
    _with_node(
        "disk-in-words", "spec.nodes[1].resources.ephemeralStorage", resources={"ephemeralStorage": "much"}
    ),
    _with_node("workers-zero", "spec.nodes[1].workers", workers=0),
    _with_node("priority-unknown", "spec.nodes[1].priority", priority="high"),
    _with_node("unknown-field", "parents", parents=["z"]),
    _pipeline("same-parameter-twice", "Duplicate value", parameters=[_value(), _value(help="again")]),
    _with_value("without-target", "spec.parameters[0].targets", targets=[]),
    _with_value("with-bad-name", "spec.parameters[0].name", name="a b"),
    _with_value("without-node", "spec.parameters[0].targets[0].node", targets=[{"parameter": "p"}]),
    _with_value("default-is-list", SCALAR, default=[1]),
    _with_value("default-too-long", "16000 characters", default=LONG),
    _with_value("optional-as-word", "spec.parameters[0].optional", optional="no"),
    _workflow("without-pipeline", "spec.pipeline", pipeline=ABSENT),
    _workflow("pipeline-of-another-namespace", "spec.pipeline", pipeline="bob/to-mni"),
    _workflow("previous-as-list", "spec.previous", previous=["scan"]),
    _workflow("with-previous-and-feed", "leave feed out", previous="scan", feed="look"),
    _workflow("parameters-as-list", "spec.parameters", parameters=[{"name": "v"}]),
    _workflow("parameter-is-map", SCALAR, parameters={"v": {"a": 1}}),
    _workflow("parameter-too-long", "16000 characters", parameters={"v": LONG}),
    _workflow("same-node-twice", "Duplicate value", nodes=[{"name": "a"}, {"name": "a"}]),
    _workflow("node-with-plugin", "plugin", nodes=[node()]),
    _workflow("node-parameter-is-list", SCALAR, nodes=[{"name": "a", "parameters": {"p": [1]}}]),
    _workflow("node-memory-zero", "above zero", nodes=[{"name": "a", "resources": {"memory": "0Mi"}}]),
    _workflow("cancel-as-word", "spec.cancel", cancel="yes"),
    _workflow("unknown-field", "retry", retry=3),
)

_EVERY_TYPE = [
    _parameter(name="text", type="str", flag="--text", shortFlag="-t", optional=True, default=""),
    _parameter(name="int", flag="--int", shortFlag="--int", optional=True, default=-1),
    _parameter(name="float", type="float", flag="--float", optional=True, default=1),
    _parameter(name="fraction", type="float", flag="--fraction", optional=True, default=0.5),
    _parameter(name="on", type="bool", flag="--on", optional=True, default=False, action="store_true"),
    _parameter(name="off", type="bool", flag="--off", optional=True, default=True),
    _parameter(name="hidden", flag="--hidden", optional=True, default=0, uiExposed=False),
    _parameter(name="dir", type="path", flag="--dir", default=None),
    _parameter(name="link", type="unextpath", flag="--link", action="store"),
]
GOOD = (
    _plugin("smallest"),
    _plugin("release-candidate", version="1.0.0-RC1", name="pl-x-1.0.0-rc1"),
    Example("plugin-with-underscores", "Plugin", {"name": "pl-X_y", "version": "1+b.2"}, (), "pl-x-y-1-b.2"),
    _plugin("limits-of-disk", minDiskLimit="", maxDiskLimit="1Gi"),
    _plugin("checkpoint", checkpoint=True),
    _plugin("every-type-of-parameter", parameters=_EVERY_TYPE),
    _plugin("most-parameters", parameters=MANY),
    _plugin("limits-as-integers", minCpuLimit=1, maxCpuLimit=1000, minMemoryLimit=1, maxMemoryLimit=200),
    _plugin(
        "limits-as-texts",
        minCpuLimit="1000m",
        maxCpuLimit="1000m",
        minMemoryLimit="1Gi",
        maxMemoryLimit="1Ti",
    ),
    _plugin("limits-mixed", minCpuLimit="50m", maxCpuLimit=50, minMemoryLimit=1024, maxMemoryLimit="1Gi"),
    _plugin("limits-empty", minCpuLimit="", maxCpuLimit="", minMemoryLimit="", maxMemoryLimit=""),
    _plugin(
        "nulls-are-left-out",
        maxCpuLimit=None,
        maxGpuLimit=None,
        parameters=[{**_parameter(), "default": None}],
    ),
    _plugin("gpus", minGpuLimit=1, maxGpuLimit=4, minNumberOfWorkers=1, maxNumberOfWorkers=16),
    _plugin(
        "reaches-the-world", network="egress", allowEmptyInput=True, execshell="python3", selfpath="/opt"
    ),
    _feed("smallest", title=ABSENT),
    _feed("full", note="seen\nby Ä", tags=["mri", "T1 head"], sharedWith=["bob", "Eve.2"], public=True),
    _run("smallest"),
    _run("full", feed="first-look", previous=["scan", "mask.2"], title="to MNI", workers="auto", retries=10),
    _run("parameters", parameters={"a": 1, "b": -1.5, "c": "", "d": False, "e f": "ä\nb", "g": "x" * 16000}),
    _run("most-parameters", parameters={f"a{i}": i for i in range(200)}),
    _run("shared", workers=12, maxParallel=3, retriesPerIndex=10),
    _plugin("shared", split="directories", partialSuccess=True, maxNumberOfWorkers=1000),
    _run(
        "most-parents",
        previous=[f"scan-{i}" for i in range(100)],
        inputs=[{"previous": f"scan-{i}", "match": "[.]nii$", "into": f"s{i}"} for i in range(100)],
    ),
    _run("inputs", previous=["scan", "mask"], inputs=[{"previous": "mask", "into": "_x.1-Y"}], cache="use"),
    _run("resources-as-texts", resources={"cpu": "500m", "memory": "1.5Gi", "ephemeralStorage": "10G"}),
    _run(
        "resources-as-integers", resources={"cpu": 2, "memory": 2147483648, "gpu": 0, "ephemeralStorage": 1}
    ),
    _run("resources-empty", resources={}),
    _run("on-another-cluster", computeResource="moc"),
    _run(
        "steered", priority="urgent", deadlineSeconds=1, cancel=True, suspend=True, cache="off", workers=10000
    ),
    _pipeline("smallest"),
    _pipeline("a-thousand-nodes", nodes=CHAIN),
    _pipeline("full", title="To MNI", description="D", category="MRI", authors="A", public=True),
    _pipeline("tree", nodes=[node("b", previous=["a", "c"]), node(), node("c", previous=["a"])]),
    _with_node("full", title="T", workers="auto", priority="slack", retries=10, deadlineSeconds=1),
    _with_node("parameters", parameters={"a": 1, "b": -1.5, "c": "", "d": False, "e f": "x" * 16000}),
    _with_node("resources", resources={"cpu": "500m", "memory": "1.5Gi", "gpu": 1, "ephemeralStorage": 1}),
    _with_node("inputs", previous=["z"], inputs=[{"previous": "z", "match": "nii$", "into": "mask"}]),
    _with_node("most-parents", previous=[f"n{i}" for i in range(100)]),
    _with_value("required"),
    _with_value("with-default", default=0.5, help="H"),
    _with_value("with-null", default=None),
    _with_value(
        "optional", optional=True, targets=[{"node": f"n{i}", "parameter": "p"} for i in range(1000)]
    ),
    _workflow("smallest"),
    _workflow("attached", previous="scan", title="T", parameters={"v": 1, "w": "x", "x": True}),
    _workflow("with-feed", feed="look", cancel=True, suspend=True),
    _workflow("overrides", nodes=[{"name": "a", "parameters": {"p": 1}, "workers": 2}, {"name": "b"}]),
)
