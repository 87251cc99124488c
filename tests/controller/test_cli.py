"""`kubectl chris` as users call it: the real kubectl, a real API server and Swift, runs that a real operator led."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

import pytest
from tests.apiserver import ApiServer, binary_directory
from tests.controller.tenant import FILES, Run, Tenant
from tests.controller.test_cache import again, ran
from tests.crate_validator import judged
from tests.installation import ROOT, documents
from tests.kubeclient import Client
from tests.swift_server import SwiftServer

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
SECONDS = 60
Chris = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(apiserver: ApiServer, swift: SwiftServer) -> Mapping[str, str]:
    """A terminal of somebody with credentials for both."""
    path = f"{binary_directory()}:{ROOT / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KUBECONFIG": str(apiserver.kubeconfig("admin")), **swift.credentials}


@pytest.fixture
def chris(tenant: Tenant, environment: Mapping[str, str]) -> Chris:
    """Run one command in the tenant's namespace."""

    def call(*words: str, environment: Mapping[str, str] = environment) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "chris", *words, "--namespace", tenant.namespace]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    return call


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kubectl chris: ")
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def family(tenant: Tenant) -> Sequence[Run]:
    """A scan that has succeeded, a program that failed on it, and one that waits for another that waits for a node."""
    scan = tenant.done("scan")
    broken = tenant.run("broken", "pl-ds", ["scan"])
    broken.attempt().fails(3, {"half.txt": b"half"})
    broken.until("PluginFailed", "False")
    slow = tenant.run("slow", "pl-ds", ["scan"], parameters={"size": 7})
    attempt = slow.attempt()
    attempt.appear(node=None)
    unfit = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes fit"}
    attempt.tell({"phase": "Pending", "conditions": [unfit]})
    slow.until("Unschedulable")
    after = tenant.run("after", "pl-ds", ["slow"])
    after.until("ParentRunning")
    return scan, broken, slow, after


def test_the_tree(tenant: Tenant, chris: Chris):
    family(tenant)
    lines = told(chris("tree", "scan")).splitlines()
    assert lines[0] == "scan: 4 runs: 1 succeeded, 1 failed, 2 under way"
    assert "✔ Completed" in lines[1]
    assert lines[1].endswith("2 files, 9 B")
    assert "✘ PluginFailed" in lines[2]
    assert [
        line.index(name) for line, name in zip(lines[1:], ("scan", "broken", "slow", "after"), strict=True)
    ] == [
        3,
        6,
        6,
        9,
    ]
    document = json.loads(told(chris("tree", "scan", "-o", "json")))
    assert [(each["name"], each["reason"], each["files"]) for each in document["runs"]] == [
        ("scan", "Completed", 2),
        ("broken", "PluginFailed", 1),
        ("slow", "Unschedulable", None),
        ("after", "ParentRunning", None),
    ]


