"""Pipelines and Workflows of a tenant, as a test sees them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.controller.tenant import VERSION, Run, Tenant
from tests.kubeclient import WAIT_SECONDS, Object, condition

from chris_operator.models.base import API_VERSION

PATIENCE = 4 * WAIT_SECONDS


def node(name: str, *previous: str, plugin: str = "pl-ds", version: str = VERSION, **more: Any) -> Object:
    """A node of a Pipeline; no equal earlier output serves, so that every run has an attempt to be played."""
    program = {"name": plugin, "version": version}
    return {"name": name, "plugin": program, "previous": list(previous), "cache": "off"} | more


TREE = (node("mask"), node("left", "mask"), node("right", "mask"))


def make_pipeline(
    tenant: Tenant, nodes: Sequence[Object] = TREE, parameters: Sequence[Object] = (), name: str = "tree"
) -> Object:
    """Create a Pipeline."""
    spec = {"nodes": list(nodes), "parameters": list(parameters)}
    return tenant.admin.create(_body(tenant, "Pipeline", name, spec))


def _body(tenant: Tenant, kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": tenant.namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


@dataclass
class Flow:
    """One Workflow."""

    tenant: Tenant
    created: Object

    @classmethod
    def start(cls, tenant: Tenant, name: str = "one", **spec: Any) -> "Flow":
        """Create a Workflow of the Pipeline `tree` on the run `scan`, unless told otherwise."""
        given = {"pipeline": "tree"} | ({} if "feed" in spec else {"previous": "scan"}) | spec
        found = {key: value for key, value in given.items() if value is not None}
        return cls(tenant, tenant.admin.create(_body(tenant, "Workflow", name, found)))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.created["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its UID."""
        return str(self.created["metadata"]["uid"])

    @property
    def status(self) -> Object:
        """Its status as it is."""
        found = self.tenant.admin.get("Workflow", self.name, self.tenant.namespace)
        return dict(found.get("status") or {})

    def until(
        self, reason: str, status: str = "Unknown", *, seconds: float = WAIT_SECONDS, **more: Any
    ) -> str:
        """The message of `Succeeded` once it has this reason and the status holds `more`."""
        last: Object = {}
        selector = {"fieldSelector": f"metadata.name={self.name}"}
        for _, last in self.tenant.admin.watch(
            "Workflow", self.tenant.namespace, seconds=seconds, **selector
        ):
            found, told = condition(last, "Succeeded"), last.get("status") or {}
            if (found.get("reason"), found.get("status")) == (
                reason,
                status,
            ) and more.items() <= told.items():
                pair = {"True": [], "False": ["Stalled"], "Unknown": ["Reconciling"]}[status]
                assert [each["type"] for each in told["conditions"]] == ["Succeeded", *pair]
                return str(found["message"])
        raise TimeoutError(
            f"{self.name} never was {reason} ({status}): {json.dumps(last.get('status'), indent=1)}"
        )

    def run(self, node_name: str) -> Run:
        """The run of a node as soon as it is there."""
        name = f"{self.name}-{node_name}"
        found = self.tenant.admin.wait("PluginInstance", name, self.tenant.namespace, until=bool)
        return Run(self.tenant, found)

    def runs(self) -> list[Object]:
        """All that were made."""
        selector = {"labelSelector": f"chrisproject.org/workflow-uid={self.uid}"}
        return self.tenant.admin.list("PluginInstance", self.tenant.namespace, **selector)

    def change(self, **spec: Any) -> None:
        """Change what may be changed."""
        self.tenant.admin.patch(self.created, {"spec": spec})


def counts(**some: int) -> Object:
    """Counts of runs by state; those not named are zero."""
    return dict.fromkeys(("waiting", "running", "succeeded", "failed", "cancelled"), 0) | some
