"""What a run leaves on the API server, whole: the Job and Secret of an attempt, and the status of an ended run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import Golden
from tests.runs import (
    FACTS,
    FS,
    JOB_UID,
    SETTINGS,
    TENANT,
    Object,
    attempted,
    child,
    decide,
    ended,
    instance,
    job,
    observed,
    plugin,
)

from chris_operator.core import pods
from chris_operator.core.demand import GpuSettings
from chris_operator.core.fences import Fence, policies
from chris_operator.core.names import ID_LABEL, QUEUE_LABEL
from chris_operator.core.pods import PodSettings
from chris_operator.core.verdict import Plan, StartAttempt
from chris_operator.staging.contract import Grant, InputRef, RunRef, StageJob, SwiftEndpoint

FILES = Path(__file__).parent / "runs"
BASE = "/v1/AUTH_chris/users/home/alice/feeds/feed_3/runs/"
REGISTER = plugin(
    name="pl-register",
    dockImage="localhost/chris/pl-register:1.0.0",
    selfexec="register",
    selfpath="/usr/local/bin",
    minMemoryLimit="2Gi",
    minCpuLimit="500m",
    parameters=[
        {"name": "template", "type": "str", "flag": "--template", "optional": True, "default": "mni152"},
        {"name": "title", "type": "str", "flag": "--title", "optional": True, "default": ""},
        {"name": "fine", "type": "bool", "flag": "--fine", "optional": True, "default": False},
    ],
)
FILEWISE = plugin(split="files", maxNumberOfWorkers=1000)
TOLERANT = plugin(split="index", maxNumberOfWorkers=1000, partialSuccess=True)
WISHES: Object = {
    "parameters": {"template": "mni152", "fine": True, "title": "5 $ and $(HOME)"},
    "resources": {"cpu": "2", "memory": "4Gi", "ephemeralStorage": "20Gi"},
}
QUEUED: Object = {"labels": {ID_LABEL: "8", QUEUE_LABEL: "night"}}
FAST = replace(SETTINGS.pods, fast_start=True)
PRIVATE = PodSettings("registry/staging:1", "Always", ("pull", "push"), grace_seconds=60)


def _attempt(plan: Plan, **changes: Any) -> pods.Attempt:
    """The attempt that a plan starts."""
    (start,) = (action for action in plan.actions if isinstance(action, StartAttempt))
    return replace(start.attempt, **changes)


ATTEMPTS: dict[str, tuple[pods.Attempt, PodSettings]] = {
    "fs": (_attempt(decide(observed(instance(), program=FS))), SETTINGS.pods),
    "ds": (_attempt(decide(observed(child(**WISHES), program=REGISTER))), SETTINGS.pods),
    "gpu": (
        _attempt(
            decide(observed(child(resources={"gpu": 2}), program=plugin(maxGpuLimit=2))),
            annotations={"example.org/gpu-model": "any"},
        ),
        SETTINGS.pods,
    ),
    "gpu-of-another-maker": (
        _attempt(decide(observed(child(resources={"gpu": 1}), program=plugin(maxGpuLimit=2)))),
        replace(SETTINGS.pods, gpu=GpuSettings("amd.com/gpu")),
    ),
    "gpu-claims": (
        _attempt(decide(observed(child(resources={"gpu": 2}), program=plugin(maxGpuLimit=2)))),
        replace(SETTINGS.pods, gpu=GpuSettings(claim_template="one-gpu")),
    ),
    "urgent": (_attempt(decide(observed(child(priority="urgent")))), SETTINGS.pods),
    "slack": (
        _attempt(
            decide(observed(child(priority="slack", resources={"gpu": 1}), program=plugin(maxGpuLimit=1)))
        ),
        SETTINGS.pods,
    ),
    "checkpoint": (_attempt(decide(observed(child(), program=plugin(checkpoint=True)))), SETTINGS.pods),
    "queued": (_attempt(decide(observed(child(meta=QUEUED)))), SETTINGS.pods),
    "egress": (
        _attempt(decide(observed(instance(), program=plugin(type="fs", network="egress")))),
        SETTINGS.pods,
    ),
    "openshift": (
        _attempt(decide(observed(instance(), program=FS, tenant=replace(TENANT, fixed_user=False)))),
        SETTINGS.pods,
    ),
    "private-registry": (_attempt(decide(observed(instance(), program=FS))), PRIVATE),
    "fast-start": (_attempt(decide(observed(child(**WISHES), program=REGISTER))), FAST),
    "deadline": (_attempt(decide(observed(instance(spec={"deadlineSeconds": 600}), program=FS))), FAST),
    "shared": (
        _attempt(decide(observed(child(workers=5, maxParallel=2, retriesPerIndex=3), program=FILEWISE))),
        FAST,
    ),
    "shared-tolerant": (
        _attempt(decide(observed(child(workers="auto", deadlineSeconds=600), program=TOLERANT))),
        SETTINGS.pods,
    ),
    "long-name": (_attempt(decide(observed(instance("a" * 60 + ".b"), program=FS))), SETTINGS.pods),
}


class _Plain(yaml.SafeDumper):
    """Writes what stands in two places twice: a reader need not look up anchors."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _yaml(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
    return text


