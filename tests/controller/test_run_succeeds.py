"""Runs from their creation to their output: what the operator makes, writes, keeps and takes away."""

from collections.abc import Callable

import pytest
import requests
from tests.controller.gateway import Gateway
from tests.controller.pods import IMAGE_ID
from tests.controller.tenant import CATALOGUE, FILES, Run, Tenant

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


def test_a_first_run_from_creation_to_clean_up(tenant: Tenant, gateway: Gateway):
    run = tenant.run("scan")
    attempt = run.attempt()
    assert run.until("Scheduled") == "attempt 1 was handed to the cluster"
    attempt.runs()
    assert run.until("Running") == "the program runs on node node-1"
    written = attempt.succeeds(FILES)
    assert run.until("Completed", "True") == "2 files, 9 bytes"

    status = run.status
    assert status["feed"] == "scan"
    assert status["user"] == tenant.user
    assert status["output"] == {
        "attempt": 1,
        "digest": written.digest,
        "files": 2,
        "bytes": 9,
        "partial": False,
    }
    assert status["usage"] == {"exitCode": 0, "cpuSeconds": 1.5, "peakMemoryBytes": 1 << 20}
    assert status["image"] == IMAGE_ID
    assert set(status["phases"]) == {"queued", "stageIn", "plugin", "publish", "ours"}
    assert status["startTime"] <= status["completionTime"]
    run.told(("Normal", "Completed", "2 files, 9 bytes"))

    place = f"home/{tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}"
    run.await_clean()
    assert tenant.leftovers() == {}
    assert tenant.objects() == [
        f"{place}/attempts/1/log",
        f"{place}/attempts/1/manifest",
        f"{place}/attempts/1/pack-0",
        f"{place}/manifest",
    ]
    assert tenant.storage.get(f"{place}/manifest")[0] == tenant.storage.get(f"{place}/attempts/1/manifest")[0]
    assert gateway.writes_about(tenant.namespace) == [
        "POST feeds",
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "PATCH networkpolicies",  # the first run of a namespace puts up its fences
        "PATCH networkpolicies",
        "POST secrets",
        "POST jobs",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "POST events",
        "DELETE secrets",
        "DELETE jobs",
    ]


def test_its_feed_counts_it_and_owns_it(tenant: Tenant):
    run = tenant.run("scan", title="My scan")
    run.attempt().runs()
    admin, place = tenant.admin, ("Feed", "scan", tenant.namespace)
    feed = admin.wait(
        *place, until=lambda it: (it.get("status") or {}).get("instances", {}).get("running") == 1
    )
    assert feed["spec"]["title"] == "My scan"
    assert feed["status"]["id"] == run.status["feedId"]
    meta = run.now()["metadata"]
    assert meta["finalizers"] == ["chrisproject.org/data"]
    assert [(each["kind"], each["uid"]) for each in meta["ownerReferences"]] == [
        ("Feed", feed["metadata"]["uid"])
    ]
    run.attempt().succeeds(FILES)
    admin.wait(*place, until=lambda it: it["status"]["instances"]["succeeded"] == 1)


def test_what_job_and_secret_say(tenant: Tenant):
    run = tenant.run("scan", parameters={"size": 3, "word": "a $(HOME) b", "fast": True, "level": 1})
    attempt = run.attempt()
    number, feed = run.status["id"], run.status["feedId"]
    for made in (attempt.job, attempt.secret):
        labels = made["metadata"]["labels"]
        assert (labels["chrisproject.org/run-uid"], labels["chrisproject.org/attempt"]) == (run.uid, "1")
        assert [each["uid"] for each in made["metadata"]["ownerReferences"]] == [run.uid]
    assert attempt.job["spec"]["backoffLimit"] == 0
    program = attempt.container("plugin")
    assert program["args"] == [
        "go", "--word", "a $$(HOME) b", "--size", "3", "--level", "1", "--fast", "/share/outgoing",
    ]  # fmt: skip
    environment = {each["name"]: each["value"] for each in program["env"]}
    assert environment["CHRIS_PLG_INST_ID"] == str(number)
    assert environment["CHRIS_USER_USERNAME"] == tenant.user
    mounts = {
        name: {each["name"] for each in attempt.container(name)["volumeMounts"]}
        for name in ("stage-in", "plugin", "publish")
    }
    assert {name: "job" in found for name, found in mounts.items()} == {
        "stage-in": True, "plugin": False, "publish": True,
    }  # fmt: skip
    assert attempt.spec["automountServiceAccountToken"] is False
    job = attempt.stage_job
    assert job.run.id == number
    assert job.run.attempt == 1
    assert (job.inputs, job.get) == ((), ())
    assert job.put.prefix.endswith(f"/users/home/{tenant.user}/feeds/feed_{feed}/runs/{number}/attempts/1/")


