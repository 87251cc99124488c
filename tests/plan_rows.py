"""Rows of the planner's tables: a run and its surroundings in, what is told and done out."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.runs import FACTS, NOW, decide, written

from chris_operator.core.observed import Given, Observed
from chris_operator.core.verdict import (
    Action,
    Claim,
    CopyManifest,
    CreateFeed,
    DeleteData,
    Plan,
    Release,
    StartAttempt,
    StopAttempt,
    SweepAttempts,
)
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugininstance import PluginInstanceStatus


@dataclass(frozen=True)
class Row:
    """One line of a table; `reason` None: nothing is told (it would be gone before anybody could read it)."""

    id: str
    o: Observed
    reason: str | None
    truth: str = "Unknown"
    says: tuple[str, ...] = ()
    """What the message must contain."""
    event: str | None = None
    """Type of the Event that tells the transition."""
    before: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    again: float | None = None
    """In how many seconds to look again."""
    facts: Given = FACTS
    """What the shell fetches when asked."""
    now: datetime = NOW
    moves_on: bool = False
    """Once this is written, the next look has something new to write at once."""
    status: dict[str, object] = field(default_factory=dict)
    """Other fields of the status as written."""

    def __str__(self) -> str:
        return self.id


def spell(action: Action) -> str:  # noqa: PLR0911  one return per kind
    """An action in a few words."""
    match action:
        case StartAttempt():
            return f"start {action.attempt.name} {action.attempt.resources.memory_bytes >> 20}Mi"
        case StopAttempt():
            return f"stop {action.name}"
        case CopyManifest():
            return f"copy {action.attempt}"
        case SweepAttempts():
            return f"sweep all but {action.keep}"
        case CreateFeed():
            return f"feed {action.name}"
        case Claim():
            return f"claim {action.feed}"
        case DeleteData():
            return "delete data"
        case Release():
            return "release"


def told(plan: Plan) -> PluginInstanceStatus | None:
    """The status that a plan writes, as the next reader sees it."""
    return None if plan.status is None else PluginInstanceStatus.model_validate(plan.status)


def check_decision(row: Row) -> None:
    """The row's whole right side."""
    plan = decide(row.o, row.now, row.facts)
    assert tuple(map(spell, plan.before)) == row.before
    assert tuple(map(spell, plan.actions)) == row.actions
    wait = None if plan.again is None else (plan.again - row.now).total_seconds()
    assert wait == row.again
    assert (plan.event[0] if plan.event else None) == row.event
    status = told(plan)
    if row.reason is None:
        assert status is None
        return
    assert status is not None
    found = find(status.conditions, ConditionType.SUCCEEDED)
    assert found is not None
    assert (found.reason, found.status) == (row.reason, row.truth)
    assert all(word in found.message for word in row.says), found.message
    assert plan.event is None or plan.event[1:] == (found.reason, found.message)
    wire = status.wire()
    assert {name: wire.get(name) for name in row.status} == row.status


def check_idempotence(row: Row) -> None:
    """From the same facts the same plan; and once it is written, nothing more to write."""
    plan = decide(row.o, row.now, row.facts)
    assert decide(row.o, row.now, row.facts) == plan
    if row.moves_on:
        return
    after = decide(written(row.o, plan), row.now, row.facts)
    assert (after.status, after.event, after.before) == (None, None, ())