@pytest.mark.parametrize("case", ATTEMPTS)
def test_job(case: str, golden: Golden):
    attempt, settings = ATTEMPTS[case]
    golden(FILES / f"job-{case}.yaml", _yaml(pods.job(attempt, settings)))


def test_secret(golden: Golden):
    stage_job = StageJob(
        run=RunRef("alice", "scan", "uid", 8, 1),
        swift=SwiftEndpoint("http://swift.chris-system.svc:8080"),
        inputs=(InputRef(f"{BASE}7/attempts/1/manifest", "sha256:0"),),
        get=(Grant(f"{BASE}7/attempts/1/", "temp_url_sig=1"),),
        put=Grant(f"{BASE}8/attempts/1/", "temp_url_sig=2"),
    )
    attempt, _ = ATTEMPTS["ds"]
    golden(FILES / "secret.yaml", _yaml(pods.secret(attempt, stage_job.to_json())))


FENCES = {
    "default": Fence((8080,)),
    "narrow": Fence((443, 8443), ("10.1.2.0/24", "fd00::/64"), (5353,)),
}


@pytest.mark.parametrize("case", FENCES)
def test_network_policies(case: str, golden: Golden):
    texts = [_yaml(policy) for policy in policies(FENCES[case])]
    golden(FILES / f"network-policies-{case}.yaml", "---\n".join(texts))


STATUSES = {
    "started": observed(),
    "completed": observed(child(attempted()), jobs=(job(),), pod=ended()),
    "failed": observed(child(attempted()), jobs=(job(),), pod=ended(3)),
    "stopped": observed(child(attempted(deadlineSeconds=30)), jobs=(job(),), pod=ended(124)),
    "retried": observed(child(attempted(), retries=1), jobs=(job(),), pod=ended(137)),
    "refused": observed(child(parameters={"count": 1})),
}


@pytest.mark.parametrize("case", STATUSES)
def test_status_and_event(case: str, golden: Golden):
    plan = decide(STATUSES[case], facts=FACTS)
    assert plan.status is not None
    event = dict(zip(("type", "reason", "message"), plan.event, strict=True)) if plan.event else None
    golden(FILES / f"status-{case}.yaml", _yaml({"status": plan.status, "event": event}))


def _containers(job: Object) -> list[Object]:
    spec = job["spec"]["template"]["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]


@pytest.mark.parametrize("case", ATTEMPTS)
def test_every_pod_is_restricted(case: str):
    """What Pod Security calls restricted, and what keeps a program from our Secret and from the API server."""
    made = pods.job(*ATTEMPTS[case])
    spec = made["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert made["spec"].get("backoffLimit", 0) == 0
    assert all("sizeLimit" in v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v)
    for container in _containers(made):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for bound in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= container["resources"][bound].keys()
        sees_secret = any(mount["name"] == "job" for mount in container["volumeMounts"])
        assert sees_secret == (container["name"] != "plugin")
    assert ("runAsUser" in spec["securityContext"]) == (case != "openshift")


def test_fast_start_changes_nothing_but_the_start():
    """stage-in's place and the tools' volume; every container is otherwise what it is elsewhere."""
    attempt, _ = ATTEMPTS["ds"]
    slow, fast = (pods.pod_spec(attempt, settings) for settings in (SETTINGS.pods, FAST))
    (stage_in,) = slow.pop("initContainers")
    assert [each["name"] for each in fast["containers"]] == ["stage-in", "publish", "plugin"]
    assert [each["name"] for each in slow["containers"]] == ["publish", "plugin"]
    stage_in["volumeMounts"] = [each for each in stage_in["volumeMounts"] if each["name"] != "tools"]
    slow["containers"].insert(0, stage_in)
    program = fast["containers"][2]
    program["command"] = [word.replace("/chris/tools/opt", "", 1) for word in program["command"]]
    for spec in (slow, fast):
        spec["volumes"] = [each for each in spec["volumes"] if each["name"] != "tools"]
    assert slow == fast


def test_job_and_secret_share_name_and_owner():
    for attempt, settings in ATTEMPTS.values():
        job_meta, secret_meta = (
            pods.job(attempt, settings)["metadata"],
            pods.secret(attempt, "{}")["metadata"],
        )
        job_meta["labels"].pop(QUEUE_LABEL, None)
        assert job_meta == secret_meta
        assert job_meta["ownerReferences"][0]["uid"] == attempt.uid != JOB_UID
        assert all(len(value) <= 63 for value in job_meta["labels"].values())
