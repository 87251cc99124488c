"""A resource's conditions: built whole, with times that change only when the status does."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from chris_operator.models.conditions import Condition, ConditionType, find

from .phases import PHASES, Kind, Reason

Truth = Literal["True", "False", "Unknown"]
_MAX_MESSAGE = 2_000


def timestamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds, UTC, as Kubernetes writes times.

    >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def build(
    kind: ConditionType,
    status: Truth,
    reason: str,
    message: str,
    *,
    generation: int,
    now: datetime,
    before: Iterable[Condition] = (),
) -> Condition:
    """One condition; `lastTransitionTime` stays while the status stays."""
    old = find(before, kind)
    since = old.last_transition_time if old and old.status == status else timestamp(now)
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:_MAX_MESSAGE],
        observed_generation=generation,
        last_transition_time=since,
    )


def run_truth(reason: Reason, *, final: bool) -> Truth:
    """`True`, `False` or `Unknown` for a run with this reason."""
    kind = PHASES[reason].kind
    if kind is Kind.SUCCEEDED:
        return "True"
    return "False" if kind is Kind.FAILED or final else "Unknown"


def run_conditions(
    reason: Reason,
    message: str,
    *,
    final: bool,
    generation: int,
    now: datetime,
    before: Sequence[Condition],
) -> tuple[Condition, ...]:
    """The conditions of a run: `Succeeded` on top, kstatus's pair below it.

    A run that ended well carries neither of the pair, which is how kstatus reads "Current"; one that
    failed, or whose cluster is lost, is `Stalled`; one under way or waiting is `Reconciling`.
    """
    truth = run_truth(reason, final=final)
    return succeeded_conditions(
        reason,
        message,
        truth=truth,
        stalled=PHASES[reason].stalls,
        generation=generation,
        now=now,
        before=before,
    )


def succeeded_conditions(
    reason: str,
    message: str,
    *,
    truth: Truth,
    stalled: bool = False,
    generation: int,
    now: datetime,
    before: Sequence[Condition],
) -> tuple[Condition, ...]:
    """The conditions of whatever succeeds or fails in the end, runs and Workflows alike."""
    succeeded = build(
        ConditionType.SUCCEEDED, truth, reason, message, generation=generation, now=now, before=before
    )
    if truth == "True":
        return (succeeded,)
    kind = ConditionType.STALLED if stalled or truth == "False" else ConditionType.RECONCILING
    return (succeeded, build(kind, "True", reason, message, generation=generation, now=now, before=before))


def ready_conditions(
    reason: str,
    message: str,
    *,
    ready: bool,
    generation: int,
    now: datetime,
    before: Sequence[Condition],
    stalled: bool = False,
) -> tuple[Condition, ...]:
    """The conditions of a resource that is simply ready or not; `stalled`: nothing but its user can make it so."""
    truth: Truth = "True" if ready else "False"
    found = build(ConditionType.READY, truth, reason, message, generation=generation, now=now, before=before)
    if ready:
        return (found,)
    kind = ConditionType.STALLED if stalled else ConditionType.RECONCILING
    return (found, build(kind, "True", reason, message, generation=generation, now=now, before=before))
