"""The API server's time counts, and this machine's clock only where it agrees."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chris_operator.cluster import Clock

SECOND = timedelta(seconds=1)


def answered(*apart: timedelta) -> Clock:
    """A clock after answers whose `Date` was so far from this machine's time."""
    clock = Clock()
    for each in apart:
        clock.hear(format_datetime(datetime.now(UTC) + each, usegmt=True))
    return clock


@pytest.mark.parametrize(
    ("apart", "expected"),
    [
        pytest.param([], timedelta(0), id="before-any-answer"),
        pytest.param([timedelta(0)], timedelta(0), id="equal"),
        pytest.param([-SECOND], timedelta(0), id="within-a-dates-precision"),
        pytest.param([timedelta(hours=1)], timedelta(hours=1), id="we-are-late"),
        pytest.param([timedelta(hours=-1)], timedelta(hours=-1), id="we-are-early"),
        pytest.param([timedelta(hours=1), timedelta(0)], timedelta(0), id="set-right-again"),
    ],
)
def test_whose_time_counts(apart: list[timedelta], expected: timedelta):
    off = answered(*apart).now() - datetime.now(UTC)
    # A Date is cut to its second.
    assert expected - 2 * SECOND < off < expected + SECOND
    if not expected:
        assert abs(off) < SECOND / 2


@pytest.mark.parametrize("date", ["", "yesterday", "2026-11-22T23:41:24Z"])
def test_nonsense_is_ignored(date: str):
    clock = answered(timedelta(hours=1))
    clock.hear(date)
    assert clock.now() - datetime.now(UTC) > timedelta(minutes=59)
