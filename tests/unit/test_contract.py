"""The pod contract's JSON: round trips, defaults, and messages that name what is wrong."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chris_operator.staging.contract import (
    Checkpoint,
    Grant,
    InputRef,
    Limits,
    Report,
    RunRef,
    Share,
    StageJob,
    SwiftEndpoint,
)
from chris_operator.staging.document import ContractError

BASE = "/v1/AUTH_chris/users/home/alice/feeds/feed_1/runs/"
JOB = StageJob(
    run=RunRef("alice", "register", "1-2-3", 8, 1),
    swift=SwiftEndpoint("http://swift.chris-system.svc:8080"),
    inputs=(InputRef(f"{BASE}7/attempts/1/manifest", "sha256:0", "a/b"),),
    get=(Grant(f"{BASE}7/attempts/1/", "temp_url_sig=1"),),
    put=Grant(f"{BASE}8/attempts/1/", "temp_url_sig=2"),
    limits=Limits(threads=2, log_bytes=100),
)


def test_job_round_trip():
    assert StageJob.from_json(JOB.to_json()) == JOB
    assert JOB.container_path == "/v1/AUTH_chris/users/"


def test_a_share_travels_with_the_job():
    shared = replace(JOB, share=Share("files", 3))
    assert StageJob.from_json(shared.to_json()) == shared
    older = json.loads(JOB.to_json())
    del older["share"]
    assert StageJob.from_json(json.dumps(older)) == JOB


@pytest.mark.parametrize("restore", [None, JOB.inputs[0]], ids=["first", "resumed"])
def test_a_checkpoint_makes_the_round_trip(restore: InputRef | None):
    told = Checkpoint(Grant(f"{BASE}8/checkpoint/2/", "temp_url_sig=3"), restore, 10)
    job = replace(JOB, checkpoint=told)
    assert StageJob.from_json(job.to_json()) == job
    assert job.writable == (JOB.put, told.put)
    assert JOB.writable == (JOB.put,)


def test_a_job_of_an_older_operator_keeps_no_state():
    document = json.loads(JOB.to_json())
    del document["checkpoint"]
    assert StageJob.from_json(json.dumps(document)).checkpoint is None


def test_limits_left_out_have_defaults():
    document = json.loads(JOB.to_json()) | {"limits": {}}
    assert StageJob.from_json(json.dumps(document)).limits == Limits()


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"version": 2}, "version is 2"),
    "run": ({"run": None}, "run: must be an object"),
    "id": ({"run": {"namespace": "a", "name": "b", "uid": "c", "id": "8", "attempt": 1}}, "id is '8'"),
    "inputs": ({"inputs": {}}, "inputs is {}"),
    "input": ({"inputs": [{"manifest": {}}]}, r"inputs\[0\]: manifest: path is missing"),
    "prefix": ({"put": {"prefix": "/v1/AUTH_chris/users/home", "query": ""}}, "prefix is"),
    "split": ({"share": {"split": "rows", "count": 2}}, "share: split is 'rows'; must be one of files, "),
    "count": ({"share": {"split": "files", "count": 0}}, "share: count is 0; must be at least 1"),
    "count-is-text": ({"share": {"split": "files", "count": "2"}}, "share: count is '2'"),
    "limit": ({"limits": {"threads": 0}}, "threads is 0"),
}


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_jobs_name_the_field(change: dict[str, Any], words: str):
    with pytest.raises(ContractError, match=words):
        StageJob.from_json(json.dumps(json.loads(JOB.to_json()) | change))


@pytest.mark.parametrize("text", ["", "[]", "Killed"], ids=["empty", "list", "text"])
def test_other_termination_messages_are_refused(text: str):
    with pytest.raises(ContractError):
        Report.from_json(text)


def test_report_round_trip():
    report = Report("publish", ok=True, exit_code=0, digest="sha256:0", files=3, cpu_seconds=1.5, started="t")
    assert Report.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["cpuSeconds"] == 1.5


def test_report_fits_the_kubelet():
    report = Report("publish", ok=False, code="X", message="λ" * 9000, object="o" * 9000)
    assert len(report.to_json().encode()) <= 4096
    assert Report.from_json(report.to_json()).code == "X"
