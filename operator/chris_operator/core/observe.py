"""What a run's Job and pod say, reduced to the facts that decide.

The pod's `phase` follows its containers by up to a second, so everything is read from the container
statuses. Raw API objects come in as dictionaries; frozen facts go out.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .names import SPLIT_LABEL

STAGE_IN = "stage-in"
PLUGIN = "plugin"
PUBLISH = "publish"

INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
"""Kubernetes' own, on each pod of an Indexed Job."""

_PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_START_REASONS = frozenset({"StartError", "ContainerCannotRun"})
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


class Stage(StrEnum):
    """How far a pod has come."""

    NO_POD = "no pod"
    PENDING = "pending"
    STAGING_IN = "staging in"
    RUNNING = "running"
    PUBLISHING = "publishing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Ended:
    """How one container ended."""

    exit_code: int
    reason: str = ""
    """The kubelet's word: `Completed`, `Error`, `OOMKilled`, …"""
    started: datetime | None = None
    finished: datetime | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    """The termination message of our own containers, decoded; empty for the plugin's."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What matters of one attempt's pod."""

    stage: Stage = Stage.NO_POD
    name: str = ""
    node: str = ""
    created: datetime | None = None
    deleted: bool = False
    deleted_at: datetime | None = None
    """When its grace period ends or ended (its deletion timestamp)."""
    unschedulable: str | None = None
    """The scheduler's own words, when it found no node."""
    pull_problem: str | None = None
    """The kubelet's own words, when an image cannot be had."""
    start_problem: str | None = None
    """The container runtime's own words, when it could not start the program at all."""
    evicted: str | None = None
    """Why the pod was removed from outside (eviction, preemption, node gone); None when it was not."""
    own_excess: bool = False
    """The eviction is for what the run itself did: it filled its disk."""
    image_id: str = ""
    init_started: datetime | None = None
    """When stage-in started."""
    plugin_started: datetime | None = None
    """When the program could begin: its container had started, and the input was there."""
    stage_in: Ended | None = None
    plugin: Ended | None = None
    publish: Ended | None = None
    index: int | None = None
    """Which worker it is, where several share the work."""


def parse_time(text: str | None) -> datetime | None:
    """A Kubernetes timestamp (RFC 3339, UTC) as an aware datetime."""
    return datetime.fromisoformat(text) if text else None


def _message(text: str) -> Mapping[str, Any]:
    try:
        decoded = json.loads(text)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _ended(status: Mapping[str, Any] | None, *, ours: bool) -> Ended | None:
    state = ((status or {}).get("state") or {}).get("terminated")
    if not state:
        return None
    return Ended(
        exit_code=int(state.get("exitCode", -1)),
        reason=state.get("reason") or "",
        started=parse_time(state.get("startedAt")),
        finished=parse_time(state.get("finishedAt")),
        message=_message(state.get("message") or "") if ours else {},
    )


def _running_since(status: Mapping[str, Any] | None) -> datetime | None:
    state = (status or {}).get("state") or {}
    since = state.get("running") or state.get("terminated") or {}
    return parse_time(since.get("startedAt"))


def _problem(statuses: Iterable[Mapping[str, Any]], reasons: frozenset[str]) -> str | None:
    for status in statuses:
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in reasons:
            text = waiting.get("message") or waiting["reason"]
            return f"container {status.get('name')}: {text}"
    return None


def _start_problem(plugin: Mapping[str, Any] | None) -> str | None:
    ended = ((plugin or {}).get("state") or {}).get("terminated") or {}
    if ended.get("reason") not in _START_REASONS:
        return None
    return str(ended.get("message") or ended["reason"])


