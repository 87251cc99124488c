"""Our CRDs and admission policies put on a real API server, as `kubectl apply -k` would, and seen in force."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.kubeclient import ApiError, Client, Object

ROOT = Path(__file__).parent.parent
CRDS = ROOT / "crds"
POLICIES = ROOT / "manifests" / "base" / "policies"
IN_FORCE_SECONDS = 30.0
POLL_SECONDS = 0.05


def documents(path: Path) -> list[Object]:
    """All objects of one YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def resources(directory: Path) -> Iterator[Object]:
    """All objects that a directory's kustomization.yaml lists, in its order."""
    (kustomization,) = documents(directory / "kustomization.yaml")
    for name in kustomization["resources"]:
        yield from documents(directory / name)


def install(admin: Client) -> None:
    """Apply CRDs, policies and priorities; return when every one of them is being obeyed."""
    for crd in resources(CRDS):
        admin.apply(crd)
        admin.wait_condition(crd, "Established", status="True")
    for item in (*resources(POLICIES), *documents(ROOT / "manifests" / "base" / "priorities.yaml")):
        admin.apply(item)
    for probe, message in _PROBES:
        _await_refusal(admin, probe, message)


def give_rights(admin: Client) -> None:
    """The operator's namespace, and the rights that it has in a cluster."""
    for name in ("namespace", "rbac"):
        for item in documents(ROOT / "manifests" / "base" / f"{name}.yaml"):
            admin.apply(item)


def _object(kind: str, name: str, spec: Object, **metadata: Any) -> Object:
    metadata = {"name": name, **metadata}
    return {"apiVersion": "chrisproject.org/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


_OPTIONAL = {"name": "a", "type": "int", "flag": "--a", "optional": True}
_PLUGIN = {"name": "probe", "version": "1", "dockImage": "probe", "type": "fs", "selfexec": "probe"}
_EMPTY_USER = {"name": "probe", "labels": {"chrisproject.org/user": ""}}
# Policies come into force some time after they were accepted: each is asked something that it must refuse. The one
# about finalizers judges updates only; it is read after the others, which were written later.
_PROBES: tuple[tuple[Object, str], ...] = (
    (
        _object(
            "PluginInstance",
            "probe",
            {"plugin": {"name": "a", "version": "1"}, "parameters": {"a": []}},
            namespace="default",
        ),
        "spec.parameters",
    ),
    (_object("Plugin", "probe-1", {**_PLUGIN, "parameters": [_OPTIONAL]}), "needs a default"),
    (
        _object("Workflow", "probe", {"pipeline": "a", "parameters": {"a": []}}, namespace="default"),
        "every value of a parameter",
    ),
    ({"apiVersion": "v1", "kind": "Namespace", "metadata": _EMPTY_USER}, "is empty"),
)


def _await_refusal(admin: Client, item: Object, message: str) -> None:
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while time.monotonic() < deadline:
        try:
            admin.create(item, dry_run=True)
        except ApiError as refused:
            if message in refused.message:
                return
            # The kind itself may still be unknown to the handler that answers.
            if refused.code not in (404, 403):
                raise
        time.sleep(POLL_SECONDS)
    raise TimeoutError(
        f"{item['kind']} probe: accepted although {message!r} should refuse it; is the policy installed?"
    )
