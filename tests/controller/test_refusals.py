"""The cluster does not take an attempt's Job or Secret: the run says which, whose words, what to do, and goes on later."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
from tests.controller.gateway import Gateway
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import ApiError, Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
MEND = "have an administrator mend namespace {namespace} or the policies that hold there"
RAISE = "ask for less, end other runs, or have an administrator raise ResourceQuota small of namespace {namespace}"
ENFORCED_SECONDS = 30.0


def _named(tenant: Tenant, kind: str, version: str = "v1", name: str = "scan-1") -> Object:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": tenant.namespace, "labels": {"app": "theirs"}},
    }


def _job(tenant: Tenant, name: str = "scan-1") -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    return _named(tenant, "Job", "batch/v1", name) | {"spec": {"template": template}}


def _secret(tenant: Tenant) -> Object:
    return _named(tenant, "Secret") | {"stringData": {"theirs": "kept"}}


def _taken(make: Callable[[Tenant], Object]) -> Callable[[Tenant], Object]:
    return lambda tenant: tenant.admin.create(make(tenant))


def _quota(resource: str) -> Callable[[Tenant], Object]:
    """A quota that is used up; the controller that would count is not there."""

    def make(tenant: Tenant) -> Object:
        hard = {resource: "0"}
        quota = tenant.admin.create(_named(tenant, "ResourceQuota", name="small") | {"spec": {"hard": hard}})
        return tenant.admin.set_status(quota, {"hard": hard, "used": hard})

    return make


def _policy(tenant: Tenant) -> Object:
    """Somebody's admission policy, in force; webhooks answer alike."""
    name = f"no-jobs-{tenant.namespace}"
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
    match = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": tenant.namespace}}}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "no Jobs on Sundays"}],
    }
    tenant.admin.create(group | {"kind": "ValidatingAdmissionPolicy", "spec": spec})
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": match}
    made = tenant.admin.create(group | {"kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
    deadline, numbers = time.monotonic() + ENFORCED_SECONDS, count()
    while time.monotonic() < deadline:
        try:
            tenant.admin.delete(tenant.admin.create(_job(tenant, f"probe-{next(numbers)}")))
        except ApiError:
            return made
    raise TimeoutError(f"{name} is not in force")


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way, and what the run says of it."""

    make: Callable[[Tenant], Object]
    says: str


OBSTACLES = {
    "job-name-taken": Obstacle(
        _taken(_job),
        "Job {namespace}/scan-1 exists and belongs to somebody else: "
        "delete it, or create this run under another name",
    ),
    "secret-name-taken": Obstacle(
        _taken(_secret),
        "Secret {namespace}/scan-1 exists and belongs to somebody else: "
        "delete it, or create this run under another name",
    ),
    "quota-on-jobs": Obstacle(
        _quota("count/jobs.batch"),
        'the Job scan-1 is refused: jobs.batch "scan-1" is forbidden: exceeded quota: small, requested: '
        f"count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0: {RAISE}",
    ),
    "quota-on-secrets": Obstacle(
        _quota("count/secrets"),
        'the Secret scan-1 is refused: secrets "scan-1" is forbidden: exceeded quota: small, requested: '
        f"count/secrets=1, used: count/secrets=0, limited: count/secrets=0: {RAISE}",
    ),
    "admission-policy": Obstacle(
        _policy,
        "the Job scan-1 is refused: jobs.batch \"scan-1\" is forbidden: ValidatingAdmissionPolicy 'no-jobs-{namespace}' "
        f"with binding 'no-jobs-{{namespace}}' denied request: no Jobs on Sundays: {MEND}",
    ),
}


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
def test_a_refusal_is_told_and_overcome(tenant: Tenant, gateway: Gateway, obstacle: Obstacle):
    made = obstacle.make(tenant)
    run = tenant.run("scan")
    message = run.until("PodRejected")
    assert message == obstacle.says.format(namespace=tenant.namespace)
    run.heard("Warning", "PodRejected", message)
    _asked(gateway, tenant, 3)
    told = [write for write in gateway.writes_about(tenant.namespace) if write.endswith("/status")]
    assert len(told) <= 3, "it is asked again and again, and told once"
    if made["kind"] in ("Job", "Secret"):
        tenant.admin.get(made["kind"], "scan-1", tenant.namespace)
    tenant.remove(made, grace_seconds=0)
    tenant.admin.wait_gone(made)
    tenant.admin.wait(
        "Job", "scan-1", tenant.namespace, until=lambda job: job["metadata"]["labels"].get("app") != "theirs"
    )
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
    assert (run.status["attempt"]["number"], run.status.get("failures")) == (1, None)


def _asked(gateway: Gateway, tenant: Tenant, times: int) -> None:
    """Return when the operator has asked so often for what is refused."""
    deadline = time.monotonic() + ENFORCED_SECONDS
    while time.monotonic() < deadline:
        mark = f"/namespaces/{tenant.namespace}/"
        if sum(mark in write.path and write.status in (403, 409, 422) for write in gateway.writes) >= times:
            return
        time.sleep(0.05)
    raise TimeoutError("the operator does not ask again")
