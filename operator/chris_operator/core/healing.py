"""A status that somebody edited or lost, put right from what stands elsewhere; never by guessing.

A run's number names its place in Swift and must never become another one: it stands in a label too, which only the
operator may write. Attempts are counted by their Jobs, too, and a committed output has its copy in Swift (`Fact.KEPT`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from chris_operator.models.conditions import Condition
from chris_operator.models.plugininstance import Attempt, Output, PluginInstance

from .conditions import timestamp
from .names import ID_LABEL
from .observe import JobFacts, parse_time
from .observed import Observed
from .phases import Reason, known_reason
from .verdict import Fact, Need, Plan, Verdict


def healed(instance: PluginInstance, jobs: Iterable[JobFacts]) -> PluginInstance:
    """The run with the number and the attempt that its status should name; itself where it names them."""
    status = instance.status
    found = {"id": status.id or _labelled(instance), "attempt": _newest(status.attempt, jobs)}
    mended = status.model_copy(update=found)
    return instance if mended == status else instance.model_copy(update={"status": mended})


def _labelled(instance: PluginInstance) -> int | None:
    text = instance.metadata.labels.get(ID_LABEL, "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _newest(told: Attempt | None, jobs: Iterable[JobFacts]) -> Attempt | None:
    """The attempt of the newest Job, where the status names none or an older one: it is told before its Job is made."""
    job = max(jobs, key=lambda each: each.number, default=None)
    if job is None or (told is not None and told.number >= job.number):
        return told
    return Attempt(number=job.number, uid=job.uid, memory=_memory(told), created=_text(job.created))


def _memory(told: Attempt | None) -> int | None:
    return told.memory if told else None


def _text(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def committed(o: Observed) -> Verdict | None:
    """A run with an output has ended, whatever its conditions say: the output is the commit."""
    status = o.instance.status
    if status.output is None:
        return None
    ended = _end(status.output, status.attempt)
    return replace(ended, reason=Reason.CACHE_HIT) if status.cache_hit else ended


def _end(output: Output, attempt: Attempt | None) -> Verdict:
    if not output.partial:
        return Verdict(Reason.COMPLETED, f"{output.files} files, {output.bytes} bytes", final=True)
    reason = known_reason(attempt.reason if attempt else None) or Reason.PLUGIN_FAILED
    return Verdict(reason, "the run failed; its log and what it wrote are kept", final=True)


def forgotten(o: Observed, *, now: datetime) -> Verdict | Need | None:
    """A run of old that says nothing of itself, and of which no Job is left: Swift may know how it ended."""
    status = o.instance.status
    created = parse_time(o.instance.metadata.creation_timestamp) or now
    if status.conditions or status.attempt or now - created <= o.settings.keep_ended or not _has_place(o):
        return None
    if o.given.kept is None:
        return Need(Fact.KEPT)
    for output in o.given.kept:
        attempt = Attempt(number=output.attempt)
        found = {"output": output, "attempt": attempt, "references": o.given.kept_references}
        return replace(_end(output, None), status=found)
    return None


def lost_output(o: Observed, ended: Condition) -> Need | Plan | None:
    """The status of a run that succeeded and does not say with what; None where it does, or Swift does not know."""
    if ended.status != "True" or o.instance.status.output or not _has_place(o):
        return None
    if o.given.kept is None:
        return None if o.given.storage_problem else Need(Fact.KEPT)
    for output in o.given.kept:
        found = {"output": output, "references": o.given.kept_references}
        return Plan(status=o.instance.status.model_copy(update=found).wire())
    return None


def _has_place(o: Observed) -> bool:
    """Whether it is known where in Swift the run has its place."""
    return bool(o.instance.status.id and o.tenant.user and o.feed and o.feed.status.id)
