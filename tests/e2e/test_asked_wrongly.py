"""Runs whose pod the cluster does not take: they wait with its own words, and start when it does."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.e2e.outputs import names_below
from tests.e2e.tenant import Tenant, succeeded

from chris_operator.storage import Storage

pytestmark = pytest.mark.cluster
Object = dict[str, Any]


def test_a_run_that_no_node_has_room_for_waits_with_the_schedulers_words(tenant: Tenant, swift: Storage):
    tenant.run("huge", "pl-testsource", resources={"cpu": "900", "memory": "128Mi"})
    waiting = tenant.reaches("huge", "Unschedulable", "Unknown")
    words = succeeded(waiting)["message"]
    assert "nodes are available" in words
    assert "Insufficient cpu" in words
    assert ("Normal", "Unschedulable", words) in tenant.told("huge", "Normal", "Unschedulable")
    tenant.change("huge", cancel=True)
    tenant.ends("huge", "Cancelled", "False", r"cancelled by its user \(spec.cancel\)")
    tenant.until(tenant.is_empty, "the end of its Job, Secret and pod")
    assert names_below(swift, f"home/{tenant.user}/") == set()


def _quota(tenant: Tenant) -> list[Object]:
    return [_object("v1", "ResourceQuota", tenant, {"hard": {"pods": "0"}})]


def _limit_range(tenant: Tenant) -> list[Object]:
    limits = [{"type": "Container", "max": {"memory": "32Mi"}}]
    return [_object("v1", "LimitRange", tenant, {"limits": limits})]


def _injector(tenant: Tenant) -> list[Object]:
    """What an administrator's injector adds to every pod of the namespace, its Pod Security forbids."""
    group, name = "admissionregistration.k8s.io/v1", tenant.namespace
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}
    change = {"expression": "Object{spec: Object.spec{hostNetwork: true}}"}
    policy = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": change}],
        "reinvocationPolicy": "Never",
        "failurePolicy": "Fail",
    }
    return [
        {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, spec in (
            ("MutatingAdmissionPolicy", policy),
            ("MutatingAdmissionPolicyBinding", {"policyName": name}),
        )
    ]


def _object(version: str, kind: str, tenant: Tenant, spec: Object) -> Object:
    place = {"name": "obstacle", "namespace": tenant.namespace}
    return {"apiVersion": version, "kind": kind, "metadata": place, "spec": spec}


@dataclass(frozen=True)
class Obstacle:
    """What stands in a pod's way, and which of the cluster's words tell of it."""

    make: Callable[[Tenant], list[Object]]
    says: tuple[str, ...]
    remedy: str
    """The end of the condition's words."""


OBSTACLES = {
    "quota": Obstacle(
        _quota,
        ("exceeded quota: obstacle", "requested: pods=1", "limited: pods=0"),
        "raise ResourceQuota obstacle of namespace {}",
    ),
    "limit-range": Obstacle(
        _limit_range,
        ("maximum memory usage per Container is 32Mi",),
        "ask for what the LimitRanges of namespace {} allow, or have an administrator widen them "
        "(they hold for stage-in and publish, too)",
    ),
    "pod-security": Obstacle(
        _injector,
        ('violates PodSecurity "restricted:latest"', "hostNetwork=true"),
        "keep injectors and mutating policies off namespace {}",
    ),
}


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
def test_a_refused_pod_is_waited_for_and_costs_nothing(tenant: Tenant, obstacle: Obstacle):
    with _standing(tenant, obstacle):
        tenant.run("refused", "pl-testsource")
        waiting = tenant.reaches("refused", "PodRejected", "Unknown")
        words = succeeded(waiting)["message"]
        assert all(said in words for said in obstacle.says), words
        assert words.endswith(obstacle.remedy.format(tenant.namespace)), words
        told = [each for each in tenant.told("refused", "Warning", "PodRejected") if each[1] == "PodRejected"]
        assert len(told) == 1
        assert all(said in told[0][2] for said in (*obstacle.says, obstacle.remedy.format(tenant.namespace)))
        assert tenant.all("Pod") == []
    tenant.ends("refused", "Completed", "True", "1 files, 1024 bytes")
    status = (tenant.get("PluginInstance", "refused") or {})["status"]
    assert "failures" not in status
    assert status["attempt"]["number"] == 1


@contextmanager
def _standing(tenant: Tenant, obstacle: Obstacle) -> Iterator[None]:
    """The obstacle, in force for as long as the block runs."""
    made = obstacle.make(tenant)
    try:
        for item in made:
            tenant.create(item)
        tenant.until(lambda: _refuses(tenant, obstacle), "the obstacle in force")
        yield
    finally:
        for item in made:
            tenant.kind(item["apiVersion"], item["kind"])(tenant.api, item).delete()


def _refuses(tenant: Tenant, obstacle: Obstacle) -> bool:
    """Whether the API server refuses a pod like ours in the words of the obstacle."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    size = {"cpu": "10m", "memory": "64Mi"}
    container = {
        "name": "c",
        "image": "i",
        "securityContext": security,
        "resources": {"limits": size, "requests": size},
    }
    trial = json.dumps(_object("v1", "Pod", tenant, {"containers": [container]}))
    words = ["kubectl", "create", "--dry-run=server", "-f", "-"]
    answer = subprocess.run(words, input=trial, capture_output=True, text=True, check=False).stderr
    return all(said in answer for said in obstacle.says)
