"""Raw pods and Jobs, as the API server tells them, reduced to the facts that decide."""

import json
from typing import Any

import pytest
from tests.runs import NOW, REPORT, Object, at, text

from chris_operator.core.names import ATTEMPT_LABEL, SPLIT_LABEL
from chris_operator.core.observe import PodFacts, Stage, job_facts, pod_facts

RAN = {"running": {"startedAt": text(at(-40))}}
IDLE = {"waiting": {"reason": "PodInitializing"}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def over(code: int, reason: str = "", message: str = "", *, since: int = -40, until: int = -10) -> Object:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": text(at(since)),
            "finishedAt": text(at(until)),
            **({"message": message} if message else {}),
        }
    }


def pod(
    stage_in: Object = IDLE,
    plugin: Object = IDLE,
    publish: Object = IDLE,
    *,
    meta: Object | None = None,
    together: bool = False,
    **status: Any,
) -> Object:
    """A pod whose containers are in these states; `together`: stage-in is no init container."""

    def told(name: str, state: Object) -> Object:
        return {"name": name, "state": state, "imageID": f"{name}@sha256:1"}

    found: Object = {
        "metadata": {"name": "scan-1-x", "creationTimestamp": text(at(-60)), **(meta or {})},
        "spec": {"nodeName": "n1"},
        "status": {
            "phase": "Pending",
            ("containerStatuses" if together else "initContainerStatuses"): [told("stage-in", stage_in)],
        },
    }
    found["status"]["containerStatuses"] = [
        *found["status"].get("containerStatuses", ()),
        told("plugin", plugin),
        told("publish", publish),
    ]
    found["status"] |= status
    return found


def unscheduled(reason: str = "Unschedulable") -> Object:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": "0/1 nodes fit"}
    return {"metadata": {"name": "x"}, "spec": {}, "status": {"phase": "Pending", "conditions": [condition]}}


DONE = over(0)
OK = over(0, message='{"ok": true, "digest": "sha256:1"}')
STAGED = over(0, since=-50, until=-40)
STAGES: dict[str, tuple[Object | None, Stage]] = {
    "none": (None, Stage.NO_POD),
    "just-created": ({"metadata": {"name": "x"}, "spec": {}}, Stage.PENDING),
    "unscheduled": (unscheduled(), Stage.PENDING),
    "init-waits": (pod(), Stage.PENDING),
    "init-runs": (pod(RAN), Stage.STAGING_IN),
    "init-done": (pod(DONE), Stage.STAGING_IN),
    "init-failed": (pod(over(75)), Stage.ENDED),
    "plugin-runs": (pod(DONE, RAN, RAN), Stage.RUNNING),
    "publish-ended-first": (pod(DONE, RAN, over(137)), Stage.RUNNING),
    "plugin-done": (pod(DONE, DONE, RAN), Stage.PUBLISHING),
    "plugin-failed": (pod(DONE, over(3), RAN), Stage.PUBLISHING),
    "all-ended-phase-behind": (pod(DONE, DONE, OK, phase="Running"), Stage.ENDED),
    "all-failed": (pod(DONE, over(3), over(1), phase="Failed"), Stage.ENDED),
    "evicted-before-start": (pod(phase="Failed", reason="Evicted"), Stage.ENDED),
    "together-waits": (pod(together=True), Stage.PENDING),
    "together-stages-in": (pod(RAN, RAN, RAN, together=True), Stage.STAGING_IN),
    "together-lacks-the-programs-image": (pod(DONE, IDLE, RAN, together=True), Stage.STAGING_IN),
    "together-runs": (pod(DONE, RAN, RAN, together=True), Stage.RUNNING),
    "together-publishes": (pod(DONE, DONE, RAN, together=True), Stage.PUBLISHING),
    "together-all-ended-phase-behind": (pod(DONE, DONE, OK, together=True), Stage.ENDED),
    "together-staging-failed-others-wait": (pod(over(75), RAN, RAN, together=True), Stage.STAGING_IN),
    "together-staging-failed-program-ended": (pod(over(75), over(75), RAN, together=True), Stage.STAGING_IN),
    "together-staging-failed-publish-ended": (pod(over(75), RAN, over(75), together=True), Stage.STAGING_IN),
    "together-staging-failed-all-ended": (pod(over(75), over(75), over(75), together=True), Stage.ENDED),
    "together-program-died-at-once": (pod(RAN, over(137), RAN, together=True), Stage.PUBLISHING),
}


@pytest.mark.parametrize(("raw", "stage"), STAGES.values(), ids=STAGES)
def test_stage(raw: Object | None, stage: Stage):
    assert pod_facts(raw).stage is stage


def test_times_names_and_places():
    facts = pod_facts(pod(STAGED, RAN, RAN))
    assert (facts.name, facts.node, facts.image_id) == ("scan-1-x", "n1", "plugin@sha256:1")
    assert (facts.created, facts.init_started, facts.plugin_started) == (at(-60), at(-50), at(-40))
    assert not facts.deleted
    assert facts.deleted_at is None