def test_the_secret_opens_its_own_directory_and_nothing_else(tenant: Tenant):
    job = tenant.run("scan").attempt().stage_job

    def put(prefix: str) -> int:
        return requests.put(f"{job.swift.url}{prefix}x?{job.put.query}", b"x", timeout=30).status_code

    def get(prefix: str) -> int:
        return requests.get(f"{job.swift.url}{prefix}x?{job.put.query}", timeout=30).status_code

    own = job.put.prefix
    assert put(own) == 201
    assert get(own) == 401, "it opens for writing only"
    assert put(own.replace("/attempts/1/", "/attempts/10/")) == 401
    assert put(own.replace("/attempts/1/", "/")) == 401
    assert put(own.replace("/users/", "/others/")) == 401


def test_a_child_reads_exactly_its_parents_output(tenant: Tenant):
    parent = tenant.done("scan")
    child = tenant.run("smooth", "pl-ds", ["scan"])
    attempt = child.attempt()
    job, output = attempt.stage_job, parent.status["output"]
    place = f"feeds/feed_{parent.status['feedId']}/runs/{parent.status['id']}/attempts/1/"
    (source,) = job.inputs
    assert source.digest == output["digest"]
    assert source.manifest.endswith(f"{place}manifest")
    assert source.into == ""
    (grant,) = job.get
    assert grant.prefix.endswith(place)
    program = attempt.container("plugin")
    assert program["args"] == ["go", "/share/incoming", "/share/outgoing"]
    environment = {each["name"]: each["value"] for each in program["env"]}
    assert environment["CHRIS_PREV_PLG_INST_ID"] == str(parent.status["id"])
    answer = requests.get(f"{job.swift.url}{source.manifest}?{grant.query}", timeout=30)
    assert answer.status_code == 200
    attempt.succeeds({"c.txt": b"gamma"})
    child.until("Completed", "True")
    assert child.status["feed"] == parent.status["feed"] == "scan"
    assert child.status["feedId"] == parent.status["feedId"]
    assert len(tenant.admin.list("Feed", tenant.namespace)) == 1


def test_a_tree_waits_for_its_parents_and_says_so(tenant: Tenant):
    scan = tenant.run("scan")
    leaf = tenant.run("leaf", "pl-ds", ["middle"])
    assert leaf.until("ParentNotFound") == (
        f"previous names middle, and namespace {tenant.namespace} has no such PluginInstance yet"
    )
    middle = tenant.run("middle", "pl-ds", ["scan"])
    assert middle.until("ParentRunning") == "waits for the output of scan"
    assert leaf.until("ParentRunning") == "waits for the output of middle"
    for run in (scan, middle, leaf):
        run.attempt().succeeds(FILES)
        run.until("Completed", "True")
    assert {run.status["feed"] for run in (scan, middle, leaf)} == {"scan"}


def test_an_empty_output_succeeds_with_a_warning(tenant: Tenant):
    run = tenant.run("scan")
    run.attempt().succeeds({})
    assert run.until("Completed", "True") == "the program ended well but wrote no files"
    run.told(("Warning", "Completed", "the program ended well but wrote no files"))


@pytest.mark.parametrize("given", ["", "1Gi"], ids=["plugin-minimum", "asked-for"])
def test_memory_of_the_first_attempt(tenant: Tenant, given: str):
    run = tenant.run("scan", resources={"memory": given} if given else {})
    container = run.attempt().container("plugin")
    assert container["resources"]["limits"]["memory"] == {"": "209715200", "1Gi": "1073741824"}[given]
    assert run.status["attempt"]["memory"] == {"": 200, "1Gi": 1024}[given]


# -- objects arrive in any order


def _before_its_plugin(tenant: Tenant) -> Run:
    late = f"pl-late-{tenant.namespace}"
    run = tenant.run("scan", late)
    words = f"Plugin {late} 1.0.0 is not registered on this cluster: apply a Plugin named {late}-1.0.0"
    assert run.until("PluginNotFound") == words
    run.heard("Normal", "PluginNotFound", words)
    body = {**CATALOGUE[0], "metadata": {"name": f"{late}-1.0.0"}}
    tenant.admin.apply({**body, "spec": {**body["spec"], "name": late}})
    return run


def _before_its_feed(tenant: Tenant) -> Run:
    run = tenant.run("scan", feed="study")
    assert run.until("FeedNotFound") == (
        f"namespace {tenant.namespace} has no Feed study yet: create it, or leave spec.feed out"
    )
    tenant.feed("study")
    return run


def _before_its_namespace_is_a_tenant(tenant: Tenant) -> Run:
    tenant.label(None)
    run = tenant.run("scan")
    run.until("NotATenant")
    tenant.label(tenant.user)
    return run


def _suspended_at_first(tenant: Tenant) -> Run:
    run = tenant.run("scan", suspend=True)
    words = "suspended by its user (spec.suspend): set it to false to go on"
    assert run.until("Suspended") == words
    assert tenant.leftovers() == {}
    run.change(suspend=False)
    return run


@pytest.mark.parametrize(
    "begin", [_before_its_plugin, _before_its_feed, _before_its_namespace_is_a_tenant, _suspended_at_first]
)
def test_a_run_waits_for_what_is_missing_then_runs(tenant: Tenant, begin: Callable[[Tenant], Run]):
    run = begin(tenant)
    run.attempt().succeeds(FILES)
    run.until("Completed", "True")
