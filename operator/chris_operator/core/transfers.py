"""Copying between our Swift and that of another cluster: when a run waits for it, and what may go there again.

An attempt there starts when its input is there, and is judged when its output is here. What was copied is not
remembered anywhere: whoever comes next copies again what is not there yet.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from chris_operator.models.plugininstance import Attempt, PluginInstance

from . import inputs, report
from .names import ID_LABEL, referenced
from .observed import Observed, Transfer
from .phases import Reason
from .verdict import Fact, Need, Verdict


def next_attempt(o: Observed) -> int:
    """Number of the attempt that an input is sent for."""
    attempt = o.instance.status.attempt
    if attempt is None:
        return 1
    return attempt.number + 1 if attempt.ended else attempt.number


def distrusted(o: Observed) -> bool:
    """Whether the last attempt could not read its input there: then all of it is sent anew, whatever is there."""
    attempt = o.instance.status.attempt
    return attempt is not None and attempt.reason == Reason.STAGE_IN_FAILED.value


def sending(o: Observed, now: datetime) -> Verdict | Need | None:
    """Why an attempt cannot start yet: its input is on its way; None where it is there, or needs not go."""
    if not o.site.own_swift or not inputs.of(o):
        return None
    if o.given.sent is None:
        return Need(Fact.SENT)
    words = f"its input is being sent to the Swift of cluster {o.site.name}"
    return (
        None if o.given.sent.done else _goes_on(o, o.given.sent, Verdict(Reason.SENDING_INPUTS, words), now)
    )


def evidence(o: Observed, attempt: Attempt, fact: Fact, now: datetime) -> Verdict | Need:
    """What must be known before a published attempt is judged: from elsewhere, all of it comes here first."""
    if not o.site.own_swift:
        return Need(fact)
    if o.given.fetched is None:
        return Need(Fact.FETCHED)
    if o.given.fetched.done:
        return Need(fact)
    words = f"its output is being fetched from the Swift of cluster {o.site.name}"
    status = {"attempt": attempt} | report.facts(o.pod)
    return _goes_on(o, o.given.fetched, Verdict(Reason.FETCHING_OUTPUTS, words, status=status), now)


def _goes_on(o: Observed, transfer: Transfer, verdict: Verdict, now: datetime) -> Verdict:
    """Nobody needs to look again when it is done: that is told. A short one is not written down."""
    left = o.settings.settle - (now - transfer.since)
    return replace(verdict, quiet=True, again=left) if left > timedelta(0) else verdict


def needed(runs: Iterable[PluginInstance]) -> set[int]:
    """Numbers of the runs whose data are read or written there; `runs` are those that go on there, and their parents."""
    numbers: set[int] = set()
    for run in runs:
        text = run.metadata.labels.get(ID_LABEL, "")
        numbers.update([int(text)] if text.isdecimal() else (), run.status.references or ())
        numbers.update([run.status.id] if run.status.id else ())
    return numbers


def left_over(places: Iterable[str], numbers: Collection[int], users: Collection[str]) -> list[str]:
    """The places of a Swift elsewhere that nothing needs that goes on there.

    >>> places = ["home/a/feeds/feed_1/runs/7/", "home/a/feeds/feed_1/runs/8/", "home/a/uploads/", "home/b/uploads/"]
    >>> left_over(places, {8}, {"a"})
    ['home/a/feeds/feed_1/runs/7/', 'home/b/uploads/']
    """
    return [place for place in places if not _is_needed(place, numbers, users)]


def _is_needed(place: str, numbers: Collection[int], users: Collection[str]) -> bool:
    found = referenced([place])
    return found[0] in numbers if found else place.split("/")[1] in users
