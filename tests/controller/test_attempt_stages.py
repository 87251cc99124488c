"""What a run says on its way through an attempt, what it waits for, and when waiting ends."""

from collections.abc import Callable

import pytest
from tests.controller.pods import STAGED, Attempt, ended, running, waiting
from tests.controller.tenant import FILES, Tenant

from chris_operator.staging.contract import EXIT_DEADLINE

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]

PULL = 'Back-off pulling image "localhost/p:1"'
PULL_WORDS = f"container plugin: {PULL}: check the Plugin's dockImage and the namespace's pull secrets"
QUOTA = "forbidden: exceeded quota: small, requested: cpu=1, used: cpu=4, limited: cpu=4"


def test_long_stages_are_told(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.stages_in()
    assert run.until("StagingIn") == "the input is being fetched"
    attempt.runs()
    assert run.until("Running") == "the program runs on node node-1"
    assert run.status["startTime"]
    attempt.publishes()
    assert run.until("Publishing") == "the output is being published"
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    run.told(("Normal", "Completed", "2 files, 9 bytes"))


def test_a_pod_without_a_node_tells_the_schedulers_words(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.appear(node=None)
    words = "0/3 nodes are available: 3 Insufficient cpu."
    unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    attempt.tell({"conditions": [unschedulable]})
    assert run.until("Unschedulable") == words
    run.heard("Normal", "Unschedulable", words)
    attempt.tell({"conditions": [{"type": "PodScheduled", "status": "True"}]})
    attempt.succeeds(FILES)
    run.until("Completed", "True")


def test_a_pod_that_may_not_be_created_tells_why(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.job_complains(f'pods "scan-1-x7k2p" is {QUOTA}')
    message = run.until("PodRejected")
    assert message.startswith(f"{QUOTA}: ask for less")
    run.heard("Warning", "PodRejected", message)
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["attempt"]["number"] == 1


def _missing_image(attempt: Attempt) -> None:
    attempt.containers(
        stage_in=ended(0, message=STAGED), plugin=waiting("ImagePullBackOff", PULL), publish=running()
    )


def test_an_image_that_comes_late_costs_nothing(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    _missing_image(attempt)
    assert run.until("ImagePullFailed") == PULL_WORDS
    run.heard("Warning", "ImagePullFailed", PULL_WORDS)
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    status = run.status
    assert "failures" not in status
    assert status["attempt"]["number"] == 1


def test_an_image_that_never_comes_is_final_after_three_attempts(tenant: Tenant):
    run = tenant.run("scan", retries=5)
    attempt = run.attempt()
    # As if two attempts had gone before, each of which would take as long.
    tenant.admin.set_status(run.created, {"failures": {"ImagePullFailed": 2}})
    _missing_image(attempt)
    message = run.until("ImagePullFailed", "False")
    assert message == f"attempt 1: {PULL_WORDS}; no further attempt after 3 of this kind"
    assert run.status["failures"] == {"ImagePullFailed": 3}
    run.heard("Warning", "ImagePullFailed", message)


@pytest.mark.parametrize("reason", ["InvalidImageName", "CreateContainerConfigError", "ErrImageNeverPull"])
def test_other_reasons_why_a_container_cannot_start(tenant: Tenant, reason: str):
    run = tenant.run("scan")
    run.attempt().containers(stage_in=waiting(reason, "the kubelet's words"))
    assert run.until("ImagePullFailed").startswith("container stage-in: the kubelet's words: check")


def test_a_program_past_its_deadline_is_stopped(tenant: Tenant):
    """By `run` in its pod, so that its log and what it wrote are kept."""
    run = tenant.run("scan", deadlineSeconds=1, retries=3)
    attempt = run.attempt()
    assert attempt.container("plugin")["command"][-3:] == ["1", "30", "--"]
    attempt.runs()
    run.until("Running")
    attempt.fails(EXIT_DEADLINE, FILES)
    words = "the program ran longer than deadlineSeconds: 1 and was stopped: raise it, or give more cpu"
    message = run.until("DeadlineExceeded", "False")
    assert message == f"{words}; its log and what it wrote are kept"
    run.told(("Warning", "DeadlineExceeded", message))
    status = run.status
    assert (status["output"]["partial"], status["output"]["files"]) == (True, 2)
    run.await_clean()
    assert tenant.leftovers() == {}
    assert f"{attempt.prefix}log" in tenant.objects()


def _eviction(words: str) -> Callable[[Attempt], None]:
    def evict(attempt: Attempt) -> None:
        attempt.runs()
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": words,
        }
        attempt.tell({"phase": "Failed", "reason": "Evicted", "message": words, "conditions": [condition]})

    return evict


DISK = ("the run wrote more than its disk allows", "raise resources.ephemeralStorage")
LOG = ("the program printed more than the volume for its log holds", "let it print less")


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        pytest.param('Usage of EmptyDir volume "outgoing" exceeds the limit "10Gi"', *DISK, id="volume"),
        pytest.param('Usage of EmptyDir volume "state" exceeds the limit "4Gi"', *LOG, id="log"),
        pytest.param(
            "Pod ephemeral local storage usage exceeds the total limit of containers 12Gi", *DISK, id="pod"
        ),
        pytest.param(
            'Container plugin exceeded its local ephemeral storage limit "12Gi"', *DISK, id="container"
        ),
    ],
)
def test_a_run_that_fills_its_disk_is_final(tenant: Tenant, words: str, what: str, remedy: str):
    run = tenant.run("scan", retries=3)
    _eviction(f"{words}. ")(run.attempt())
    message = run.until("DiskExceeded", "False")
    told = f"{what} ({words}): {remedy}"
    assert message == told
    run.told(("Warning", "DiskExceeded", told))


def test_an_eviction_for_the_nodes_own_need_is_not_the_runs_fault(tenant: Tenant):
    run = tenant.run("scan")
    words = "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi. "
    _eviction(words)(run.attempt())
    assert run.until("Preempted").startswith(f"attempt 1: its pod was evicted: {words}")
    run.attempt(2).succeeds(FILES)
    run.until("Completed", "True")


def test_a_pod_that_hangs_on_a_dead_node_is_given_up(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    tenant.admin.delete(attempt.pod, grace_seconds=1)
    message = run.until("NodeLost")
    assert message == (
        "attempt 1: its pod hangs in deletion on node node-1, which does not answer; attempt 2 follows"
    )
    second = run.attempt(2)
    second.succeeds(FILES)
    run.until("Completed", "True")
    attempt.vanishes()
    run.await_clean()
    assert tenant.leftovers() == {}


def test_a_lost_secret_is_made_again_before_the_pod_starts(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    tenant.admin.delete(attempt.secret)
    attempt.appear()
    again = tenant.admin.wait("Secret", attempt.name, tenant.namespace, until=bool)
    assert again["data"]
    attempt.secret = again
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["attempt"]["number"] == 1


def test_a_job_that_is_deleted_before_its_pod_is_made_again(tenant: Tenant):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.job_is_deleted()
    tenant.admin.wait(
        "Job",
        attempt.name,
        tenant.namespace,
        until=lambda job: job["metadata"]["uid"] != attempt.job["metadata"]["uid"],
    )
    again = run.attempt()
    again.succeeds(FILES)
    run.until("Completed", "True")
    assert "failures" not in run.status


@pytest.mark.parametrize(
    "forged",
    [
        {"conditions": None},
        {"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Suspended", "lastTransitionTime": "2020-01-01T00:00:00Z"}]},
        {"attempt": {"number": 1, "uid": "00000000-0000-0000-0000-000000000000"}},
        {"startTime": None, "image": "forged"},
    ],
    ids=["conditions-removed", "condition-forged", "attempt-forged", "facts-forged"],
)  # fmt: skip
def test_a_status_that_was_edited_by_hand_heals(tenant: Tenant, forged: dict[str, object]):
    run = tenant.run("scan")
    attempt = run.attempt()
    attempt.runs()
    run.until("Running")
    before = run.status
    tenant.admin.set_status(run.created, forged)

    def healed(item: dict[str, object]) -> bool:
        now = item["status"]
        return isinstance(now, dict) and all(
            now.get(key) == before[key] for key in ("id", "image", "startTime", "feed", "attempt")
        )

    tenant.admin.wait("PluginInstance", "scan", tenant.namespace, until=healed)
    run.until("Running")
    attempt.succeeds(FILES)
    run.until("Completed", "True")
    assert run.status["attempt"]["number"] == 1
