"""What is remembered of every run at hand: enough to count it, and to know whether anybody must look at it again.

A cluster holds tens of thousands of runs that have ended. Reading each of them in full, for every count of its
Feed's and after every restart, is what would make an operator slow.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .names import FINALIZER
from .observe import parse_time
from .phases import PHASES, Kind, Reason, known_reason


class State(StrEnum):
    """How a run is doing, as a Feed counts it."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


GOING = frozenset({State.WAITING, State.RUNNING})
"""Of a run that has not ended."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A run in a few words."""

    state: State
    feed: str | None
    """Name of its Feed, where its status tells."""
    cancel: bool
    """Its user does not want it any more, nor what descends from it."""
    previous: tuple[str, ...]
    """Names of its parents."""
    rests_since: float | None
    """When it ended (seconds since 1970), where nothing but its Job may still need anybody; else None."""

    @property
    def ended(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.state not in GOING


def brief(body: Mapping[str, Any]) -> Brief:
    """The brief of a raw PluginInstance."""
    status = body.get("status") or {}
    state = _state(status.get("conditions") or ())
    spec = body.get("spec") or {}
    return Brief(
        state,
        status.get("feed"),
        cancel=bool(spec.get("cancel")),
        previous=tuple(map(sys.intern, spec.get("previous") or ())),
        rests_since=None if state in GOING else _rests_since(body["metadata"], status),
    )


def _state(conditions: Any) -> State:
    found = next((c for c in conditions if c.get("type") == "Succeeded"), None)
    if found is None:
        return State.WAITING  # nobody has looked at it yet
    word, reason = found.get("status"), known_reason(found.get("reason"))
    if word == "True":
        return State.SUCCEEDED
    if word == "False":
        return State.CANCELLED if reason is Reason.CANCELLED else State.FAILED
    return State.WAITING if reason is None or PHASES[reason].kind is Kind.WAITING else State.RUNNING


def _rests_since(meta: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    done = parse_time(status.get("completionTime"))
    kept = FINALIZER in (meta.get("finalizers") or ()) and bool(meta.get("ownerReferences"))
    told = status.get("observedGeneration") == meta.get("generation")
    if done is None or not kept or not told or meta.get("deletionTimestamp"):
        return None
    return done.timestamp()