PROGRAM_STARTS: dict[str, tuple[Object, int | None]] = {
    "after-stage-in": (pod(STAGED, RAN, RAN), -40),
    "beside-stage-in": (pod(RAN, RAN, RAN, together=True), None),
    "when-stage-in-ended": (pod(over(0, until=-10), RAN, RAN, together=True), -10),
    "long-after-stage-in": (pod(over(0, since=-60, until=-50), RAN, RAN, together=True), -40),
    "never-without-its-input": (pod(over(75), RAN, RAN, together=True), None),
}


@pytest.mark.parametrize(("raw", "seconds"), PROGRAM_STARTS.values(), ids=PROGRAM_STARTS)
def test_the_program_starts_when_its_container_runs_and_its_input_is_there(raw: Object, seconds: int | None):
    """From then on its deadline counts."""
    assert pod_facts(raw).plugin_started == (None if seconds is None else at(seconds))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (unscheduled(), "0/1 nodes fit"),
        (unscheduled("SchedulingGated"), None),
        (pod(RAN), None),
    ],
    ids=["unschedulable", "gated", "scheduled"],
)
def test_unschedulable(raw: Object, words: str | None):
    assert pod_facts(raw).unschedulable == words


PULLS: dict[str, tuple[Object, str | None]] = {
    "back-off": (
        pod(DONE, waiting("ImagePullBackOff", "Back-off pulling x")),
        "container plugin: Back-off pulling x",
    ),
    "error": (pod(DONE, waiting("ErrImagePull", "not found")), "container plugin: not found"),
    "bad-name": (pod(DONE, waiting("InvalidImageName")), "container plugin: InvalidImageName"),
    "our-own-image": (pod(waiting("ErrImageNeverPull", "absent")), "container stage-in: absent"),
    "no-such-user": (
        pod(DONE, waiting("CreateContainerConfigError", "image will run as root")),
        "container plugin: image will run as root",
    ),
    "no-such-program": (
        pod(DONE, waiting("RunContainerError", "no such file")),
        "container plugin: no such file",
    ),
    "just-waiting": (pod(DONE, waiting("ContainerCreating")), None),
    "running": (pod(DONE, RAN, RAN), None),
}


@pytest.mark.parametrize(("raw", "words"), PULLS.values(), ids=PULLS)
def test_image_problems(raw: Object, words: str | None):
    assert pod_facts(raw).pull_problem == words


ENDS: dict[str, tuple[Object, tuple[int | None, str, int | None]]] = {
    "well": (pod(DONE, DONE, OK), (0, "Completed", 0)),
    "plugin-3": (pod(DONE, over(3), over(1)), (3, "Error", 1)),
    "out-of-memory": (pod(DONE, over(137, "OOMKilled"), over(1)), (137, "OOMKilled", 1)),
    "not-published": (pod(DONE, DONE, over(75)), (0, "Completed", 75)),
    "aborted": (pod(DONE, over(143), over(143)), (143, "Error", 143)),
    "publishing": (pod(DONE, DONE, RAN), (0, "Completed", None)),
}


@pytest.mark.parametrize(("raw", "expected"), ENDS.values(), ids=ENDS)
def test_how_containers_ended(raw: Object, expected: tuple[int | None, str, int | None]):
    facts = pod_facts(raw)
    assert facts.plugin is not None
    publish = facts.publish.exit_code if facts.publish else None
    assert (facts.plugin.exit_code, facts.plugin.reason, publish) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [('{"ok": true}', {"ok": True}), ("Killed", {}), ("[1]", {}), ("", {}), ('{"ok": tru', {})],
    ids=["report", "text", "list", "empty", "cut"],
)
def test_only_a_report_is_read_from_a_termination_message(message: str, expected: Object):
    """A container that the kernel killed leaves none, and a program's own word is never trusted."""
    facts = pod_facts(
        pod(over(75, message=message), over(0, message='{"ok": true}'), over(0, message=message))
    )
    assert facts.stage_in is not None
    assert facts.plugin is not None
    assert facts.publish is not None
    assert (facts.stage_in.message, facts.plugin.message, facts.publish.message) == (expected, {}, expected)


def disrupted(reason: str, message: str = "") -> Object:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
    return pod(DONE, over(143), over(143), conditions=[condition])


def evicted(message: str) -> Object:
    return pod(DONE, over(137), over(137), phase="Failed", reason="Evicted", message=message)


