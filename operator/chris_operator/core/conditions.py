"""A resource's conditions: built whole, with times that change only when the status does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .phases import PHASES, Kind, Reason

Condition = dict[str, Any]
SUCCEEDED = "Succeeded"
READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
_MAX_MESSAGE = 2_000


def timestamp(moment: datetime) -> str:
    """RFC 3339 in whole seconds, UTC, as Kubernetes writes times.

    >>> timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def find(conditions: Iterable[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The condition of this type; empty where there is none."""
    return next((c for c in conditions if c.get("type") == kind), {})


def build(
    kind: str,
    status: str,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
    before: Iterable[Mapping[str, Any]] = (),
) -> Condition:
    """One condition; `lastTransitionTime` stays while the status stays."""
    old = find(before, kind)
    since = old.get("lastTransitionTime") if old.get("status") == status else None
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:_MAX_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": since or timestamp(now),
    }


def run_status(reason: Reason, *, final: bool) -> str:
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
    before: Sequence[Mapping[str, Any]],
) -> list[Condition]:
    """The conditions of a run: `Succeeded` on top, kstatus's pair below it.

    A run that ended well carries neither of the pair, which is how kstatus reads "Current"; one that
    failed is `Stalled`; one under way or waiting is `Reconciling`.
    """
    status = run_status(reason, final=final)
    succeeded = build(SUCCEEDED, status, reason, message, generation, now, before)
    if status == "True":
        return [succeeded]
    kind = STALLED if status == "False" else RECONCILING
    return [succeeded, build(kind, "True", reason, message, generation, now, before)]


def ready_conditions(
    reason: str,
    message: str,
    *,
    ready: bool,
    generation: int,
    now: datetime,
    before: Sequence[Mapping[str, Any]],
) -> list[Condition]:
    """The conditions of a resource that is simply ready or not (Plugin, Feed)."""
    found = build(READY, "True" if ready else "False", reason, message, generation, now, before)
    if ready:
        return [found]
    return [found, build(RECONCILING, "True", reason, message, generation, now, before)]
