"""Runs whose work several workers share: one Job and Secret, one status, one output; and how they fail together."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.pods import ended
from tests.controller.tenant import FILES, Run, Tenant
from tests.controller.workers import Crew
from tests.kubeclient import Object

from chris_operator.staging.contract import Share

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
PARTS = ({"a.txt": b"alpha"}, {"sub/b.txt": b"beta"})
TREE = {f"sub-{number}/t1.nii": b"x" * (number + 1) for number in range(4)} | {"participants.tsv": b"id"}
HOLD_SECONDS = 60.0


def place(run: Run) -> str:
    """The run's directory in Swift."""
    status = run.status
    return f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}/"


def log(run: Run) -> str:
    """The run's log."""
    return run.tenant.storage.get(f"{place(run)}attempts/1/log")[0].decode()


def paths(run: Run) -> list[str]:
    """What the run's manifest lists."""
    return [entry.path for entry in run.tenant.storage.read_manifest(f"{place(run)}attempts/1/manifest")[1]]


def test_two_workers_make_one_output(tenant: Tenant, gateway: Gateway):
    scan = tenant.done("scan")
    scan.await_clean()
    before = len(gateway.writes_about(tenant.namespace))
    run = tenant.run("double", "pl-filewise", ["scan"], workers="auto", maxParallel=1, retriesPerIndex=2)
    crew = Crew(run.attempt())
    spec = crew.attempt.job["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 2, 1)
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (2, 0)
    assert crew.attempt.stage_job.share == Share("files", 2)
    crew[0].runs()
    assert run.until("Running") == "2 workers share the work"
    assert run.status["workers"] == {"count": 2, "succeeded": 0, "failed": 0}
    crew.succeed(*PARTS)
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    status = run.status
    assert status["workers"] == {"count": 2, "succeeded": 2, "failed": 0}
    assert status["output"]["digest"] == scan.status["output"]["digest"], (
        "the union is what one pod would write"
    )
    assert paths(run) == ["a.txt", "sub/b.txt"]
    run.await_clean()
    assert gateway.writes_about(tenant.namespace)[before:] == [
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "POST secrets",
        "POST jobs",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "POST events",
        "DELETE secrets",
        "DELETE jobs",
    ]


def test_the_output_of_several_is_the_input_of_the_next(tenant: Tenant):
    tenant.done("scan")
    run = tenant.run("double", "pl-filewise", ["scan"], workers=2)
    Crew(run.attempt()).succeed(*PARTS)
    run.until("Completed", "True")
    order = tenant.run("next", "pl-ds", ["double"]).attempt().stage_job
    (source,) = order.inputs
    assert source.digest == run.status["output"]["digest"]
    (grant,) = order.get
    assert grant.prefix.endswith(f"{place(run)}attempts/1/"), "one signature opens all parts"


@pytest.mark.parametrize(
    ("asked", "workers"), [("auto", 4), (2, 2), (1000, 4)], ids=["auto", "fewer", "more-than-there-are"]
)
def test_whole_directories_are_shared(tenant: Tenant, asked: int | str, workers: int):
    source = tenant.run("study")
    source.attempt().succeeds(TREE)
    source.until("Completed", "True")
    run = tenant.run("each", "pl-folderwise", ["study"], workers=asked)
    assert run.attempt().job["spec"]["completions"] == workers
    assert run.attempt().stage_job.share == Share("directories", workers)


@pytest.mark.parametrize("workers", ["auto", 3], ids=str)
def test_an_empty_input_cannot_be_shared(tenant: Tenant, workers: int | str):
    empty = tenant.run("empty")
    empty.attempt().succeeds({})
    empty.until("Completed", "True")
    words = tenant.run("each", "pl-filewise", ["empty"], workers=workers).until("EmptyInput", "False")
    assert words == "its parent empty wrote no files, and pl-filewise needs some"


def test_workers_that_write_the_same_path_are_refused_and_the_log_names_both(tenant: Tenant):
    run = tenant.run("scan", "pl-shared", workers=3)
    secret = "patient-0815.txt"
    Crew(run.attempt()).succeed({"a": b"1"}, {secret: b"2"}, {secret: b"3"})
    words = run.until("OutputsClash", "False")
    assert words.startswith(
        "1 paths were written by more than one worker, one of them by workers 1 and 2: each must write under"
    )
    assert secret not in json.dumps(run.now())
    assert f"path '{secret}' was written by workers 1 and 2\n" in log(run)
    assert run.status["output"]["partial"] is True
    assert paths(run) == ["a", secret]
    run.heard("Warning", "OutputsClash", words)
    child = tenant.run("next", "pl-ds", ["scan"])
    child.until("ParentFailed", "False")


def test_a_worker_that_fails_for_good_fails_the_run_and_is_named(tenant: Tenant):
    run = tenant.run("scan", "pl-shared", workers=3)
    crew = Crew(run.attempt())
    crew[0].succeeds({"good": b"1"})
    crew[1].fails(3, {"half": b"2"})
    crew.give_up("0", "1", 1)
    words = run.until("PluginFailed", "False")
    assert words.startswith(
        "worker 1 of 3, attempt 1: the program ended with exit code 3; no further attempt"
    )
    assert run.status["workers"] == {"count": 3, "succeeded": 1, "failed": 1}
    assert run.status["usage"]["exitCode"] == 3
    assert run.status["output"]["partial"] is True
    assert paths(run) == ["good", "half"]
    assert log(run).endswith("--- the end of the log of worker 1\nsaid the program\n")


def test_some_may_fail_where_the_plugin_allows_it(tenant: Tenant):
    run = tenant.run("scan", "pl-tolerant", workers=3)
    crew = Crew(run.attempt())
    assert "maxFailedIndexes" not in crew.attempt.job["spec"]
    crew[0].succeeds({"first": b"1"})
    crew[1].fails(3, {"half": b"2"})
    crew[2].succeeds({"third": b"3"})
    crew.give_up("0,2", "1", 2)
    words = run.until("PartlyCompleted", "True")
    assert words == "2 files, 2 bytes; 1 of 3 workers failed (1)"
    assert paths(run) == ["first", "third"]
    assert run.status["output"]["partial"] is False
    run.heard("Warning", "PartlyCompleted", words)
    assert tenant.run("next", "pl-ds", ["scan"]).attempt().stage_job.inputs


def test_memory_grows_for_all_where_one_ran_out_of_it(tenant: Tenant):
    tenant.done("scan")
    run = tenant.run("double", "pl-filewise", ["scan"], workers=2)
    crew = Crew(run.attempt())
    crew[0].fails(137, {}, "OOMKilled")
    crew.give_up("1", "0", 1)
    second = run.attempt(2)
    assert second.container("plugin")["resources"]["limits"]["memory"] == str(400 << 20)
    Crew(second).succeed(*PARTS)
    assert run.until("Completed", "True", attempt=2) == "2 files, 9 bytes"


def test_a_part_that_is_missing_is_the_platforms_fault(tenant: Tenant):
    run = tenant.run("scan", "pl-shared", workers=2)
    crew = Crew(run.attempt())
    crew[0].succeeds({"a": b"1"})
    crew[1].ends(ended(0), ended(0))
    crew.complete(2)
    words = run.until("PublishFailed")
    assert words.startswith("attempt 1: its output does not hold: ")
    assert words.endswith("parts/1/manifest: is missing; attempt 2 follows")


def test_cancelled_workers_are_stopped(tenant: Tenant):
    run = tenant.run("scan", "pl-shared", workers=3)
    crew = Crew(run.attempt())
    crew[0].fails(3)
    run.change(cancel=True)
    run.until("Cancelled", "False")
    tenant.admin.wait_gone(crew.attempt.job)


def test_a_hundred_workers_cost_what_one_does(tenant: Tenant, gateway: Gateway):
    one = tenant.run("one").attempt()
    run = tenant.run("many", "pl-shared", workers=100)
    crew = Crew(run.attempt())
    assert len(json.dumps(crew.attempt.secret)) < len(json.dumps(one.secret)) + 150
    before = len(gateway.writes_about(tenant.namespace))
    for index in range(100):
        crew[index].succeeds({f"{index:03}.txt": b"x"})
    crew.complete(100)
    assert run.until("Completed", "True") == "100 files, 100 bytes"
    assert len(json.dumps(run.status)) < 2000
    run.await_clean()
    assert len(gateway.writes_about(tenant.namespace)) - before <= 6


WRITES = (
    "PATCH plugininstances/status Scheduled",
    "POST secrets",
    "POST jobs",
    "PATCH plugininstances/status Running",
    "PATCH plugininstances/status Completed",
    "DELETE secrets",
    "DELETE jobs",
)


def _first(namespace: str, what: str) -> Callable[[Write], bool]:
    def wanted(write: Write) -> bool:
        return f"/namespaces/{namespace}/" in write.path and f"{write.what} {write.reason}".strip() == what

    return wanted


@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER], ids=lambda blow: blow.value.replace(" ", "-"))
def test_killed_at_every_write(
    operator: Operator, new_tenant: Callable[[], Tenant], gateway: Gateway, blow: Blow
):
    """Whoever comes next makes the same Job of as many workers, and the same union of their parts."""
    tenants = [new_tenant() for _ in WRITES]
    holds = [
        gateway.ambush(Ambush(_first(tenant.namespace, what), blow))
        for tenant, what in zip(tenants, WRITES, strict=True)
    ]
    runs = [tenant.run("scan", "pl-shared", workers=2) for tenant in tenants]
    for at, run in enumerate(runs):
        if at >= WRITES.index("PATCH plugininstances/status Running"):
            crew = Crew(run.attempt())
            crew[0].runs()
            if at > WRITES.index("PATCH plugininstances/status Running"):
                run.until("Running")
                _play(run)
    for hold, write in zip(holds, WRITES, strict=True):
        assert hold.wait(HOLD_SECONDS), write
    operator.kill()
    operator.start()
    for run in runs:
        if not _played(run):
            _play(run)
    for run, write in zip(runs, WRITES, strict=True):
        assert run.until("Completed", "True") == "2 files, 9 bytes", write
        assert run.status["attempt"]["number"] == 1, write
        assert paths(run) == sorted(FILES), write
        run.await_clean()
        assert run.tenant.leftovers() == {}, write


def _play(run: Run) -> None:
    for pod in run.admin.list("Pod", run.tenant.namespace):
        run.admin.delete(pod, grace_seconds=0)
    Crew(run.attempt()).succeed(*PARTS)


def _played(run: Run) -> bool:
    jobs: list[Any] = run.admin.list("Job", run.tenant.namespace)
    status: Object = jobs[0].get("status", {}) if jobs else {}
    return bool(status.get("conditions")) or run.ended
