"""Several parents: kept apart for a program, chosen from by expressions, joined without a pod; nothing is lost or copied."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.controller.tenant import FILES, Run, Tenant
from tests.controller.test_cache import gone, place

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, Header

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
COPY, DIRCOPY, TSDIRCOPY = "pl-topologicalcopy:1.0.12", "pl-dircopy:2.1.2", "pl-tsdircopy:1.2.1"
UNSTACK = "pl-unstack-folders:1.0.0"
OTHERS = {"a.txt": b"other", "c.nii": b"gamma"}


def parents(tenant: Tenant, **files: Mapping[str, bytes]) -> dict[str, Run]:
    """Runs that wrote these files."""
    found = {}
    for name, written in (files or {"one": FILES, "two": OTHERS}).items():
        found[name] = tenant.run(name)
        found[name].attempt().succeeds(written)
        found[name].until("Completed", "True")
    return found


def output(run: Run) -> tuple[Header, list[Entry]]:
    """The committed manifest, proven; its copy is equal."""
    data = run.tenant.await_stored(f"{place(run)}manifest")
    assert data == run.tenant.storage.get(f"{place(run)}attempts/1/manifest")[0]
    return run.tenant.storage.read_manifest(f"{place(run)}manifest")


def digest(files: Mapping[str, bytes], scratch: Path) -> str:
    """What publish would make of a program's output that holds these files."""
    entries = []
    for path, data in files.items():
        target = scratch / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        read = (scratch / path).read_bytes()
        entries.append(Entry(path, len(read), hashlib.sha256(read).hexdigest()))
    return manifest.digest(entries)


def test_a_program_finds_each_parent_in_a_directory_of_its_own(tenant: Tenant):
    runs = parents(tenant)
    joined = tenant.run(
        "join", "pl-ts", ["one", "two"], inputs=[{"previous": "two", "into": "mask", "match": "[.]nii$"}]
    )
    attempt = joined.attempt()
    first, second = attempt.stage_job.inputs
    assert (first.into, first.digest) == ("one", runs["one"].status["output"]["digest"])
    assert second.into == "mask"
    header, entries = tenant.storage.read_manifest(tenant.storage.name(second.manifest))
    assert [each.path for each in entries] == ["c.nii"]
    assert header.digest == second.digest
    granted = {tenant.storage.name(grant.prefix) for grant in attempt.stage_job.get}
    assert {f"{place(run)}attempts/1/" for run in runs.values()} <= granted
    attempt.succeeds(FILES)
    joined.until("Completed", "True")


def test_a_filter_that_finds_nothing(tenant: Tenant):
    parents(tenant)
    run = tenant.run("join", "pl-ds", ["one"], inputs=[{"previous": "one", "match": "[.]dcm$"}])
    told = run.until("EmptyInput", "False")
    assert told == "no file of one matches its expression in inputs, and pl-ds needs some"
    run.heard("Warning", "EmptyInput", told)


def test_outputs_are_joined_without_a_pod(tenant: Tenant, tmp_path: Path):
    runs = parents(tenant, one=FILES, two={"c.nii": b"gamma", "sub/b.txt": FILES["sub/b.txt"]})
    join = tenant.run("join", COPY, ["one", "two"])
    assert join.until("Completed", "True") == "3 files, 14 bytes, linked"
    header, _ = output(join)
    assert header.digest == digest({**FILES, "c.nii": b"gamma"}, tmp_path)
    assert join.status["references"] == sorted(run.status["id"] for run in runs.values())
    assert [name for name in tenant.objects() if name.startswith(place(join))] == [
        f"{place(join)}attempts/1/manifest",
        f"{place(join)}manifest",
    ]
    child = tenant.run("below", "pl-ds", ["join"])
    granted = {tenant.storage.name(grant.prefix) for grant in child.attempt().stage_job.get}
    assert {f"{place(run)}attempts/1/" for run in (*runs.values(), join)} <= granted


def test_grouped_by_instance_and_filtered(tenant: Tenant, tmp_path: Path):
    runs = parents(tenant)
    one, two = (runs[name].status["id"] for name in ("one", "two"))
    given = {"plugininstances": f"{two},{one}", "filter": "/[ac][.],b.txt", "groupByInstance": True}
    join = tenant.run("join", COPY, ["one", "two"], parameters=given)
    join.until("Completed", "True")
    expected = {f"{two}/{name}": data for name, data in OTHERS.items()} | {
        f"{one}/sub/b.txt": FILES["sub/b.txt"]
    }
    assert output(join)[0].digest == digest(expected, tmp_path)


