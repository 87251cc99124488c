"""The time as the API server has it."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


class Clock:
    """The API server's time, as the `Date` of its answers tells it, between them by the monotonic clock.

    It and its nodes write when things were created, started and deleted: a machine's own clock, which somebody
    may set at any moment, would stop programs hours before or after their deadline.
    """

    agree = timedelta(seconds=2)
    """Clocks that differ by no more count as equal: a `Date` has whole seconds, ours has more."""

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None

    def hear(self, date: str) -> None:
        """Take the `Date` of an answer that has just come; nonsense is ignored."""
        with suppress(ValueError):
            self._heard = (parsedate_to_datetime(date).astimezone(UTC), time.monotonic())

    def now(self) -> datetime:
        """The time; this machine's own as long as it agrees, and before the first answer."""
        ours = datetime.now(UTC)
        if self._heard is None:
            return ours
        told, heard_at = self._heard
        theirs = told + timedelta(seconds=time.monotonic() - heard_at)
        return ours if abs(ours - theirs) <= self.agree else theirs