def _condition(pod: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == kind:
            found: Mapping[str, Any] = condition
            return found
    return {}


def _unschedulable(pod: Mapping[str, Any]) -> str | None:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return str(scheduled.get("message") or "no node fits")
    return None


def _evicted(pod: Mapping[str, Any]) -> str | None:
    status = pod.get("status") or {}
    disruption = _condition(pod, "DisruptionTarget")
    if disruption.get("status") == "True":
        return str(
            status.get("message") or disruption.get("message") or disruption.get("reason") or "disrupted"
        )
    if status.get("reason") in {"Evicted", "NodeLost", "NodeShutdown", "Terminated", "Shutdown"}:
        return str(status.get("message") or status["reason"])
    return None


_DISK_WORDS = ("ephemeral local storage", "emptydir volume", "ephemeral-storage usage", "exceeded its local")


def _own_excess(pod: Mapping[str, Any]) -> bool:
    text = ((pod.get("status") or {}).get("message") or "").lower()
    # An eviction for the node's own lack of disk names the node's condition, not the pod's limit.
    return any(word in text for word in _DISK_WORDS) and "exceed" in text


def _stage(facts: Mapping[str, Any], phase: str, *, first: bool) -> Stage:
    """`first`: stage-in is an init container, after whose failure nothing else starts."""
    stage_in = facts["stage_in"]
    failed = stage_in is not None and stage_in.exit_code != 0
    if phase in {"Succeeded", "Failed"} or (first and failed):
        return Stage.ENDED
    if facts["plugin"] and facts["publish"] and (first or stage_in):
        return Stage.ENDED
    if facts["plugin"] and not failed:
        return Stage.PUBLISHING
    if facts["plugin_started"]:
        return Stage.RUNNING
    return Stage.STAGING_IN if facts["init_started"] else Stage.PENDING


def _program_started(stage_in: Ended | None, plugin: Mapping[str, Any] | None) -> datetime | None:
    """When the program could begin: its container runs, and the input is there."""
    since = _running_since(plugin)
    if since is None or stage_in is None or stage_in.exit_code != 0:
        return None
    return max(since, stage_in.finished or since)


def _index(meta: Mapping[str, Any]) -> int | None:
    text = (meta.get("labels") or {}).get(INDEX_LABEL)
    return None if text is None else int(text)


def pod_facts(pod: Mapping[str, Any] | None) -> PodFacts:
    """Reduce a raw Pod to its facts; None means that no pod is known."""
    if pod is None:
        return PodFacts()
    meta, status = pod.get("metadata") or {}, pod.get("status") or {}
    first = {s["name"]: s for s in status.get("initContainerStatuses") or []}
    named = first | {s["name"]: s for s in status.get("containerStatuses") or []}
    stage_in, plugin, publish = (named.get(name) for name in (STAGE_IN, PLUGIN, PUBLISH))
    staged = _ended(stage_in, ours=True)
    facts: dict[str, Any] = {
        "init_started": _running_since(stage_in),
        "stage_in": staged,
        "plugin": _ended(plugin, ours=False),
        "publish": _ended(publish, ours=True),
        "plugin_started": _program_started(staged, plugin),
    }
    return PodFacts(
        stage=_stage(facts, status.get("phase") or "", first=bool(first)),
        name=meta.get("name") or "",
        node=(pod.get("spec") or {}).get("nodeName") or "",
        created=parse_time(meta.get("creationTimestamp")),
        deleted=bool(meta.get("deletionTimestamp")),
        deleted_at=parse_time(meta.get("deletionTimestamp")),
        unschedulable=_unschedulable(pod),
        pull_problem=_problem(named.values(), _PULL_REASONS | _CONFIG_REASONS),
        start_problem=_start_problem(plugin),
        evicted=_evicted(pod),
        own_excess=_own_excess(pod),
        image_id=(plugin or {}).get("imageID") or "",
        index=_index(meta),
        **facts,
    )


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What matters of one attempt's Job."""

    name: str
    uid: str
    number: int
    created: datetime | None
    deleted: bool
    failed: str | None
    """Why the Job controller gave up, in its own words; None while it has not."""
    active: bool
    """The Job controller counts a pod that is not finished."""
    suspended: bool = False
    """The Job may have no pod for now: a queue holds it back."""
    complete: bool = False
    """Every worker has succeeded."""
    workers: int | None = None
    """How many pods share the work, where several do (an Indexed Job)."""
    tolerant: bool = False
    """Some of the workers may fail."""
    split: str = ""
    """How the work is shared."""
    succeeded: str = ""
    """Indexes of the workers that have succeeded, as `0-3,7`."""
    given_up: str = ""
    """Indexes of the workers that have failed for good."""
    ended: datetime | None = None
    """Since when it is over."""

    @property
    def over(self) -> bool:
        """The Job controller starts nothing any more, and its pods have ended."""
        return self.complete or self.failed is not None


def job_facts(job: Mapping[str, Any], attempt_label: str) -> JobFacts:
    """Reduce a raw Job to its facts."""
    meta, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    labels = meta.get("labels") or {}
    true = {each["type"]: each for each in status.get("conditions") or () if each.get("status") == "True"}
    failed = true.get("Failed")
    indexed = spec.get("completionMode") == "Indexed"
    return JobFacts(
        name=meta["name"],
        uid=meta["uid"],
        number=int(labels.get(attempt_label, "0")),
        created=parse_time(meta.get("creationTimestamp")),
        deleted=bool(meta.get("deletionTimestamp")),
        failed=(failed.get("message") or failed.get("reason") or "failed") if failed else None,
        active=bool(status.get("active")),
        suspended=bool((job.get("spec") or {}).get("suspend")),
        complete=indexed and "Complete" in true,
        workers=spec.get("completions") if indexed else None,
        tolerant=indexed and spec.get("maxFailedIndexes") is None,
        split=labels.get(SPLIT_LABEL, ""),
        succeeded=status.get("completedIndexes") or "",
        given_up=status.get("failedIndexes") or "",
        ended=parse_time((failed or {}).get("lastTransitionTime")) if indexed else None,
    )
