"""Programs that misbehave on the real cluster: how each run ends, what is told of it, and that nothing gets out."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.e2e.outputs import content, file, names_below, output, place_of
from tests.e2e.tenant import Tenant

from chris_operator.storage import Storage

pytestmark = pytest.mark.cluster
Object = dict[str, Any]

EVICTION = 300.0
"""The kubelet measures volumes once a minute, and evicts when it next looks at what it measured."""
ONE_FILE = "1 files, 1024 bytes"
KEPT = "; its log and what it wrote are kept"
SECRET = b"root:"
"""Stands in every image's /etc/passwd."""


def _is_partial(tenant: Tenant, swift: Storage, status: Object) -> None:
    assert status["output"]["partial"] is True
    wanted = {"manifest", "attempts/1/log", "attempts/1/manifest"}
    tenant.until(lambda: wanted <= names_below(swift, place_of(status)), "its log and manifest")


def _grew_to_the_maximum(tenant: Tenant, swift: Storage, status: Object) -> None:
    assert status["failures"] == {"OutOfMemory": 2}
    assert (status["output"]["partial"], status["output"]["attempt"]) == (True, 2)
    wanted = {"manifest", "attempts/2/manifest"}
    tenant.until(lambda: wanted <= names_below(swift, place_of(status)), "its manifest")
    first = "attempt 1: the program ran out of 256 MiB of memory and gets 512 MiB; attempt 2 follows"
    assert ("Warning", "OutOfMemory", first) in tenant.events("bad")


def _had_more_memory(_tenant: Tenant, _swift: Storage, status: Object) -> None:
    assert status["failures"] == {"OutOfMemory": 1}
    assert (status["output"]["attempt"], status["attempt"]["memory"]) == (2, 256)
    assert status["usage"]["peakMemoryBytes"] > 150 << 20


def _has_no_output(_tenant: Tenant, swift: Storage, status: Object) -> None:
    assert "output" not in status
    assert "manifest" not in names_below(swift, place_of(status))


def _tells_the_truth(_tenant: Tenant, swift: Storage, status: Object) -> None:
    """About the program's end, whatever it wrote where that is written down; and nothing of ours got into Swift."""
    assert status["usage"]["exitCode"] == 0
    assert status["usage"]["cpuSeconds"] < 1000.0
    assert status["usage"]["peakMemoryBytes"] > 1 << 20
    place = place_of(status)
    assert all(SECRET not in swift.get(place + name)[0] for name in names_below(swift, place))


def _keeps_what_it_had_done(tenant: Tenant, swift: Storage, status: Object) -> None:
    """A run that was stopped long before its program would have ended."""
    _is_partial(tenant, swift, status)
    assert (status["output"]["files"], status["output"]["bytes"]) == (1, 1 << 20)
    assert swift.get(f"{place_of(status)}attempts/1/log")[0].startswith(b"log line 000000000")


def _keeps_its_log(_tenant: Tenant, swift: Storage, status: Object) -> None:
    log, _ = swift.get(f"{place_of(status)}attempts/1/log")
    assert log.startswith(b"Left behind: ")
    assert log.endswith(b"wrote 1 files\n")


@dataclass(frozen=True)
class Misbehaviour:
    """What a program does, and how its run must end: reason, status and words of the condition, and what it keeps."""

    id: str
    does: Mapping[str, Any]
    reason: str
    status: str
    says: str
    check: Callable[[Tenant, Storage, Object], None]
    asked: Mapping[str, Any] = field(default_factory=dict)
    patience: float = 180.0


def _memory(asked: str) -> Object:
    return {"resources": {"memory": asked}}


