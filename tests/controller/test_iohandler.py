"""Runs on a cluster with a Swift of its own: two real API servers, two real Swifts; nothing of ours stays there."""

import json
from collections.abc import Callable

import pytest
import requests
from tests.controller.cloud import Cloud
from tests.controller.gateway import Gateway
from tests.controller.mirrors import files_of, output_of, place_of
from tests.controller.tenant import FILES, Tenant
from tests.controller.workers import Crew

from chris_operator.staging.contract import StageJob

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
RESULT = {"out.txt": b"gamma", "empty": b""}


def inputs(cloud: Cloud, order: StageJob) -> list[dict[str, bytes]]:
    """What the pod finds there of each of its inputs."""
    return [files_of(cloud.far.storage, cloud.far.storage.name(each.manifest)) for each in order.inputs]


def test_from_push_to_sweep(there: Tenant, cloud: Cloud, gateway: Gateway):
    root = there.done("root")
    root.await_clean()
    before = len(gateway.writes_about(there.namespace))
    run = cloud.run(there, "child", "pl-ds", "root")
    attempt = cloud.attempt(run)
    order = attempt.stage_job
    assert order.swift.url == cloud.far.server.url
    assert inputs(cloud, order) == [FILES]
    (source,) = order.inputs
    name = cloud.far.storage.name(source.manifest)
    assert source.digest == root.status["output"]["digest"]
    assert cloud.far.names(there.user) == [name, name.replace("manifest", "pack-0")], "and no more than that"
    attempt.runs()
    run.until("Running")
    attempt.succeeds(RESULT)
    assert run.until("Completed", "True") == "2 files, 5 bytes"
    assert output_of(run) == RESULT
    assert there.storage.get(f"{place_of(run)}log")[0] == b"said the program\n"
    cloud.far.await_gone(there.user)
    cloud.cluster.await_clean(run)
    assert gateway.writes_about(there.namespace)[before:] == [
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "PATCH plugininstances/status",
        "POST events",
    ]


def test_its_output_is_read_at_home_and_there(there: Tenant, cloud: Cloud):
    """What a run there goes on to read stays there; what nobody reads there goes."""
    run = cloud.run(there, "scan")
    below = cloud.run(there, "below", "pl-ds", "scan")
    below.until("ParentRunning")
    cloud.attempt(run).succeeds(RESULT)
    run.until("Completed", "True")
    at_home = there.run("at-home", "pl-ds", ["scan"])
    at_home.attempt().succeeds(FILES)
    at_home.until("Completed", "True")
    attempt = cloud.attempt(below)
    assert inputs(cloud, attempt.stage_job) == [RESULT]
    attempt.succeeds(FILES)
    below.until("Completed", "True")
    cloud.far.await_gone(there.user)
    assert output_of(below) == FILES


def stamps(cloud: Cloud, user: str) -> dict[str, str]:
    """When each object was written there."""
    return {each.name: each.modified for each in cloud.far.storage.list(f"home/{user}/")}


def test_what_is_there_is_not_sent_again(there: Tenant, cloud: Cloud):
    there.done("root")
    first = cloud.run(there, "first", "pl-ds", "root")
    attempt = cloud.attempt(first)
    sent = stamps(cloud, there.user)
    assert len(sent) == 2
    second = cloud.run(there, "second", "pl-ds", "root")
    other = cloud.attempt(second)
    assert stamps(cloud, there.user) == sent
    for each in (attempt, other):
        each.succeeds(RESULT)
    for run in (first, second):
        run.until("Completed", "True")
    cloud.far.await_gone(there.user)


def test_uploads_go_there_and_away(there: Tenant, cloud: Cloud):
    place = f"home/{there.user}/uploads/study"
    for name, data in {"a.dcm": b"alpha", "deep/b.dcm": b"beta", "empty": b""}.items():
        there.storage.put(f"{place}/{name}", data)
    there.storage.put(f"{place}-of-others/c.dcm", b"gamma")
    there.run("study", "pl-dircopy:2.1.2", parameters={"dir": place}).until("Completed", "True")
    run = cloud.run(there, "child", "pl-ds", "study")
    attempt = cloud.attempt(run)
    uploads = [name for name in cloud.far.names(there.user) if "/uploads/" in name]
    assert uploads == [f"{place}/a.dcm", f"{place}/deep/b.dcm"], "what has bytes, and nothing beside it"
    attempt.succeeds(RESULT)
    run.until("Completed", "True")
    cloud.far.await_gone(there.user)


def test_what_parameters_name_and_what_is_chosen_of_parents_goes_there(there: Tenant, cloud: Cloud):
    """Their manifests lie in the run's own place, their bytes elsewhere."""
    place = f"home/{there.user}/uploads/atlas"
    there.storage.put(f"{place}/mni.nii", b"atlas")
    there.done("root")
    reads = cloud.run(there, "reads", "pl-reads", "root", parameters={"atlas": place})
    chosen = cloud.run(there, "chosen", "pl-ts", "root", inputs=[{"previous": "root", "match": "^sub/"}])
    for run, expected in (
        (reads, [FILES, {"mni.nii": b"atlas"}]),
        (chosen, [{"sub/b.txt": b"beta"}]),
    ):
        attempt = cloud.attempt(run)
        assert inputs(cloud, attempt.stage_job) == expected
        attempt.succeeds(RESULT)
        run.until("Completed", "True")
    cloud.far.await_gone(there.user)


