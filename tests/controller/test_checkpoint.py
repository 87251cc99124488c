"""What a program's state is promised: a place to save it, the last whole one to begin from, and its removal."""

import time

import pytest
import requests
from tests.apiserver import POLL_SECONDS
from tests.controller.pods import Attempt
from tests.controller.tenant import FILES, Tenant
from tests.kubeclient import WAIT_SECONDS

from chris_operator.staging import manifest
from chris_operator.staging.contract import InputRef

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
STATE = {"count": b"2\n"}


def _restored(attempt: Attempt) -> InputRef | None:
    assert attempt.stage_job.checkpoint
    return attempt.stage_job.checkpoint.restore


def _may_read(attempt: Attempt, path: str) -> bytes:
    """What the attempt's own TempURLs let it read."""
    job = attempt.stage_job
    (grant,) = (each for each in job.get if path.startswith(each.prefix))
    answer = requests.get(f"{job.swift.url}{path}?{grant.query}", timeout=30)
    answer.raise_for_status()
    return answer.content


def test_the_next_attempt_begins_from_the_last_whole_state(tenant: Tenant):
    run = tenant.run("scan", "pl-keeps", priority="slack")
    first = run.attempt()
    assert _restored(first) is None
    assert {"name": "CHRIS_CHECKPOINT_DIR", "value": "/chris/checkpoint"} in first.container("plugin")["env"]
    first.runs()
    digest = first.saves(STATE)
    first.is_evicted("drained")
    second = run.attempt(2)
    restored = _restored(second)
    assert restored is not None
    assert restored.digest == digest
    assert manifest.read_header(_may_read(second, restored.manifest)).digest == digest
    second.runs()
    second.put("pack-0", b"half", second.stage_job.checkpoint.put)  # type: ignore[union-attr]
    second.is_evicted("drained again, in the middle of saving")
    third = run.attempt(3)
    assert _restored(third) == restored
    third.succeeds(FILES)
    run.until("Completed", "True")
    deadline = time.monotonic() + WAIT_SECONDS
    while left := [name for name in tenant.objects() if "/checkpoint/" in name]:
        assert time.monotonic() < deadline, left
        time.sleep(POLL_SECONDS)


def test_a_program_that_declares_none_has_none(tenant: Tenant):
    attempt = tenant.run("scan").attempt()
    assert attempt.stage_job.checkpoint is None
    assert all(each["name"] != "checkpoint" for each in attempt.spec["volumes"])
