"""Names of objects and places in Swift."""

import re

import pytest

from chris_operator.core import names

LONG = "a" * 253
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("instance", "number", "expected"),
    [
        ("scan", 1, "scan-1"),
        ("scan", 12, "scan-12"),
        ("a" * 52, 1, "a" * 52 + "-1"),
        ("mask.2", 1, r"mask-2-[0-9a-f]{8}-1"),
        ("a" * 53, 1, r"a{43}-[0-9a-f]{8}-1"),
        (LONG, 1, r"a{43}-[0-9a-f]{8}-1"),
        ("a" * 42 + "-" * 10 + "b", 1, r"a{42}-[0-9a-f]{8}-1"),
    ],
    ids=["short", "two-digits", "just-fits", "dotted", "one-too-long", "longest", "cut-at-a-dash"],
)
def test_attempt_name(instance: str, number: int, expected: str):
    name = names.attempt_name(instance, number)
    assert re.fullmatch(expected, name)
    assert DNS_LABEL.fullmatch(name)
    assert len(f"{name}-abcde") <= 63, "a Job's pod adds six characters"


@pytest.mark.parametrize(
    ("one", "other"),
    [(LONG, LONG[:-1]), ("a.b", "a-b"), ("a" * 60 + "x", "a" * 60 + "y"), ("a.b", "a.c")],
    ids=["length", "dot", "end", "after-the-dot"],
)
def test_different_runs_have_different_attempts(one: str, other: str):
    assert names.attempt_name(one, 1) != names.attempt_name(other, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("scan", "scan"), (LONG, "a" * 63), ("a" * 62 + ".b", "a" * 62), ("a" * 61 + "--b", "a" * 61)],
    ids=["short", "long", "cut-at-a-dot", "cut-at-dashes"],
)
def test_label_value(text: str, expected: str):
    assert names.label_value(text) == expected


def test_places_in_swift_are_nested_and_end_in_a_slash():
    """`feed_1` must never match `feed_10`."""
    feed = names.feed_prefix("alice", 1)
    run = names.run_prefix("alice", 1, 7)
    attempt = names.attempt_prefix("alice", 1, 7, 2)
    assert attempt == "home/alice/feeds/feed_1/runs/7/attempts/2/"
    assert attempt.startswith(run)
    assert run.startswith(feed)
    assert not names.feed_prefix("alice", 10).startswith(feed)
    assert not names.run_prefix("alice", 1, 70).startswith(run)
