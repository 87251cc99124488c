"""Priorities and GPUs as a real API server takes them, and slack runs that all have to give way at once."""

import pytest
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import Client
from tests.runs import SETTINGS, child, decide, observed, plugin

from chris_operator.core import pods
from chris_operator.core.demand import GpuSettings
from chris_operator.core.verdict import StartAttempt

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
VALUES = {"urgent": 1000, "normal": 0, "slack": -1000}
GPUS = {"counted": GpuSettings(), "claimed": GpuSettings(claim_template="one-gpu")}


@pytest.mark.parametrize("priority", VALUES)
def test_a_pods_priority_is_its_runs(tenant: Tenant, priority: str):
    attempt = tenant.run("scan", priority=priority).attempt()
    attempt.appear()
    assert attempt.pod["spec"]["priority"] == VALUES[priority]
    assert attempt.pod["status"]["qosClass"] == "Burstable"
    assert (attempt.pod["spec"]["preemptionPolicy"] == "Never") == (priority == "slack")


def test_a_priority_that_is_changed_is_that_of_the_next_attempt(tenant: Tenant):
    run = tenant.run("scan", retries=1)
    first = run.attempt()
    run.change(priority="slack")
    first.fails(3)
    again = run.attempt(2)
    names = [each.spec["priorityClassName"] for each in (first, again)]
    assert names == ["chris-normal", "chris-slack"]
    again.succeeds(FILES)
    run.until("Completed", "True")


def test_slack_that_is_all_preempted_at_once_heals(tenant: Tenant):
    runs = [tenant.run(f"slack-{number}", priority="slack") for number in range(5)]
    attempts = [run.attempt() for run in runs]
    for attempt in attempts:
        attempt.runs()
    for attempt in attempts:
        attempt.is_evicted("Preempted in order to admit critical pod")
    for run in runs:
        run.until("Preempted")
    for run in runs:
        run.attempt(2).succeeds(FILES)
    for run in runs:
        run.until("Completed", "True")
        assert run.status["failures"] == {"Preempted": 1}


@pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
def test_the_api_server_takes_gpus_either_way(admin: Client, gpu: GpuSettings):
    wish = observed(child(resources={"gpu": 2}), program=plugin(maxGpuLimit=2))
    (start,) = (each for each in decide(wish).actions if isinstance(each, StartAttempt))
    settings = pods.PodSettings(SETTINGS.pods.staging_image, gpu=gpu)
    meta = {"name": "gpus", "namespace": admin.namespace()}
    spec = pods.pod_spec(start.attempt, settings)
    taken = admin.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, dry_run=True)
    (program,) = (each for each in taken["spec"]["containers"] if each["name"] == "plugin")
    if gpu.claim_template:
        claims = taken["spec"]["resourceClaims"]
        assert [each["resourceClaimTemplateName"] for each in claims] == ["one-gpu"] * 2
        assert [each["name"] for each in program["resources"]["claims"]] == [each["name"] for each in claims]
    else:
        assert program["resources"]["limits"]["nvidia.com/gpu"] == "2"
