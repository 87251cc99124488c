"""The decision about one run: `plan(observed, now)` returns data, and nothing here acts.

Planning twice from the same facts gives the same plan, so a crash between two writes loses nothing:
whoever comes next gathers again and plans again. A plan that lacks a costly fact says so (`Need`); the
shell fetches it and asks again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from chris_operator.models.conditions import Condition, ConditionType, find
from chris_operator.models.plugin import PluginSpec, object_name
from chris_operator.models.plugininstance import PluginInstance, PluginInstanceStatus

from . import (
    attempts,
    compute,
    healing,
    housekeeping,
    links,
    names,
    parents,
    resources,
    steering,
    tenancy,
    validate,
)
from .conditions import run_conditions, run_truth, timestamp
from .observe import PodFacts, Stage, parse_time
from .observed import Observed
from .phases import PHASES, Fault, Kind, Reason
from .verdict import (
    LEAVING_TRACES,
    Action,
    Claim,
    CreateFeed,
    DeleteData,
    Fact,
    Need,
    Plan,
    Release,
    StopAttempt,
    Verdict,
)
from .words import spoken

_SILENT = frozenset(
    {
        Reason.SENDING_INPUTS,
        Reason.SCHEDULED,
        Reason.PARENT_RUNNING,
        Reason.STAGING_IN,
        Reason.RUNNING,
        Reason.PUBLISHING,
        Reason.FETCHING_OUTPUTS,
        Reason.VERIFYING,
    }
)
"""Ordinary steps: the status tells them, an Event each would only drown the others."""


def plan(o: Observed, now: datetime) -> Plan | Need:
    """What to do about this run now."""
    if o.instance.metadata.deletion_timestamp:
        return _deletion(o, now)
    if o.mended and o.instance.status.conditions:
        return Plan(status=o.instance.status.wire(), again=now)
    if ended := final_condition(o.instance):
        return healing.lost_output(o, ended) or housekeeping.after_end(o, ended, _claims(o), now)
    before = _claims(o)
    verdict = judge(o, now)
    if isinstance(verdict, Need):
        # Nothing is written to Swift under a number that the run does not carry yet: a crash would leave it there.
        return Plan(before=before, again=now) if before and verdict.fact in LEAVING_TRACES else verdict
    return _written(o, verdict, before, now)


def final_condition(instance: PluginInstance) -> Condition | None:
    """The `Succeeded` condition of a run that has ended; None while it has not."""
    found = find(instance.status.conditions, ConditionType.SUCCEEDED)
    return found if found and found.status != "Unknown" else None


def judge(o: Observed, now: datetime) -> Verdict | Need:
    """The first rule that has something to say decides; the attempt has the last word."""
    rules: tuple[Callable[[Observed], Verdict | Need | None], ...] = (
        _tenancy,
        _readable,
        _numbered,
        healing.committed,
        steering.cancelled,
        _stored,
        _placed,
        compute.usable,
        partial(healing.forgotten, now=now),
    )
    for rule in rules:
        if found := rule(o):
            return found
    wanted = o.instance.spec.plugin
    if o.plugin is None and (o.no_pod or attempts.about_to_start(o)):
        return Verdict(
            Reason.PLUGIN_NOT_FOUND,
            f"Plugin {wanted.name} {wanted.version} is not registered on this cluster: "
            f"apply a Plugin named {object_name(wanted.name, wanted.version)}",
        )
    return _with_plugin(o, o.plugin or attempts.unregistered(wanted), now)


def _with_plugin(o: Observed, plugin: PluginSpec, now: datetime) -> Verdict | Need:
    if o.no_pod or attempts.about_to_start(o):
        for rule in (_sensible, _fed, steering.held_back):
            if found := rule(o, plugin):
                return found
    if o.feed is None or o.feed.status.id is None:
        return Verdict(Reason.FEED_NOT_FOUND, f"Feed {o.feed_name} has no number yet", quiet=True)
    if o.no_pod:
        return links.verdict(o, plugin, now)
    return attempts.current(o, plugin, now)


def _tenancy(o: Observed) -> Verdict | None:
    objection = tenancy.objection(o.tenant)
    return Verdict(*objection) if objection else None


def _readable(o: Observed) -> Verdict | None:
    if o.malformed is None:
        return None
    return Verdict(Reason.INVALID_SPEC, o.malformed, final=True)


def _stored(o: Observed) -> Verdict | None:
    """Without Swift no run gets a number, an input or a verdict; those under way are left to their pods."""
    if o.given.storage_problem is None:
        return None
    words = f"Swift cannot be reached ({o.given.storage_problem}); tried again until it answers"
    started = o.instance.status.attempt is not None
    return Verdict(Reason.STORAGE_UNAVAILABLE, words, again=timedelta(seconds=10), quiet=started)


def _numbered(o: Observed) -> Need | None:
    if o.instance.status.id is None and o.given.run_id is None and o.given.storage_problem is None:
        return Need(Fact.RUN_ID)
    return None


def _placed(o: Observed) -> Verdict | None:
    """Where in which Feed the run belongs; its parents must be known first."""
    for name, parent in o.parents.items():
        if parent is None and attempts.about_to_start(o):
            return Verdict(
                Reason.PARENT_NOT_FOUND,
                f"previous names {name}, and namespace {o.tenant.namespace} has no such PluginInstance yet",
            )
    if o.circle:
        words = validate.circle_words(o.instance.metadata.name, o.circle)
        return Verdict(Reason.INVALID_SPEC, words, final=True)
    if o.feed is None or o.feed.metadata.deletion_timestamp:
        return _feedless(o)
    return None


def _feedless(o: Observed) -> Verdict:
    spec, meta = o.instance.spec, o.instance.metadata
    if o.feed is None and spec.feed:
        words = f"namespace {meta.namespace} has no Feed {spec.feed} yet: create it, or leave spec.feed out"
        return Verdict(Reason.FEED_NOT_FOUND, words)
    if o.feed_name is None and (failed := _orphaned(o)):
        return failed  # a parent that ended before it had a Feed will never have one
    words = f"its Feed {o.feed_name} is not ready" if o.feed_name else "waits for its parent to have a Feed"
    return Verdict(Reason.FEED_NOT_FOUND, words, quiet=True)


def _sensible(o: Observed, plugin: PluginSpec) -> Verdict | None:
    spec = o.instance.spec
    wrong = validate.parameter_complaints(plugin, spec.parameters) or validate.path_complaints(
        plugin, spec.parameters, o.tenant.user or "", links=o.no_pod
    )
    if wrong:
        return Verdict(Reason.INVALID_PARAMETERS, "; ".join(wrong), final=True)
    place = validate.place_complaints(plugin, spec.previous, o.instance.metadata.name)
    wrong = [
        *place,
        *parents.complaints(spec, plugin),
        *resources.complaints(spec, plugin),
        *compute.complaints(o, plugin),
    ]
    if wrong:
        return Verdict(Reason.INVALID_SPEC, "; ".join(wrong), final=True)
    return None


def _orphaned(o: Observed) -> Verdict | None:
    """The end of a run one of whose parents ended without an output."""
    for name, parent in o.parents.items():
        ended = final_condition(parent) if parent else None
        if ended and ended.status == "False":
            words = (
                f"its parent {name} did not succeed ({ended.reason}): run it again, or name another parent"
            )
            return Verdict(Reason.PARENT_FAILED, words, final=True)
    return None


def _fed(o: Observed, plugin: PluginSpec) -> Verdict | None:
    """Whether every parent has an output that may be read."""
    if failed := _orphaned(o):
        return failed
    waiting = [name for name, parent in o.parents.items() if parent is None or not final_condition(parent)]
    if waiting:
        return Verdict(Reason.PARENT_RUNNING, f"waits for the output of {', '.join(waiting)}")
    files = sum(p.status.output.files for p in o.parents.values() if p and p.status.output)
    if o.parents and not files and not plugin.allow_empty_input:
        words = f"its parent {', '.join(o.parents)} wrote no files, and {plugin.name} needs some"
        return Verdict(Reason.EMPTY_INPUT, words, final=True)
    return None


def _claims(o: Observed) -> tuple[Action, ...]:
    """What ties the run into its analysis: a Feed of its own where it needs one, our finalizer, its owner."""
    if o.tenant.user is None or o.tenant.rival or o.tenant.deleted or o.malformed:
        return ()
    spec, meta = o.instance.spec, o.instance.metadata
    if o.feed is None:
        starts = not spec.feed and not spec.previous and o.instance.status.feed is None
        return (CreateFeed(meta.name, spec.title or meta.name),) if starts else ()
    owned = any(owner.uid == o.feed.metadata.uid for owner in meta.owner_references)
    run_id = o.instance.status.id or o.given.run_id
    # Runs of an operator that did not know the label go without: they have their number in the status only.
    numbered = o.given.run_id is None or meta.labels.get(names.ID_LABEL) == str(run_id)
    if o.feed.metadata.deletion_timestamp or (owned and names.FINALIZER in meta.finalizers and numbered):
        return ()
    return (Claim(o.feed.metadata.name, o.feed.metadata.uid, run_id),)


def _written(o: Observed, verdict: Verdict, before: tuple[Action, ...], now: datetime) -> Plan:
    again = None if verdict.again is None else now + verdict.again
    if verdict.quiet:
        untold = _untold_until(o, now)
        if untold is None or now < untold:
            return Plan(before=before, actions=verdict.actions, again=again or untold)
    status = _status(o, verdict, now)
    old = o.instance.status
    changed = status.wire() != old.wire()
    return Plan(
        status=status.wire() if changed else None,
        event=_event(o, verdict) if changed and not verdict.quiet else None,
        before=before,
        actions=verdict.actions,
        again=again,
    )


def _untold_until(o: Observed, now: datetime) -> datetime | None:
    """When a run of which nothing is told yet must be told of, be it never so little; None where something is."""
    if o.instance.status.conditions:
        return None
    return (parse_time(o.instance.metadata.creation_timestamp) or now) + o.settings.settle


def _status(o: Observed, verdict: Verdict, now: datetime) -> PluginInstanceStatus:
    old, generation = o.instance.status, o.instance.metadata.generation
    fields = dict(verdict.status)
    fields["conditions"] = run_conditions(
        verdict.reason,
        verdict.message,
        final=verdict.final,
        generation=generation,
        now=now,
        before=old.conditions,
    )
    fields["observed_generation"] = generation
    if o.tenant.user and not o.tenant.rival:
        fields["user"] = o.tenant.user
        fields["id"] = old.id or o.given.run_id
        fields["feed"] = o.feed.metadata.name if o.feed else old.feed
        fields["feed_id"] = o.feed.status.id if o.feed else old.feed_id
    if verdict.final:
        created = parse_time(o.instance.metadata.creation_timestamp) or now
        end = parse_time(old.completion_time) or now
        fields["completion_time"] = timestamp(end)
        fields["duration"] = spoken(end - created)
    return old.model_copy(update=fields)


def _event(o: Observed, verdict: Verdict) -> tuple[str, str, str] | None:
    """The Event of a transition; None where reason and outcome are what they were, or tell nothing new."""
    old = find(o.instance.status.conditions, ConditionType.SUCCEEDED)
    truth = run_truth(verdict.reason, final=verdict.final)
    if verdict.reason in _SILENT or (old and (old.reason, old.status) == (verdict.reason, truth)):
        return None
    phase = PHASES[verdict.reason]
    empty = verdict.status.get("output") is not None and verdict.status["output"].files == 0
    normal = phase.fault is Fault.NOBODY or (phase.kind is Kind.WAITING and phase.fault is Fault.USER)
    kind = "Normal" if (normal and not empty) or verdict.reason is Reason.CANCELLED else "Warning"
    return kind, verdict.reason.value, verdict.message


def _may_write(o: Observed, pod: PodFacts, now: datetime) -> bool:
    """Whether a pod is there that may still publish; one that hangs on a dead node is not waited for for ever."""
    if pod.stage in {Stage.NO_POD, Stage.ENDED}:
        return False
    return pod.deleted_at is None or now < pod.deleted_at + o.settings.grace_extra


def _deletion(o: Observed, now: datetime) -> Plan:
    """First the pods must be gone, so that nothing writes any more; then the data; then the resource."""
    if names.FINALIZER not in o.instance.metadata.finalizers:
        return Plan()
    if o.site.problem:
        asked = parse_time(o.instance.metadata.deletion_timestamp) or now
        patient = o.site.connecting or now - asked < o.settings.give_up
        if o.instance.status.attempt and patient:
            return Plan(again=now + timedelta(seconds=5))
    elif o.jobs or any(_may_write(o, pod, now) for pod in (o.pod, *o.older)):
        stops = tuple(StopAttempt(job.name, job.number) for job in o.jobs if not job.deleted)
        return Plan(actions=stops, again=now + timedelta(seconds=5))
    status = o.instance.status
    stored = status.id is not None and status.feed_id is not None and status.user is not None
    return Plan(actions=(*compute.last_stop(o), DeleteData() if stored else Release()))
