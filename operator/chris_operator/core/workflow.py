"""The decision about one Workflow: `plan(observed, now)` returns data, and nothing here acts.

The status says first which Pipeline runs; then its runs are made, some at a time, in any order and as often as
necessary: each has a name of its own, so that nothing is made twice. Afterwards the Workflow only counts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.feed import InstanceCounts
from chris_operator.models.workflow import WorkflowStatus

from . import pipelines, tenancy
from .brief import GOING, State
from .conditions import succeeded_conditions, timestamp
from .observe import parse_time
from .summary import counts
from .verdict import CreateFeed
from .words import spoken
from .workflow_reasons import REASONS, WorkflowReason
from .workflow_runs import NodeRun, manifest
from .workflow_start import Objection, Surroundings, going_away, no_pipeline, objection, unknown_start

BATCH = 20
"""So many runs are made, or told something, at once; others' keys come in between."""
_ASK_AGAIN = timedelta(seconds=30)
_NAMED = 5
_SILENT = frozenset({WorkflowReason.RUNNING})
_NORMAL = frozenset({WorkflowReason.COMPLETED, WorkflowReason.SUSPENDED, WorkflowReason.CANCELLED})
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One of the Workflow's runs as it is."""

    name: str
    state: State
    first: bool
    """None of the Workflow's other runs is its parent."""
    cancel: bool
    suspend: bool
    reason: str = ""
    """How it ended, where it did not succeed and nothing goes on any more."""


@dataclass(frozen=True)
class Observed(Surroundings):
    """One Workflow and everything around it."""

    made: Sequence[Run] = ()
    taken: frozenset[str] = frozenset()
    """Names of runs to be made that somebody else's have."""
    number: int | None = None
    malformed: str | None = None
    """Why the resource cannot be read, where it cannot (written under an older schema)."""
    storage_problem: str | None = None
    """Why it gets no number."""
    refused: str | None = None
    """Why the API server would not take a run, and what to do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Make the Feed the Workflow's owner."""

    feed: str
    feed_uid: str


@dataclass(frozen=True, slots=True)
class Steer:
    """Change what may be changed about a run."""

    name: str
    spec: Object


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: first `before`, then the status, then the runs."""

    status: Object | None = None
    event: tuple[str, str, str] | None = None
    before: tuple[CreateFeed | Claim, ...] = ()
    create: tuple[Object, ...] = ()
    steer: tuple[Steer, ...] = ()
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of a Workflow now, and what follows."""

    reason: WorkflowReason
    message: str
    status: Object = field(default_factory=dict)
    create: tuple[Object, ...] = ()
    steer: tuple[Steer, ...] = ()
    again: timedelta | None = None


def ended(status: WorkflowStatus) -> bool:
    """Whether the Workflow has succeeded or failed."""
    found = find(status.conditions, ConditionType.SUCCEEDED)
    return found is not None and found.status != "Unknown"


def plan(o: Observed, now: datetime) -> Plan:
    """What to do about this Workflow now."""
    if o.workflow.metadata.deletion_timestamp:
        return Plan()
    if ended(o.workflow.status):
        status = _counted(o)
        changed = status.wire() != o.workflow.status.wire()
        return Plan(status=status.wire() if changed else None, before=_claims(o))
    return _written(o, judge(o, now), now)


def judge(o: Observed, now: datetime) -> Verdict:
    """The first rule that has something to say decides."""
    if barred := tenancy.objection(o.tenant):
        return Verdict(WorkflowReason(barred[0].value), barred[1])
    if o.malformed:
        return Verdict(WorkflowReason.INVALID_SPEC, o.malformed)
    if o.storage_problem:
        words = f"Swift cannot be reached ({o.storage_problem}); tried again until it answers"
        return Verdict(WorkflowReason.STORAGE_UNAVAILABLE, words, again=_ASK_AGAIN)
    if o.workflow.spec.cancel:
        return _cancelled(o)
    if o.workflow.status.pipeline_digest is None:
        return _start(o, now)
    return _steered(o, _made(o) or _progress(o))


def _start(o: Observed, now: datetime) -> Verdict:
    if o.pipeline is None:
        return Verdict(*no_pipeline(o))
    spec = o.pipeline.spec
    if found := objection(o, spec):
        return Verdict(*found)
    begun = {
        "pipeline_digest": pipelines.digest(spec),
        "nodes": len(spec.nodes),
        "start_time": timestamp(now),
        "suspended": o.workflow.spec.suspend,
    }
    return _making(o, o.runs(spec), begun)


