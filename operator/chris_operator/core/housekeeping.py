"""After a run's end: nothing may go on running, its manifest's copy must be there, and what it used goes in time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from chris_operator.models.conditions import Condition
from chris_operator.models.plugininstance import PluginInstanceStatus

from .observe import Stage, parse_time
from .observed import Observed
from .verdict import Action, Claim, CopyManifest, Plan, StopAttempt, SweepAttempts

RESTS_AFTER = timedelta(minutes=30)
"""So long after a run's Job was due to go, nothing of it can be left that somebody must look for."""
_QUIET = frozenset({Stage.ENDED, Stage.NO_POD})


def after_end(o: Observed, ended: Condition, claims: Iterable[Action], now: datetime) -> Plan:
    """What is left to do for a run that has ended; planned again until nothing is."""
    status = o.instance.status
    done = parse_time(status.completion_time) or parse_time(ended.last_transition_time) or now
    due = done + o.settings.keep_ended
    actions: list[Action] = []
    there = not o.site.problem  # what a lost cluster still runs is seen to when it is back
    # Runs without a pod have no Job that waits for the copy.
    podless = (o.no_pod or status.cache_hit is not None) and now < due + RESTS_AFTER
    if status.output and (o.jobs or podless):  # the Job goes after the copy: who was away still makes it
        actions.append(CopyManifest(status.output.attempt))
    if there and _may_sweep(o, due, now) and (left := _uncommitted(status)):
        actions.append(left)
    actions += _stops(o, due, now) if there else []
    return Plan(
        status=_seen_again(o),
        before=tuple(action for action in claims if isinstance(action, Claim)),
        actions=tuple(actions),
        again=due if status.attempt and now < due else None,
    )


def _stops(o: Observed, due: datetime, now: datetime) -> list[StopAttempt]:
    """Whatever runs on is stopped at once; Jobs and Secrets of what has ended go when they were kept long enough."""
    status, attempt = o.instance.status, o.instance.status.attempt
    expected = o.pod.stage is Stage.NO_POD and status.output is None  # its Job may still make a pod
    running = expected or o.working
    if o.jobs or o.no_pod or attempt is None:
        return [
            StopAttempt(job.name, job.number) for job in o.jobs if (running and not job.deleted) or now >= due
        ]
    if now >= due > now - RESTS_AFTER:  # its Secret may have been left
        return [StopAttempt(o.attempt_name(attempt.number), attempt.number)]
    return []


def _may_sweep(o: Observed, due: datetime, now: datetime) -> bool:
    """Whether nobody writes any more, and somebody may have lately: as soon as the last pod is gone."""
    if o.jobs:
        return now >= due
    return now < due + RESTS_AFTER and all(pod.stage in _QUIET for pod in (o.pod, *o.older))


def _uncommitted(status: PluginInstanceStatus) -> SweepAttempts | None:
    """What attempts have left that were not committed; None where there was but the committed one."""
    keep = status.output.attempt if status.output else None
    if status.attempt is None or (status.attempt.number, keep) == (1, 1):
        return None
    return SweepAttempts(keep)


def _seen_again(o: Observed) -> dict[str, Any] | None:
    """The status of an ended run whose title or the like was changed; None where it tells of today's generation.

    kubectl wait and kstatus believe no condition that tells of an older one.
    """
    generation, status = o.instance.metadata.generation, o.instance.status
    if status.observed_generation == generation:
        return None
    seen = tuple(c.model_copy(update={"observed_generation": generation}) for c in status.conditions)
    return status.model_copy(update={"observed_generation": generation, "conditions": seen}).wire()
