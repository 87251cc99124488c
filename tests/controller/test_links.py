"""What users uploaded to Swift comes into a feed by links, without a pod, and into runs by path parameters."""

import hashlib

import pytest
import requests
from tests.controller.gateway import Gateway
from tests.controller.tenant import FILES, Run, Tenant

from chris_operator.staging import manifest

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
DIRCOPY = "pl-dircopy:2.1.2"


def _upload(tenant: Tenant, *names: str) -> str:
    root = f"home/{tenant.user}/uploads"
    for name in names:
        tenant.storage.put(f"{root}/{name}", name.encode())
    return root


def _lines(run: Run) -> tuple[manifest.Header, list[manifest.Entry]]:
    status = run.status
    place = f"home/{status['user']}/feeds/feed_{status['feedId']}/runs/{status['id']}"
    copy = run.tenant.await_stored(f"{place}/manifest")
    assert copy == run.tenant.storage.get(f"{place}/attempts/1/manifest")[0]
    return run.tenant.storage.read_manifest(f"{place}/manifest")


def test_a_folder_is_linked_as_it_is_now(tenant: Tenant, gateway: Gateway):
    root = _upload(tenant, "study/a.dcm", "study/sub/b.dcm", "study2/c.dcm")
    run = tenant.run("upload", DIRCOPY, parameters={"dir": f"{root}/study"})
    assert run.until("Completed", "True") == "2 files, 26 bytes, linked"
    run.told(("Normal", "Completed", "2 files, 26 bytes, linked"))
    header, entries = _lines(run)
    link = f"{root}/study".replace("/", "_") + ".chrislink"
    assert [(each.path, each.link, each.within) for each in entries] == [
        (link, f"{root}/study", ""),
        ("a.dcm", "", link),
        ("sub/b.dcm", "", link),
    ]
    etag = hashlib.md5(b"study/a.dcm", usedforsecurity=False).hexdigest()
    assert entries[1].pieces == (manifest.Piece(f"{root}/study/a.dcm", 0, 11, etag),)
    assert header.prefixes == (f"{root}/study/",)
    output = run.status["output"]
    assert (output["digest"], output["files"], output["bytes"]) == (header.digest, 2, 26)
    assert gateway.writes_about(tenant.namespace) == [
        "POST feeds",
        "PATCH plugininstances",
        "PATCH plugininstances/status",
        "POST events",
    ]


def test_a_child_may_read_what_its_parent_links(tenant: Tenant):
    root = _upload(tenant, "study/a.dcm", "other/b.dcm")
    tenant.run("upload", DIRCOPY, parameters={"dir": f"{root}/study"}).until("Completed", "True")
    child = tenant.run("smooth", "pl-ds", ["upload"])
    attempt = child.attempt()
    job = attempt.stage_job

    def get(name: str) -> int:
        path = tenant.storage.path(name)
        grants = [grant.query for grant in job.get if path.startswith(grant.prefix)]
        query = grants[0] if grants else job.get[0].query
        return requests.get(f"{job.swift.url}{path}?{query}", timeout=30).status_code

    assert get(f"{root}/study/a.dcm") == 200
    assert get(f"{root}/other/b.dcm") == 401
    attempt.succeeds(FILES)
    child.until("Completed", "True")


def test_several_places_and_a_single_file(tenant: Tenant):
    root = _upload(tenant, "one/a", "two/b", "c.nii")
    paths = f" /{root}/one/, {root}/c.nii,{root}/two,{root}/one"
    run = tenant.run("upload", DIRCOPY, parameters={"dir": paths})
    assert run.until("Completed", "True").startswith("3 files, ")
    header, entries = _lines(run)
    assert sorted(each.link for each in entries if each.link) == [
        f"{root}/{name}" for name in ("c.nii", "one", "two")
    ]
    assert header.prefixes == (f"{root}/", f"{root}/one/", f"{root}/two/")


BAD = {
    "another-users": ("home/mallory/uploads", "belongs to user 'mallory', and this namespace works for"),
    "all-homes": ("home", "is too wide: name a folder or file below it"),
    "own-home": ("home/{user}", "is too wide: name a folder or file below it"),
    "dots": ("home/{user}/uploads/../../mallory", "contains an empty, '.' or '..' part: give the plain path"),
    "elsewhere": ("etc/passwd", "must start with home/, SERVICES/ or PIPELINES/"),
    "nothing-there": ("home/{user}/uploads/none", "leads to no files in Swift: upload them first"),
    "a-prefix-of-a-name": ("home/{user}/uploads/stud", "leads to no files in Swift: upload them first"),
    "no-path": (" , ", "names no path: give paths such as home/"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("plugin", [DIRCOPY, "pl-reads"])
def test_paths_that_may_not_be_read_or_are_not_there(tenant: Tenant, plugin: str, case: str):
    path, words = BAD[case]
    _upload(tenant, "study/a.dcm")
    value = path.format(user=tenant.user)
    if plugin == DIRCOPY:
        run, name = tenant.run("upload", plugin, parameters={"dir": value}), "'dir' (type unextpath)"
    else:
        tenant.run("scan").attempt().succeeds(FILES)
        run, name = tenant.run("reads", plugin, ["scan"], parameters={"atlas": value}), "'atlas' (type path)"
    message = run.until("InvalidParameters", "False")
    assert message.startswith(f"parameter {name}: ")
    assert words in message
    assert repr(value) in message
    run.heard("Warning", "InvalidParameters", message)
    assert "output" not in run.status


def test_a_path_parameter_is_staged_beside_the_parents_output(tenant: Tenant):
    root = _upload(tenant, "atlas/a.nii")
    parent = tenant.done("scan")
    run = tenant.run("reads", "pl-reads", ["scan"], parameters={"atlas": f"{root}/atlas"})
    attempt = run.attempt()
    job = attempt.stage_job
    assert len(job.inputs) == 2
    assert job.inputs[0].digest == parent.status["output"]["digest"]
    program = attempt.container("plugin")
    assert program["args"] == ["go", "--atlas", "/share/incoming", "/share/incoming", "/share/outgoing"]
    name = tenant.storage.name(job.inputs[1].manifest)
    _, entries = tenant.storage.read_manifest(name)
    assert [each.path for each in entries] == ["a.nii"]
    attempt.succeeds(FILES)
    run.until("Completed", "True")