def _made(o: Observed) -> Verdict | None:
    """The making of missing runs, of one that somebody deleted as well; None where all are there."""
    if len(o.made) >= (o.workflow.status.nodes or 0):
        return None
    if hindered := _hindered(o):
        return Verdict(*hindered)
    if o.refused:
        return Verdict(WorkflowReason.RUN_REFUSED, o.refused, again=_ASK_AGAIN)
    there = {run.name for run in o.made}
    runs = o.runs(o.pipeline.spec) if o.pipeline else []
    return _making(o, [run for run in runs if run.name not in there], {})


def _hindered(o: Observed) -> Objection | None:
    """Why no further run can be made, though the Workflow has begun."""
    status, name = o.workflow.status, o.workflow.spec.pipeline
    if leaving := going_away(o):
        return leaving
    if o.feed is None:
        return WorkflowReason.FEED_NOT_FOUND, f"Feed {o.feed_name} is gone: create another Workflow"
    if o.pipeline_problem:
        return WorkflowReason.PIPELINE_CHANGED, f"Pipeline {name}: {o.pipeline_problem}"
    if o.pipeline is None:
        return no_pipeline(o)
    found = pipelines.digest(o.pipeline.spec)
    if found == status.pipeline_digest:
        return unknown_start(o, o.pipeline.spec)
    words = (
        f"Pipeline {name} is another one ({found}) than at the start ({status.pipeline_digest}), and "
        f"{(status.nodes or 0) - len(o.made)} runs of that are missing: apply it again, or cancel this Workflow and "
        "create another one"
    )
    return WorkflowReason.PIPELINE_CHANGED, words


def _making(o: Observed, missing: Sequence[NodeRun], begun: Object) -> Verdict:
    free = [run for run in missing if run.name not in o.taken]
    batch = tuple(manifest(o.workflow, run) for run in free[:BATCH])
    if batch or not missing:
        return Verdict(WorkflowReason.RUNNING, _words(o), begun, batch, again=timedelta())
    names = ", ".join(run.name for run in missing[:_NAMED])
    words = (
        f"PluginInstance {names} exists and is not this Workflow's: delete it, or create another Workflow under "
        "another name"
    )
    return Verdict(WorkflowReason.NAME_TAKEN, words, begun, again=_ASK_AGAIN)


def _cancelled(o: Observed) -> Verdict:
    """The first runs are cancelled, and with them all that descends from them; no further ones are made."""
    found = counts(run.state for run in o.made)
    waiting = [run for run in o.made if run.first and not run.cancel]
    if found.waiting or found.running:
        steer = tuple(Steer(run.name, {"cancel": True}) for run in waiting[:BATCH])
        words = f"is being cancelled by its user (spec.cancel): {_words(o)}"
        return Verdict(
            WorkflowReason.RUNNING, words, steer=steer, again=timedelta() if len(waiting) > BATCH else None
        )
    if o.made and found.succeeded == o.workflow.status.nodes:
        return Verdict(WorkflowReason.COMPLETED, _words(o))
    return Verdict(WorkflowReason.CANCELLED, f"cancelled by its user (spec.cancel): {_words(o)}")


def _progress(o: Observed) -> Verdict:
    found = counts(run.state for run in o.made)
    if found.waiting or found.running:
        return _going(o, found)
    if found.failed:
        return Verdict(WorkflowReason.RUNS_FAILED, f"{_words(o)}; {_culprits(o)}")
    if found.cancelled:
        return Verdict(WorkflowReason.CANCELLED, _words(o))
    return Verdict(WorkflowReason.COMPLETED, _words(o))


def _going(o: Observed, found: InstanceCounts) -> Verdict:
    if o.workflow.spec.suspend and not found.running:
        words = "suspended by its user (spec.suspend): set it to false to go on"
        return Verdict(WorkflowReason.SUSPENDED, f"{words}; {_words(o)}")
    return Verdict(WorkflowReason.RUNNING, _words(o))