_NODE_DISK = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 5Mi. Container plugin was "
    "using 123Ki, request is 1Gi, has larger consumption of ephemeral-storage. "
)
EVICTIONS: dict[str, tuple[Object, str | None, bool]] = {
    "drained": (disrupted("EvictionByEvictionAPI", "by drain"), "by drain", False),
    "preempted": (disrupted("PreemptionByScheduler"), "PreemptionByScheduler", False),
    "node-gone": (pod(phase="Failed", reason="NodeLost", message="node is lost"), "node is lost", False),
    "node-shut-down": (pod(phase="Failed", reason="Terminated"), "Terminated", False),
    "pods-disk": (
        evicted("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "),
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
        True,
    ),
    "containers-disk": (
        evicted('Container plugin exceeded its local ephemeral storage limit "1Gi". '),
        'Container plugin exceeded its local ephemeral storage limit "1Gi". ',
        True,
    ),
    "volumes-disk": (
        evicted('Usage of EmptyDir volume "outgoing" exceeds the limit "1Gi". '),
        'Usage of EmptyDir volume "outgoing" exceeds the limit "1Gi". ',
        True,
    ),
    "nodes-disk": (evicted(_NODE_DISK), _NODE_DISK, False),
    "nodes-memory": (
        evicted("The node was low on resource: memory. "),
        "The node was low on resource: memory. ",
        False,
    ),
    "ended-by-itself": (pod(DONE, DONE, OK, phase="Succeeded"), None, False),
}


@pytest.mark.parametrize(("raw", "words", "own"), EVICTIONS.values(), ids=EVICTIONS)
def test_evictions_and_whose_fault_they_are(raw: Object, words: str | None, own: bool):
    facts = pod_facts(raw)
    assert (facts.evicted, facts.own_excess) == (words, own)


def test_a_deleted_pod_knows_when_its_grace_ends():
    facts = pod_facts(pod(DONE, RAN, RAN, meta={"deletionTimestamp": text(at(30))}))
    assert facts.deleted
    assert facts.deleted_at == at(30)
    assert facts.stage is Stage.RUNNING


def test_no_pod_has_no_facts():
    assert pod_facts(None) == PodFacts()


@pytest.mark.parametrize(
    ("status", "failed", "active"),
    [
        (None, None, False),
        ({"active": 1}, None, True),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, None, False),
        ({"conditions": [{"type": "Failed", "status": "True", "message": "no pod"}]}, "no pod", False),
        ({"conditions": [{"type": "Failed", "status": "False", "message": "no pod"}]}, None, False),
        ({"conditions": [{"type": "Failed", "status": "True"}]}, "failed", False),
    ],
    ids=["new", "active", "complete", "failed", "not-failed", "failed-silently"],
)
def test_job_facts(status: Object | None, failed: str | None, active: bool):
    meta = {"name": "scan-2", "uid": "u", "labels": {ATTEMPT_LABEL: "2"}, "creationTimestamp": text(NOW)}
    facts = job_facts({"metadata": meta, "status": status}, ATTEMPT_LABEL)
    assert (facts.name, facts.uid, facts.number, facts.created) == ("scan-2", "u", 2, NOW)
    assert (facts.failed, facts.active, facts.deleted) == (failed, active, False)


def _indexed(status: Object, **spec: Any) -> Object:
    meta = {"name": "scan-1", "uid": "u", "labels": {ATTEMPT_LABEL: "1", SPLIT_LABEL: "files"}}
    return {
        "metadata": meta,
        "spec": {"completionMode": "Indexed", "completions": 5, "maxFailedIndexes": 0} | spec,
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "complete", "over"),
    [
        ({"completedIndexes": "0-2,4", "failedIndexes": "3", "active": 1}, False, False),
        ({"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}, False, False),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, True, True),
        ({"conditions": [{"type": "Failed", "status": "True", "reason": "FailedIndexes"}]}, False, True),
    ],
    ids=["under-way", "ending", "complete", "failed"],
)
def test_the_job_of_several_workers(status: Object, complete: bool, over: bool):
    facts = job_facts(_indexed(status), ATTEMPT_LABEL)
    assert (facts.workers, facts.split, facts.tolerant) == (5, "files", False)
    assert (facts.complete, facts.over) == (complete, over)
    assert facts.succeeded == status.get("completedIndexes", "")
    assert facts.given_up == status.get("failedIndexes", "")


def test_a_job_that_allows_failures():
    tolerant = _indexed({})
    del tolerant["spec"]["maxFailedIndexes"]
    assert job_facts(tolerant, ATTEMPT_LABEL).tolerant
    assert not job_facts({"metadata": tolerant["metadata"], "spec": {}}, ATTEMPT_LABEL).tolerant


def test_a_pod_tells_which_worker_it_is():
    meta = {"labels": {"batch.kubernetes.io/job-completion-index": "7"}}
    assert pod_facts(pod(RAN, meta=meta)).index == 7
    assert pod_facts(pod(RAN)).index is None


def test_publishs_report_reaches_the_facts_whole():
    facts = pod_facts(pod(DONE, DONE, over(0, message=json.dumps(REPORT))))
    assert facts.publish is not None
    assert facts.publish.message == REPORT


def test_a_program_that_never_started_is_told_in_the_runtimes_words():
    failed = {"terminated": {"exitCode": 128, "reason": "StartError", "message": "no such file"}}
    raw = {"metadata": {}, "status": {"containerStatuses": [{"name": "plugin", "state": failed}]}}
    assert pod_facts(raw).start_problem == "no such file"
    assert pod_facts({"metadata": {}, "status": {}}).start_problem is None