def test_a_failed_programs_log_and_output_come_home(there: Tenant, cloud: Cloud):
    run = cloud.run(there, "scan")
    cloud.attempt(run).fails(3, {"half.txt": b"half"})
    assert run.until("PluginFailed", "False").endswith("its log and what it wrote are kept")
    assert run.status["output"]["partial"] is True
    assert output_of(run) == {"half.txt": b"half"}
    assert there.storage.get(f"{place_of(run)}log")[0] == b"said the program\n"
    cloud.far.await_gone(there.user)


def test_several_workers(there: Tenant, cloud: Cloud):
    there.done("root")
    run = cloud.run(there, "double", "pl-filewise", "root", workers=2)
    crew = Crew(cloud.attempt(run))
    assert inputs(cloud, crew.attempt.stage_job) == [FILES]
    crew.succeed({"a.txt": b"alpha"}, {"sub/b.txt": b"beta"})
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    assert output_of(run) == FILES
    logs = [there.storage.get(f"{place_of(run)}parts/{worker}/log")[0] for worker in range(2)]
    assert logs == [b"said the program\n"] * 2
    cloud.far.await_gone(there.user)


def test_of_workers_that_fail_all_comes_home(there: Tenant, cloud: Cloud):
    there.done("root")
    run = cloud.run(there, "double", "pl-filewise", "root", workers=2)
    crew = Crew(cloud.attempt(run))
    crew[0].succeeds({"a.txt": b"alpha"})
    crew[1].fails(3, {"half.txt": b"half"})
    crew.give_up("0", "1", 1)
    assert run.until("PluginFailed", "False").startswith("worker 1 of 2, attempt 1: ")
    assert output_of(run) == {"a.txt": b"alpha", "half.txt": b"half"}
    assert b"said the program" in there.storage.get(f"{place_of(run)}log")[0]
    cloud.far.await_gone(there.user)


def test_a_checkpoint_stays_there_as_long_as_the_run_goes_on(there: Tenant, cloud: Cloud):
    run = cloud.run(there, "scan", "pl-keeps", priority="slack")
    first = cloud.attempt(run)
    first.runs()
    digest = first.saves({"count": b"2\n"})
    first.is_evicted("drained")
    second = cloud.attempt(run, 2)
    told = second.stage_job.checkpoint
    assert told
    assert told.restore
    assert told.restore.digest == digest
    assert files_of(cloud.far.storage, cloud.far.storage.name(told.restore.manifest)) == {"count": b"2\n"}
    second.succeeds(FILES)
    run.until("Completed", "True")
    cloud.far.await_gone(there.user)
    assert [name for name in there.objects() if "checkpoint" in name] == []


def test_a_deleted_run_leaves_nothing_on_either_side(there: Tenant, cloud: Cloud):
    root = there.done("root")
    run = cloud.run(there, "child", "pl-ds", "root")
    attempt = cloud.attempt(run)
    attempt.runs()
    run.until("Running")
    attempt.write(RESULT)
    run.delete()
    cloud.cluster.await_clean(run)
    attempt.vanishes()
    there.admin.wait_gone(run.created)
    cloud.far.await_gone(there.user)
    root.delete()
    there.admin.wait_gone(root.created)
    there.await_empty()


def test_two_tenants_share_nothing_there(there: Tenant, cloud: Cloud, new_tenant: Callable[[], Tenant]):
    other = new_tenant()
    runs = [cloud.run(tenant, "same") for tenant in (there, other)]
    orders = [cloud.attempt(run).stage_job for run in runs]
    assert orders[0].put.prefix != orders[1].put.prefix
    cloud.attempt(runs[0]).succeeds(RESULT)
    runs[0].until("Completed", "True")
    cloud.far.await_gone(there.user)
    cloud.attempt(runs[1]).succeeds(FILES)
    runs[1].until("Completed", "True")
    assert output_of(runs[1]) == FILES
    cloud.far.await_gone(other.user)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_an_upload_in_segments_goes_there_as_one(there: Tenant, cloud: Cloud, kind: str):
    """Its ETag is what its manifest knows it by: a copy in one piece would have another."""
    whole, parts = f"home/{there.user}/uploads/study/large.nii", [b"one" * 1000, b"two" * 1000, b"three"]
    below = f"home/{there.user}/uploads/parts-of-large/"
    for number, part in enumerate(parts):
        there.storage.put(f"{below}{number}", part)
    if kind == "static":
        lines = [{"path": f"users/{below}{number}"} for number in range(3)]
        there.storage.put_segmented(whole, json.dumps(lines).encode())
    else:
        pointer = {"X-Object-Manifest": f"users/{below}"}
        there.storage._call(whole, "put_object", "users", whole, b"", headers=pointer)
    etag = there.storage.head(whole).etag
    assert etag.startswith('"')
    place = whole.rpartition("/")[0]
    there.run("study", "pl-dircopy:2.1.2", parameters={"dir": place}).until("Completed", "True")
    run = cloud.run(there, "child", "pl-ds", "study")
    attempt = cloud.attempt(run)
    copied = cloud.far.storage.head(whole)
    assert (copied.etag, copied.bytes) == (etag, 6005)
    job = attempt.stage_job
    path = cloud.far.storage.path(whole)
    (grant,) = (each for each in job.get if path.startswith(each.prefix))
    answer = requests.get(f"{job.swift.url}{path}?{grant.query}", headers={"If-Match": etag}, timeout=30)
    assert answer.content == b"".join(parts), "as stage-in reads it"
    again = cloud.run(there, "again", "pl-ds", "study")
    sent = stamps(cloud, there.user)
    other = cloud.attempt(again)
    assert stamps(cloud, there.user) == sent
    for sibling, order in ((run, attempt), (again, other)):
        order.succeeds(RESULT)
        sibling.until("Completed", "True")
    cloud.far.await_gone(there.user)