def following(environment: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    """A command that goes on, in a group of processes of its own."""
    command = ["kubectl", "chris", *words]
    return subprocess.Popen(
        command, env=environment, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True
    )


def nothing_is_left(process: subprocess.Popen[str]) -> None:
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_tree_that_grows_is_followed_to_its_end(tenant: Tenant, environment: Mapping[str, str]):
    attempt = tenant.run("scan").attempt()
    with following(environment, "tree", "scan", "-n", tenant.namespace, "--watch") as follower:
        assert follower.stdout
        assert follower.stdout.readline().startswith("  scan: Scheduled: ")
        attempt.succeeds(FILES)
        assert follower.stdout.read().splitlines()[-1] == "  scan: Completed: 2 files, 9 bytes"
        assert follower.wait(SECONDS) == 0
    nothing_is_left(follower)


def test_a_log_is_waited_for(tenant: Tenant, environment: Mapping[str, str]):
    attempt = tenant.run("scan").attempt()
    with following(environment, "logs", "scan", "-n", tenant.namespace, "--follow") as follower:
        assert follower.stdout
        assert follower.stderr
        assert follower.stderr.readline() == "scan has not started yet (Scheduled) …\n"
        attempt.succeeds(FILES)
        assert follower.stdout.read() == "said the program\n"
        assert follower.wait(SECONDS) == 0
    nothing_is_left(follower)


def test_why(tenant: Tenant, chris: Chris):
    family(tenant)
    waits = told(chris("why", "after"))
    assert waits.startswith("after waits: a parent has not ended.")
    assert "because  slow: Unschedulable: 0/1 nodes fit" in waits
    assert f"$ kubectl chris why -n {tenant.namespace} slow" in waits
    stuck = told(chris("why", "slow"))
    assert "problem  0/1 nodes fit" in stuck
    failed = told(chris("why", "broken"))
    assert failed.startswith("broken has failed: the program ended with another exit code than 0.")
    assert f"$ kubectl chris logs -n {tenant.namespace} broken" in failed


def test_files_and_log_come_here(tenant: Tenant, chris: Chris, tmp_path: Path):
    family(tenant)
    assert [line.split()[-1] for line in told(chris("files", "scan")).splitlines()[:-1]] == [
        "a.txt",
        "sub/b.txt",
    ]
    assert told(chris("cp", "scan", str(tmp_path / "here"))) == f"{tmp_path}/here: 2 files, 9 B\n"
    assert {
        str(path.relative_to(tmp_path / "here")): path.read_bytes() for path in tmp_path.rglob("*.txt")
    } == FILES
    assert told(chris("cp", "scan:sub/b.txt", str(tmp_path / "one"))) == f"{tmp_path}/one: 1 file, 4 B\n"
    assert "the run failed" in told(chris("cp", "broken", str(tmp_path / "broken")))
    assert told(chris("logs", "broken")) == "said the program\n"
    assert "attempt 7 has published no log" in refused(chris("logs", "broken", "--attempt", "7"))
    assert "has written nothing to Swift yet" in refused(chris("files", "slow"))


def test_the_log_of_a_run_that_an_equal_one_served_is_that_ones(tenant: Tenant, chris: Chris):
    tenant.done("scan")
    ran(tenant, "smooth")
    again(tenant).until("CacheHit", "True")
    assert told(chris("logs", "again")) == "said the program\n"


def test_files_go_up_and_into_an_analysis(tenant: Tenant, chris: Chris, tmp_path: Path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "a.dcm").write_bytes(b"alpha")
    place = f"home/{tenant.user}/uploads"
    assert told(chris("cp", str(tmp_path / "study"), place)) == f"{place}: 1 file, 5 B\n"
    tenant.run("study", "pl-dircopy:2.1.2", parameters={"dir": f"{place}/study"}).until("Completed", "True")
    folder = f"{place}/study".replace("/", "_")
    assert folder in told(chris("files", "study"))
    told(chris("cp", f"study:{folder}", str(tmp_path / "back")))
    assert (tmp_path / "back" / "a.dcm").read_bytes() == b"alpha"


def test_runs_are_made_again(tenant: Tenant, chris: Chris):
    family(tenant)
    assert "parameter 'siez' does not exist" in refused(chris("rerun", "slow", "--set", "siez=8"))
    assert told(chris("rerun", "slow", "--set", "size=8", "--from-here")) == "slow-r2\nafter-r2\n"
    made = {
        name: tenant.admin.get("PluginInstance", name, tenant.namespace)["spec"]
        for name in ("slow-r2", "after-r2")
    }
    assert (made["slow-r2"]["parameters"], made["slow-r2"]["previous"]) == ({"size": 8}, ["scan"])
    assert (made["after-r2"]["previous"], made["after-r2"]["feed"]) == (["slow-r2"], "scan")
    Run(tenant, tenant.admin.get("PluginInstance", "slow-r2", tenant.namespace)).attempt().succeeds(FILES)
    tenant.admin.wait("Job", "after-r2-1", tenant.namespace, until=bool)


def test_a_crate_of_what_ran(tenant: Tenant, chris: Chris, tmp_path: Path):
    family(tenant)
    atlas = f"home/{tenant.user}/uploads/atlas.nii"
    tenant.storage.put(atlas, b"atlas")
    reads = tenant.run("reads", "pl-reads", ["scan"], parameters={"atlas": atlas})
    reads.attempt().succeeds(FILES)
    reads.until("Completed", "True")
    done = chris("crate", "scan", "-o", str(tmp_path / "crate"), "--data")
    assert done.stdout == f"{tmp_path}/crate: 3 runs, 5 files\n"
    assert done.stderr == "left out, as they have not ended: 2 runs\n"
    assert judged(tmp_path / "crate").required == []
    assert (tmp_path / "crate" / "runs" / "scan" / "sub" / "b.txt").read_bytes() == b"beta"
    (named,) = (tmp_path / "crate" / "inputs" / "reads").rglob("*.nii")
    assert named.read_bytes() == b"atlas"
    for name in ("one.zip", "two.zip"):
        assert chris("crate", "scan", "-o", str(tmp_path / name)).returncode == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert judged(tmp_path / "one.zip").required == []
    assert "exists: name another place" in refused(chris("crate", "scan", "-o", str(tmp_path / "one.zip")))


def test_a_pipeline_of_todays_chris_comes_in_and_goes_out(tenant: Tenant, chris: Chris, tmp_path: Path):
    tree = [
        {"title": "first", "plugin_name": "pl-fs", "plugin_version": "1.0.0", "previous": None},
        {"title": "second", "plugin_name": "pl-ds", "plugin_version": "1.0.0", "previous": "first"},
    ]
    (tmp_path / "chris.json").write_text(json.dumps({"name": "Two Steps", "plugin_tree": json.dumps(tree)}))
    assert told(chris("pipeline", "import", str(tmp_path / "chris.json"))) == "two-steps\n"
    made = tenant.admin.get("Pipeline", "two-steps", tenant.namespace)
    assert [(node["name"], node["previous"]) for node in made["spec"]["nodes"]] == [
        ("first", []),
        ("second", ["first"]),
    ]
    out = json.loads(told(chris("pipeline", "export", "two-steps")))
    assert [node["title"] for node in json.loads(out["plugin_tree"])] == ["first", "second"]
    assert '"two-steps" already exists' in refused(chris("pipeline", "import", str(tmp_path / "chris.json")))


def test_who_may_not_read_the_secret_is_told_what_helps(
    tenant: Tenant, chris: Chris, environment: Mapping[str, str], apiserver: ApiServer, admin: Client
):
    """Alice has the rights of a user in her namespace, and no credentials of her own."""
    tenant.done("scan")
    for item in documents(ROOT / "manifests" / "base" / "roles.yaml"):
        admin.apply(item)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "alice", "namespace": tenant.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "chris-user"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
    }
    admin.apply(binding)
    hers = {name: value for name, value in environment.items() if not name.startswith("ST_")}
    hers["KUBECONFIG"] = str(apiserver.kubeconfig("alice"))
    assert told(chris("tree", "scan", environment=hers)).startswith("scan: 1 run: 1 succeeded")
    assert told(chris("why", "scan", environment=hers)).startswith("scan has succeeded")
    words = refused(chris("files", "scan", environment=hers))
    assert "no Swift credentials" in words
    assert "set ST_AUTH, ST_USER and ST_KEY" in words
    assert 'feeds.chrisproject.org "nowhere" not found' in refused(chris("tree", "nowhere", environment=hers))
