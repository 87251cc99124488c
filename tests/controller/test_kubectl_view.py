"""What `kubectl get` shows: columns, short names, category, field selectors."""

from typing import Any

import pytest
from tests.kubeclient import Client, Object
from tests.resource_examples import Example

pytestmark = pytest.mark.apiserver
MOMENT = "2026-01-01T00:00:00Z"


def _table(admin: Client, item: Object) -> tuple[list[tuple[str, bool]], list[Any]]:
    """Columns as (name, shown without -o wide) and the cells of the object's row."""
    metadata = item["metadata"]
    path = admin.resource(item["kind"]).path(metadata.get("namespace"), metadata["name"])
    accept = {"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    table = admin.request("GET", path, headers=accept)
    columns = [(column["name"], column["priority"] == 0) for column in table["columnDefinitions"]]
    return columns, table["rows"][0]["cells"]


def _condition(kind: str, status: str, reason: str) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": "told", "lastTransitionTime": MOMENT}


STATUS: dict[str, Object] = {
    "Plugin": {"id": 3, "conditions": [_condition("Ready", "True", "Registered")]},
    "Feed": {
        "id": 4,
        "conditions": [_condition("Ready", "True", "Registered")],
        "instances": {"waiting": 0, "running": 1, "succeeded": 2, "failed": 3, "cancelled": 4},
    },
    "ComputeResource": {
        "version": "1.36",
        "conditions": [_condition("Ready", "False", "Unreachable"), _condition("Stalled", "True", "X")],
    },
    "PluginInstance": {
        "id": 5,
        "feed": "first-look",
        "duration": "1m32s",
        "conditions": [_condition("Stalled", "True", "X"), _condition("Succeeded", "False", "PluginFailed")],
    },
    "Pipeline": {"id": 6, "nodes": 1, "conditions": [_condition("Ready", "False", "InvalidPipeline")]},
    "Workflow": {
        "id": 7,
        "feed": "first-look",
        "nodes": 3,
        "instances": {"waiting": 0, "running": 0, "succeeded": 2, "failed": 1, "cancelled": 0},
        "duration": "1m32s",
        "conditions": [_condition("Succeeded", "False", "RunsFailed")],
    },
}
SHOWN = {
    "Plugin": {"Name": "pl-x-1.0.0", "Type": "ds", "Image": "localhost/x:1", "Ready": "True"},
    "Feed": {
        "Name": "first-look",
        "Title": "Registration to MNI",
        "Ready": "True",
        "Waiting": 0,
        "Running": 1,
        "Succeeded": 2,
        "Failed": 3,
    },
    "ComputeResource": {"Name": "moc", "Ready": "False", "Reason": "Unreachable"},
    "PluginInstance": {"Name": "register", "Plugin": "pl-x", "Reason": "PluginFailed", "Duration": "1m32s"},
    "Pipeline": {"Name": "to-mni", "Title": "", "Nodes": 1, "Ready": "False"},
    "Workflow": {
        "Name": "to-mni-1",
        "Pipeline": "to-mni",
        "Reason": "RunsFailed",
        "Nodes": 3,
        "Succeeded": 2,
        "Failed": 1,
        "Duration": "1m32s",
    },
}
WIDE = {
    "Plugin": {"Title": "", "Id": 3},
    "Feed": {"Id": 4},
    "ComputeResource": {"Namespace": "chris-runs", "Version": "1.36", "Message": "told"},
    "PluginInstance": {"Version": "1.0.0", "Feed": "first-look", "Id": 5, "Message": "told"},
    "Pipeline": {"Category": "", "Id": 6, "Message": "told"},
    "Workflow": {"Feed": "first-look", "Id": 7, "Message": "told"},
}


@pytest.mark.parametrize("kind", STATUS)
def test_columns(admin: Client, kind: str):
    stored = admin.create(Example("x", kind).object(admin.namespace("alice")))
    columns, cells = _table(admin, admin.set_status(stored, STATUS[kind]))
    admin.delete(stored)
    seen = {name: cell for (name, shown), cell in zip(columns, cells, strict=True) if shown}
    assert seen.pop("Age")
    assert seen == SHOWN[kind]
    assert {name: cell for (name, shown), cell in zip(columns, cells, strict=True) if not shown} == WIDE[kind]


def test_a_new_run_shows_without_status(admin: Client):
    columns, cells = _table(
        admin, admin.create(Example("x", "PluginInstance").object(admin.namespace("alice")))
    )
    seen = {name: cell for (name, _), cell in zip(columns, cells, strict=True)}
    assert (seen["Plugin"], seen["Reason"], seen["Duration"]) == ("pl-x", None, None)


def test_names(admin: Client):
    found = admin.request("GET", "apis/chrisproject.org/v1alpha1")["resources"]
    names = {
        each["name"]: (each["shortNames"], each["categories"]) for each in found if "/" not in each["name"]
    }
    assert names == {
        "plugins": (["plg"], ["chris"]),
        "feeds": (["fd"], ["chris"]),
        "plugininstances": (["pi"], ["chris"]),
        "pipelines": (["ppl"], ["chris"]),
        "workflows": (["cwf"], ["chris"]),
        "computeresources": (["cpr"], ["chris"]),
    }


SELECTORS = {
    "spec.plugin.name=pl-x": ["one", "two"],
    "spec.feed=first": ["one"],
    "spec.feed=": ["two"],
    "spec.plugin.name=pl-x,spec.plugin.version=2": ["two"],
    "spec.plugin.name=pl-y": [],
}


def test_field_selectors(admin: Client):
    namespace = admin.namespace("alice")
    specs: dict[str, Object] = {"one": {"feed": "first"}, "two": {"plugin": {"version": "2"}}}
    for name, spec in specs.items():
        admin.create(Example("x", "PluginInstance", spec, (), name).object(namespace))
    found = {
        selector: [
            each["metadata"]["name"]
            for each in admin.list("PluginInstance", namespace, fieldSelector=selector)
        ]
        for selector in SELECTORS
    }
    assert found == SELECTORS