SMALL_DISK = {"resources": {"ephemeralStorage": "64Mi"}, "retries": 3}
MISBEHAVIOURS = (
    Misbehaviour(
        "needs-more-memory-than-it-may-have",
        {"allocate": 700},
        "OutOfMemory",
        "False",
        f"the program needs more than 512 MiB of memory, the plugin's maximum{KEPT}",
        _grew_to_the_maximum,
        _memory("256Mi"),
    ),
    Misbehaviour(
        "needs-more-memory-than-at-first",
        {"allocate": 150},
        "Completed",
        "True",
        ONE_FILE,
        _had_more_memory,
        _memory("128Mi"),
    ),
    Misbehaviour(
        "runs-past-its-deadline",
        {"logBytes": 1000, "fill": 1, "sleep": 600.0},
        "DeadlineExceeded",
        "False",
        f"the program ran longer than deadlineSeconds: 3 and was stopped: raise it, or give more cpu{KEPT}",
        _keeps_what_it_had_done,
        {"deadlineSeconds": 3, "retries": 3},
    ),
    Misbehaviour(
        "fills-its-disk",
        {"fill": 100, "sleep": 600.0},
        "DiskExceeded",
        "False",
        'the run wrote more than its disk allows \\(Usage of EmptyDir volume "outgoing" exceeds the limit "[^"]+"\\): '
        "raise resources.ephemeralStorage",
        _has_no_output,
        SMALL_DISK,
        EVICTION,
    ),
    Misbehaviour(
        "writes-a-sparse-file",
        {"sparse": 1 << 20},
        "DiskExceeded",
        "False",
        "the output is larger than the 67108864 bytes that it may be: raise resources.ephemeralStorage",
        _has_no_output,
        SMALL_DISK,
    ),
    Misbehaviour("leaves-children-behind", {"orphans": True}, "Completed", "True", ONE_FILE, _keeps_its_log),
    *(
        Misbehaviour(f"spoils-{what}", {"tamper": what}, "Completed", "True", ONE_FILE, _tells_the_truth)
        for what in ("alive", "everything", "log", "ready", "usage")
    ),
    Misbehaviour(
        "fails-and-forges-success",
        {"tamper": "usage", "exitCode": 3},
        "PluginFailed",
        "False",
        f"attempt 1: the program ended with exit code 3; no further attempt after 1 of this kind{KEPT}",
        _is_partial,
    ),
)


@pytest.mark.parametrize("case", MISBEHAVIOURS, ids=lambda case: case.id)
def test_a_misbehaving_program(tenant: Tenant, swift: Storage, case: Misbehaviour):
    tenant.run("bad", "pl-testsource", parameters=dict(case.does), **case.asked)
    ended = tenant.ends("bad", case.reason, case.status, case.says, case.patience)
    case.check(tenant, swift, ended["status"])
    tenant.until(lambda: not _living(tenant), "the end of its pods")
    told = tenant.published("bad")
    assert "0000.bin" not in told
    assert "Left behind" not in told


def _living(tenant: Tenant) -> list[Object]:
    """Pods that have not ended."""
    return [pod for pod in tenant.all("Pod") if pod["status"].get("phase") not in {"Succeeded", "Failed"}]


def test_what_ignores_sigterm_is_killed_after_its_grace(tenant: Tenant, swift: Storage):
    for name in ("cancelled", "deleted"):
        tenant.run(name, "pl-testsource", parameters={"ignoreTerm": True, "sleep": 600.0})
    runs = [tenant.reaches(name, "Running", "Unknown") for name in ("cancelled", "deleted")]
    tenant.change("cancelled", cancel=True)
    tenant.delete("PluginInstance", "deleted")
    tenant.ends("cancelled", "Cancelled", "False", re.escape("cancelled by its user (spec.cancel)"))
    tenant.until(lambda: tenant.get("PluginInstance", "deleted") is None, "the end of the deleted run")
    tenant.until(tenant.is_empty, "the end of both Jobs, Secrets and pods")
    assert [names_below(swift, place_of(run["status"])) for run in runs] == [set(), set()]


# -- odd output


def test_ten_thousand_files_arrive_whole(tenant: Tenant, swift: Storage):
    tenant.run("many", "pl-testsource", parameters={"files": 10_000, "bytes": 16})
    tenant.run("reader", "pl-testprobe", previous=["many"], parameters={"report": True})
    told = tenant.ends("many", "Completed", "True", "10000 files, 160000 bytes", 180.0)
    assert len(json.dumps(told["status"])) < 4000
    written = {entry.path: entry.sha256 for entry in output(swift, tenant, "many")}
    assert len(written) == 10_000
    assert written["99/9999.bin"] == hashlib.sha256(hashlib.shake_128(b"file 9999").digest(16)).hexdigest()
    assert json.loads(file(swift, tenant, "reader", "report.json"))["input"] == written
    assert len(names_below(swift, place_of(told["status"]))) < 10, "small files travel in packs"