def _steered(o: Observed, verdict: Verdict) -> Verdict:
    """The same, with `suspend` passed on to the runs: once, so that users may hold back or let go single ones."""
    wanted = o.workflow.spec.suspend
    if o.workflow.status.suspended == wanted:
        return verdict
    differing = [run for run in o.made if run.state in GOING and run.suspend != wanted]
    if not differing:
        return replace(verdict, status={**verdict.status, "suspended": wanted})
    steer = tuple(Steer(run.name, {"suspend": wanted}) for run in differing[:BATCH])
    return replace(verdict, steer=steer, again=timedelta())


def _words(o: Observed) -> str:
    """How far the Workflow has come."""
    found, nodes = counts(run.state for run in o.made), o.workflow.status.nodes
    total = nodes if nodes is not None else (len(o.pipeline.spec.nodes) if o.pipeline else 0)
    others = [
        f"{number} {what}"
        for what, number in (("failed", found.failed), ("cancelled", found.cancelled))
        if number
    ]
    return ", ".join([f"{found.succeeded} of {total} runs succeeded", *others])


def _culprits(o: Observed) -> str:
    """The runs that failed by themselves, and how: what descends from them has failed with them."""
    failed = [run for run in o.made if run.state is State.FAILED]
    causes = [run for run in failed if run.reason != "ParentFailed"] or failed
    named = [f"{run.name} ({run.reason})" for run in causes[:_NAMED]]
    rest = len(causes) - len(named)
    return "look at " + ", ".join([*named, *([f"and {rest} more"] if rest else [])])


def _claims(o: Observed) -> tuple[CreateFeed | Claim, ...]:
    """What ties the Workflow into its analysis: a Feed of its own where it needs one, its owner."""
    spec, meta = o.workflow.spec, o.workflow.metadata
    if tenancy.objection(o.tenant) or o.tenant.deleted or o.malformed:
        return ()
    if o.feed is None:
        lacks = not spec.feed and not spec.previous and o.workflow.status.feed is None
        return (CreateFeed(meta.name, spec.title or meta.name),) if lacks else ()
    owned = any(owner.uid == o.feed.metadata.uid for owner in meta.owner_references)
    if owned or o.feed.metadata.deletion_timestamp:
        return ()
    return (Claim(o.feed.metadata.name, o.feed.metadata.uid),)


def _counted(o: Observed) -> WorkflowStatus:
    """The status with today's counts, about today's generation."""
    generation, old = o.workflow.metadata.generation, o.workflow.status
    seen = tuple(c.model_copy(update={"observed_generation": generation}) for c in old.conditions)
    found = counts(run.state for run in o.made) if old.pipeline_digest else old.instances
    return old.model_copy(update={"observed_generation": generation, "conditions": seen, "instances": found})


def _written(o: Observed, verdict: Verdict, now: datetime) -> Plan:
    before = _claims(o) if verdict.create or o.workflow.status.pipeline_digest else ()
    status = _status(o, verdict, now)
    changed = status.wire() != o.workflow.status.wire()
    return Plan(
        status=status.wire() if changed else None,
        event=_event(o, verdict) if changed else None,
        before=before,
        create=verdict.create,
        steer=verdict.steer,
        again=None if verdict.again is None else now + verdict.again,
    )


def _status(o: Observed, verdict: Verdict, now: datetime) -> WorkflowStatus:
    counted, meta = _counted(o), o.workflow.metadata
    truth = REASONS[verdict.reason].truth
    fields = dict(verdict.status)
    fields["conditions"] = succeeded_conditions(
        verdict.reason,
        verdict.message,
        truth=truth,
        generation=meta.generation,
        now=now,
        before=o.workflow.status.conditions,
    )
    if not tenancy.objection(o.tenant):
        fields["id"] = counted.id or o.number
        fields["feed"] = o.feed_name or counted.feed
    if truth != "Unknown":
        created = parse_time(meta.creation_timestamp) or now
        fields["completion_time"] = timestamp(now)
        fields["duration"] = spoken(now - created)
    return counted.model_copy(update=fields)


def _event(o: Observed, verdict: Verdict) -> tuple[str, str, str] | None:
    """The Event of a transition; None where the reason is what it was, or tells nothing new."""
    old = find(o.workflow.status.conditions, ConditionType.SUCCEEDED)
    if verdict.reason in _SILENT or (old and old.reason == verdict.reason):
        return None
    return "Normal" if verdict.reason in _NORMAL else "Warning", verdict.reason.value, verdict.message
