"""The API server with our CRDs and policies judges every example as the models do, and keeps runs as they were."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError
from tests import compute_examples
from tests.apiserver import ApiServer
from tests.kubeclient import ApiError, Client, Object
from tests.resource_examples import ABSENT, BAD, GOOD, MODELS, Example, merged, node
from tests.shipped_resources import SHIPPED, Shipped

from chris_operator.models.base import explain

pytestmark = pytest.mark.apiserver
PARAMETER = {"name": "a", "type": "int", "flag": "--a", "optional": True, "default": 1}


@pytest.fixture(scope="module")
def namespace(apiserver: ApiServer) -> str:
    """A tenant whose objects are left behind."""
    with apiserver.client() as client:
        return client.namespace("alice")


@pytest.mark.parametrize("example", [*BAD, *compute_examples.BAD], ids=lambda example: example.id)
def test_model_and_api_server_refuse(admin: Client, namespace: str, example: Example):
    body = example.object(namespace)
    with pytest.raises(ValidationError) as by_model:
        MODELS[example.kind].parse(body)
    with pytest.raises(ApiError) as by_server:
        admin.create(body, dry_run=True)
    for message in (explain(by_model.value), by_server.value.message):
        assert all(named in message for named in example.named), message


@pytest.mark.parametrize("example", [*GOOD, *compute_examples.GOOD], ids=lambda example: example.id)
def test_model_and_api_server_accept(admin: Client, namespace: str, example: Example):
    body = example.object(namespace)
    model = MODELS[example.kind].parse(body)
    stored = MODELS[example.kind].parse(admin.create(body, dry_run=True))
    assert stored.model_dump()["spec"] == model.model_dump()["spec"]


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.id)
def test_shipped_resource_is_accepted(admin: Client, namespace: str, shipped: Shipped):
    metadata = dict(shipped.content["metadata"])
    if "namespace" in metadata:
        metadata["namespace"] = namespace  # the file's own may not be there yet
    admin.create({**shipped.content, "metadata": metadata}, dry_run=True)


@dataclass(frozen=True)
class Update:
    """A change to the spec of an object that exists already; without `named` it is allowed."""

    id: str
    kind: str
    change: Object
    named: tuple[str, ...] = ()
    before: Object = field(default_factory=dict)


def _run(what: str, change: Object, *named: str, **before: object) -> Update:
    return Update(f"run-{what}", "PluginInstance", change, named, before)


def _plugin(what: str, change: Object, *named: str, **before: object) -> Update:
    return Update(f"plugin-{what}", "Plugin", change, named, before)


def _pipeline(what: str, change: Object, *named: str, **before: object) -> Update:
    return Update(f"pipeline-{what}", "Pipeline", change, named, before)


def _workflow(what: str, change: Object, *named: str, **before: object) -> Update:
    return Update(f"workflow-{what}", "Workflow", change, named, before)


NEW_RUN, NEW_VERSION = "create another PluginInstance", "register a new version"
NEW_PIPELINE, NEW_WORKFLOW = "create another Pipeline", "create another Workflow"
ONE = {"a": 1, "b": "x"}
VALUE = {"name": "v", "targets": [{"node": "a", "parameter": "p"}]}
# Which names follow is told in any order: CEL walks a map as it likes.
BOTH = ("spec.parameters cannot change after creation (", NEW_RUN)
UPDATES = (
    _run("plugin", {"plugin": {"version": "2"}}, "plugin cannot change", NEW_RUN),
    _run("previous-added", {"previous": ["scan"]}, "previous cannot change", NEW_RUN),
    _run("previous-removed", {"previous": ABSENT}, "previous cannot change", previous=["scan"]),
    _run("previous-order", {"previous": ["b", "a"]}, "previous cannot change", previous=["a", "b"]),
    _run("resources-changed", {"resources": {"cpu": "2"}}, "resources cannot change", resources={"cpu": "1"}),
    _run("resources-added", {"resources": {"cpu": "2"}}, "resources cannot change"),
    _run("resources-removed", {"resources": ABSENT}, "resources cannot change", resources={"memory": "1Gi"}),
    _run("computeResource", {"computeResource": "moc"}, "computeResource cannot change", NEW_RUN),
    _run("workers", {"workers": "auto"}, "workers cannot change", NEW_RUN),
    _run("cache", {"cache": "refresh"}, "cache cannot change", NEW_RUN),
    _run("feed-changed", {"feed": "b"}, "feed cannot change once it is set", NEW_RUN, feed="a"),
    _run("feed-removed", {"feed": ABSENT}, "feed cannot change once it is set", feed="a"),
    _run("feed-added", {"feed": "a"}),
    _run("cancelled", {"cancel": True}),
    _run("cancel-taken-back", {"cancel": False}, "cancel cannot be taken back", NEW_RUN, cancel=True),
    _run("cancel-removed", {"cancel": ABSENT}, "cancel cannot be taken back", cancel=True),
    _run(
        "steered", {"title": "T", "priority": "slack", "retries": 3, "deadlineSeconds": 60, "suspend": True}
    ),
    _run("unsteered", {"deadlineSeconds": ABSENT, "suspend": False}, deadlineSeconds=60, suspend=True),
    _run("parameter-changed", {"parameters": {"a": 2}}, "cannot change", "(a)", NEW_RUN, parameters=ONE),
    _run("parameter-added", {"parameters": {"c": 2}}, "cannot change", "(c)", parameters=ONE),
    _run("parameter-removed", {"parameters": {"b": ABSENT}}, "cannot change", "(b)", parameters=ONE),
    _run("parameter-retyped", {"parameters": {"a": "1"}}, "cannot change", "(a)", parameters=ONE),
    _run("parameters-removed", {"parameters": ABSENT}, *BOTH, parameters=ONE),
    _run("parameters-added", {"parameters": ONE}, *BOTH),
    _run("parameters-kept", {"title": "T"}, parameters=ONE),
    _run("workers-kept-as-default", {"workers": 1, "previous": []}),
    _plugin("image", {"dockImage": "localhost/x:2"}, "dockImage cannot change", NEW_VERSION),
    _plugin("type", {"type": "ts"}, "type cannot change", NEW_VERSION),
    _plugin("program", {"selfexec": "y"}, "selfexec cannot change", NEW_VERSION),
    _plugin("network", {"network": "egress"}, "network cannot change", NEW_VERSION),
    _plugin("limit-added", {"maxCpuLimit": 2000}, "maxCpuLimit cannot change", NEW_VERSION),
    _plugin("limit-removed", {"maxGpuLimit": ABSENT}, "maxGpuLimit cannot change", maxGpuLimit=1),
    _plugin("limit-respelled", {"minCpuLimit": "1000m"}, "minCpuLimit cannot change", NEW_VERSION),
    _plugin(
        "default", {"parameters": [{**PARAMETER, "default": 2}]}, "parameters cannot", parameters=[PARAMETER]
    ),
    _plugin(
        "parameter-removed", {"parameters": []}, "parameters cannot", NEW_VERSION, parameters=[PARAMETER]
    ),
    _plugin("parameter-added", {"parameters": [PARAMETER]}, "parameters cannot change", NEW_VERSION),
    _plugin("texts", {"title": "T", "authors": "A", "documentation": "D", "icon": "I", "license": "MIT"}),
    _plugin("more-texts", {"description": "D", "category": "C", "publicRepo": "R"}, parameters=[PARAMETER]),
    _pipeline(
        "node-added", {"nodes": [node(), node("b")]}, "nodes and parameters cannot change", NEW_PIPELINE
    ),
    _pipeline("node-changed", {"nodes": [node(workers=2)]}, "nodes and parameters cannot", NEW_PIPELINE),
    _pipeline("nodes-value", {"nodes": [node(parameters={"p": 1})]}, "nodes and parameters", NEW_PIPELINE),
    _pipeline("parameter-added", {"parameters": [VALUE]}, "nodes and parameters cannot", NEW_PIPELINE),
    _pipeline(
        "default", {"parameters": [{**VALUE, "default": 2}]}, "nodes and parameters", parameters=[VALUE]
    ),
    _pipeline("texts", {"title": "T", "description": "D", "public": True}, parameters=[VALUE]),
    _workflow("pipeline", {"pipeline": "other"}, "pipeline cannot change", NEW_WORKFLOW),
    _workflow("previous-added", {"previous": "scan"}, "previous cannot change", NEW_WORKFLOW),
    _workflow("feed", {"feed": "b"}, "feed cannot change", NEW_WORKFLOW, feed="a"),
    _workflow(
        "parameter", {"parameters": {"a": 2}}, "parameters cannot change", NEW_WORKFLOW, parameters=ONE
    ),
    _workflow("override", {"nodes": [{"name": "a", "workers": 2}]}, "nodes and parameters", NEW_WORKFLOW),
    _workflow("cancel-taken-back", {"cancel": False}, "cancel cannot be taken back", cancel=True),
    _workflow("steered", {"cancel": True, "suspend": True, "title": "T"}, parameters=ONE, previous="scan"),
    Update("compute-namespace", "ComputeResource", {"namespace": "x"}, ("namespace cannot change",)),
    Update("compute-anything", "ComputeResource", {"kubeconfigSecret": "x", "users": ["*"]}),
    Update("feed-anything", "Feed", {"title": "T", "tags": ["a"], "public": True, "sharedWith": ["bob"]}),
)


@pytest.fixture
def stored(admin: Client, update: Update) -> Iterator[Object]:
    """The object as it is before the update, in a tenant of its own."""
    body = Example(update.id, update.kind, update.before).object(admin.namespace("alice"))
    item = admin.create(body)
    yield item
    admin.delete(item)


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update.id)
def test_update(admin: Client, stored: Object, update: Update):
    changed = {**stored, "spec": merged(stored["spec"], update.change)}
    if not update.named:
        assert admin.replace(changed)["metadata"]["generation"] >= stored["metadata"]["generation"]
        return
    with pytest.raises(ApiError) as refused:
        admin.replace(changed)
    assert all(named in refused.value.message for named in update.named), refused.value.message


def test_plugin_is_renamed_in_no_way(admin: Client):
    stored = admin.create(Example("p", "Plugin").object())
    with pytest.raises(ApiError) as refused:
        admin.patch(stored, {"spec": {"version": "1.0.1"}})
    admin.delete(stored)
    assert "version cannot change" in refused.value.message
    assert "<spec.name>-<spec.version>" in refused.value.message


def test_applying_a_manifest_again_changes_nothing(admin: Client, namespace: str):
    """What GitOps does all the time: defaults and the operator's status do not disturb it."""
    body = Example("r", "PluginInstance", {"parameters": ONE, "resources": {"cpu": 1}}).object(namespace)
    first = admin.apply(body)
    told = admin.set_status(first, {"id": 1, "feed": "register"})
    again = admin.apply(body)
    assert again["metadata"]["resourceVersion"] == told["metadata"]["resourceVersion"]