def test_odd_names_arrive_byte_for_byte(tenant: Tenant, swift: Storage):
    tenant.run("odd", "pl-testsource", parameters={"oddNames": True, "files": 0})
    tenant.run("reader", "pl-testprobe", previous=["odd"], parameters={"report": True})
    tenant.ends("odd", "Completed", "True", r"\d+ files, \d+ bytes")
    seen = {
        os.fsencode(name): digest
        for name, digest in json.loads(file(swift, tenant, "reader", "report.json"))["input"].items()
    }
    # Every one of these files has its own name for a content.
    assert seen == {name: hashlib.sha256(name).hexdigest() for name in seen}
    assert {b"not-utf-8-\xff.txt", b"new\nline, comma and \xc3\xbc.txt", b"-rf", b" blanks around "} < set(
        seen
    )
    assert {"composed-\u00e9.txt".encode(), "decomposed-e\u0301.txt".encode(), b"x" * 255} < set(seen)
    assert len(seen) == 10
    for name in ("odd", "reader"):
        told = tenant.published(name)
        assert not any(word in told for word in ("comma and", "not-utf-8", "blanks", "percent", "xxxx"))


def test_links_devices_and_pipes_never_leave_the_pod(tenant: Tenant, swift: Storage):
    tenant.run("hostile", "pl-testsource", parameters={"hostile": True, "report": True})
    words = r"2 files, \d+ bytes; left out, as only regular files are kept: 6"
    status = tenant.ends("hostile", "Completed", "True", words)["status"]
    entries = {entry.path: entry for entry in output(swift, tenant, "hostile")}
    assert set(entries) == {"00/0000.bin", "report.json"}
    report = json.loads(content(swift, entries["report.json"]))
    assert report["device"] is False, "a program can make devices"
    place = place_of(status)
    assert all(SECRET not in swift.get(place + name)[0] for name in names_below(swift, place))
    assert "passwd" not in tenant.published("hostile")


GIB = 1 << 30


def test_a_log_of_one_gibibyte_is_kept_whole(tenant: Tenant, swift: Storage):
    tenant.run("talks", "pl-testsource", resources={"cpu": "1"}, parameters={"logBytes": GIB})
    status = tenant.ends("talks", "Completed", "True", ONE_FILE, 600.0)["status"]
    log = f"{place_of(status)}attempts/1/log"
    size = swift.head(log).bytes
    assert GIB < size < GIB + 1000
    assert swift.get(log, first_bytes=18)[0] == b"log line 000000000"
    assert len(json.dumps(status)) < 4000
    assert "log line" not in tenant.published("talks")


# -- odd images


def test_an_image_of_one_program_runs_as_nobody(tenant: Tenant, swift: Storage):
    """No shell, no libraries, no /tmp; its entrypoint does not exist; its user is root."""
    tenant.run("bare", "pl-teststatic", parameters={"what": "/proc/self/status"})
    tenant.ends("bare", "Completed", "True", r"1 files, \d+ bytes")
    text = file(swift, tenant, "bare", "status").decode()
    seen = {name: value.split() for name, _, value in (line.partition(":") for line in text.splitlines())}
    assert seen["Name"] == ["cp"]
    assert seen["Uid"] == seen["Gid"] == ["65532"] * 4
    assert seen["NoNewPrivs"] == ["1"]
    assert {int(seen[name][0], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd")} == {0}


def test_an_image_without_a_shell_has_none(tenant: Tenant):
    tenant.run("bare", "pl-teststatic", parameters={"what": "/bin/sh"})
    words = f"attempt 1: the program ended with exit code 1; no further attempt after 1 of this kind{KEPT}"
    tenant.ends("bare", "PluginFailed", "False", words)
