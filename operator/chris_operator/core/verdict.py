"""The language of plans: what a run's status should say and what must be done, as data."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from . import pods
from .phases import Reason


class Fact(StrEnum):
    """Something a plan needs to know before it can go on; the shell fetches it and plans again."""

    RUN_ID = "run id"
    PREFIXES = "prefixes of the input"
    MANIFEST = "manifest of the attempt"
    LISTING = "listing of the named paths"
    SELECTED = "files chosen of the parents' outputs"
    REUSABLE = "outputs of equal earlier runs"
    REJECTED = "words of the Job controller"
    KEPT = "output that Swift keeps"
    UNITS = "what of the input can be given to workers"
    UNION = "outputs of the workers"
    SENT = "inputs in the other cluster's Swift"
    FETCHED = "outputs of the other cluster's Swift"
    SECRET = "Secret of the attempt"  # noqa: S105  the name of a fact


LEAVING_TRACES = frozenset({Fact.LISTING, Fact.SELECTED, Fact.REUSABLE, Fact.SENT})
"""Facts that are written to Swift, in the run's place, when they are found out."""


@dataclass(frozen=True, slots=True)
class Need:
    """The plan cannot go on without this fact."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Claim:
    """Put our finalizer and its number on the instance and make the Feed its owner; one write."""

    feed: str
    feed_uid: str
    run_id: int | None = None
    """Number of the run, for its label; None while it has none."""


@dataclass(frozen=True, slots=True)
class CreateFeed:
    """A run that starts an analysis and names no Feed gets one of its own name."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Create the Secret, then the Job."""

    attempt: pods.Attempt
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """Delete a Job (and with it its pod) and its Secret."""

    name: str
    number: int
    grace_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class CopyManifest:
    """Make the run's `manifest` equal to its committed attempt's, for rebuilding a lost cluster."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SweepAttempts:
    """Remove from Swift what attempts without a commit have left, and what programs saved of their state."""

    keep: int | None
    """Number of the committed one."""


@dataclass(frozen=True, slots=True)
class DeleteData:
    """Remove everything of the run from Swift, then our finalizer from the instance."""


@dataclass(frozen=True, slots=True)
class Release:
    """Remove our finalizer: nothing of the run is in Swift."""


Action = Claim | CreateFeed | StartAttempt | StopAttempt | CopyManifest | SweepAttempts | DeleteData | Release


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true of a run now, and what follows."""

    reason: Reason
    message: str
    final: bool = False
    """The run has ended: a retried reason becomes `False` instead of `Unknown`."""
    status: dict[str, Any] = field(default_factory=dict)
    """Other fields of the status that change, by their Python names."""
    actions: tuple[Action, ...] = ()
    again: timedelta | None = None
    """Look again after this time even if nothing happens."""
    quiet: bool = False
    """Write no status for this: it would be gone before anybody could read it. Where it lasts, no Event tells it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in order: first the actions in `before`, then the status, then `actions`."""

    status: dict[str, Any] | None = None
    """The whole status to write; None where it is right already."""
    event: tuple[str, str, str] | None = None
    """Type, reason and message of the Event that tells the transition."""
    before: tuple[Action, ...] = ()
    actions: tuple[Action, ...] = ()
    again: datetime | None = None
