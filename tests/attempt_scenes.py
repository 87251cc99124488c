"""Attempts under way and the ways in which their containers end badly."""

from dataclasses import replace
from typing import Any

from tests.runs import SETTINGS, Object, at, attempted, child, job, observed, plugin

from chris_operator.core.observe import Ended, PodFacts
from chris_operator.core.observed import Observed


def under_way(pod_facts: PodFacts | None = None, status: Object | None = None, **others: Any) -> Observed:
    """A run whose first attempt has a Job and this pod."""
    spec = others.pop("spec", {})
    others.setdefault("jobs", (job(),))
    return observed(child(status or attempted(), **spec), pod=pod_facts, **others)


FAST = replace(SETTINGS, pods=replace(SETTINGS.pods, fast_start=True))
BOUNDED = plugin(maxMemoryLimit="800Mi")
NEW = attempted(uid=None, reason="Scheduled")
"""The status says that an attempt was handed over; its Job's UID is not known yet."""
PULLING: Object = {"pull_problem": "container plugin: not found"}
STAGE_IN_FAILED = Ended(
    75,
    "Error",
    at(-50),
    at(-45),
    {
        "step": "stage-in",
        "ok": False,
        "code": "ChecksumMismatch",
        "object": "runs/7/attempts/1/pack-1",
        "line": 12,
    },
)
REMOVED: Object = {
    "step": "publish",
    "ok": False,
    "code": "Aborted",
    "checkpoint": "saved (1 files, 2 bytes)",
}
"""What publish tells when its pod is removed and the program keeps its state."""
PUBLISH_FAILED: Object = {
    "step": "publish",
    "ok": False,
    "code": "SwiftUnavailable",
    "message": "no answer for 600 s",
}