def test_files_of_one_path_are_never_lost(tenant: Tenant, tmp_path: Path):
    parents(tenant)
    refused = tenant.run("join", COPY, ["one", "two"])
    told = refused.until("InvalidParameters", "False")
    assert told.startswith("one and two hold different files at one path: set groupByInstance")
    assert "a.txt" not in told
    refused.heard("Warning", "InvalidParameters", told)
    apart = tenant.run("apart", COPY, ["one", "two"], inputs=[{"previous": "two", "into": "x"}])
    apart.until("Completed", "True")
    expected = {**FILES, **{f"x/{name}": data for name, data in OTHERS.items()}}
    assert output(apart)[0].digest == digest(expected, tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"plugininstances": "4294967295"}, "'4294967295', which is the number of no parent: previous has"),
        ({"filter": "a,b,c"}, "'filter' has 3 expressions for 2 runs"),
        ({"filter": "*"}, "'filter', expression 1: '*' is no regular expression"),
    ],
    ids=["no-parent", "too-many", "no-expression"],
)
def test_what_cannot_be_joined_is_told(tenant: Tenant, given: dict[str, object], words: str):
    parents(tenant)
    run = tenant.run("join", COPY, ["one", "two"], parameters=given)
    told = run.until("InvalidParameters", "False")
    assert words in told
    run.heard("Warning", "InvalidParameters", told)


def test_an_upload_is_unstacked(tenant: Tenant):
    root = f"home/{tenant.user}/uploads"
    for name in ("study/deep/1.dcm", "study/deep/2.dcm"):
        tenant.storage.put(f"{root}/{name}", name.encode())
    tenant.run("upload", DIRCOPY, parameters={"dir": f"{root}/study"}).until("Completed", "True")
    run = tenant.run("flat", UNSTACK, ["upload"])
    run.until("Completed", "True")
    header, entries = output(run)
    assert [each.path for each in entries] == ["1.dcm", "2.dcm"]
    assert header.prefixes == (f"{root}/study/",)
    assert "references" not in run.status


def test_uploads_beside_the_files_of_a_run(tenant: Tenant):
    root = f"home/{tenant.user}/uploads"
    tenant.storage.put(f"{root}/study/1.dcm", b"1")
    number = parents(tenant, one=FILES)["one"].status["id"]
    bare = tenant.run("bare", TSDIRCOPY, ["one"], parameters={"dir": f"{root}/study"})
    bare.until("Completed", "True")
    link = f"{root}/study".replace("/", "_") + ".chrislink"
    assert [each.path for each in output(bare)[1]] == [link, "1.dcm"]
    given = {"dir": f"{root}/study", "plugininstances": str(number), "groupByInstance": True}
    both = tenant.run("both", TSDIRCOPY, ["one"], parameters=given)
    both.until("Completed", "True")
    assert {each.path for each in output(both)[1]} == {
        link,
        "1.dcm",
        f"{number}/a.txt",
        f"{number}/sub/b.txt",
    }


def test_links_stay_links(tenant: Tenant):
    root = f"home/{tenant.user}/uploads"
    tenant.storage.put(f"{root}/study/1.dcm", b"1")
    tenant.run("upload", DIRCOPY, parameters={"dir": f"{root}/study"}).until("Completed", "True")
    join = tenant.run("join", COPY, ["upload"])
    join.until("Completed", "True")
    assert [each.link for each in output(join)[1]] == [f"{root}/study", ""]


def test_data_that_a_join_refers_to_outlive_their_runs(tenant: Tenant):
    runs = parents(tenant)
    join = tenant.run("join", COPY, ["one", "two"], parameters={"groupByInstance": True})
    join.until("Completed", "True")
    data = [place(run) for run in runs.values()]
    for run in runs.values():
        run.delete()
        tenant.admin.wait_gone(run.created)
    assert {f"{each}attempts/1/pack-0" for each in data} <= set(tenant.objects())
    tenant.run("below", "pl-ds", ["join"]).attempt().succeeds(FILES)
    join.delete()
    tenant.admin.wait_gone(join.created)
    for each in data:
        gone(tenant, each)