def test_status_and_spec_are_written_apart(admin: Client):
    body = Example("r", "PluginInstance").object(admin.namespace("alice"))
    created = admin.create({**body, "status": {"id": 7}})
    assert "status" not in created
    told = admin.set_status(created, {"id": 7, "failures": {"PluginFailed": 1}})
    assert told["metadata"]["generation"] == created["metadata"]["generation"]
    changed = admin.replace({**told, "spec": {**told["spec"], "title": "T"}, "status": {"id": 8}})
    assert (changed["status"]["id"], changed["metadata"]["generation"]) == (7, 2)


def test_conditions_are_a_map_by_type(admin: Client):
    """Another manager's condition (Argo CD's, a test's) survives ours."""
    run = admin.create(Example("r", "PluginInstance").object(admin.namespace("alice")))
    head = {key: run[key] for key in ("apiVersion", "kind")} | {
        "metadata": {key: run["metadata"][key] for key in ("name", "namespace")}
    }

    def told(kind: str) -> Object:
        entry = {"type": kind, "status": "True", "reason": "R", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        return {**head, "status": {"conditions": [entry]}}

    admin.apply(told("Succeeded"), "ours", "status")
    both = admin.apply(told("Theirs"), "theirs", "status")
    assert [each["type"] for each in both["status"]["conditions"]] == ["Succeeded", "Theirs"]
