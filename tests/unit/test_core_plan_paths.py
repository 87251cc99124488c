"""Paths in Swift that parameters name: linked without a pod, staged beside a parent's output, or refused."""

from dataclasses import replace
from typing import Any

import pytest
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import FACTS, LINK, child, decide, instance, job, observed, plugin, pod, written

from chris_operator.core.observe import Stage
from chris_operator.core.observed import ListingFact, Observed
from chris_operator.core.verdict import StartAttempt

START = ("start scan-1 200Mi",)
DOWN = replace(FACTS, storage_problem="connection refused")
ASKING_PATH = plugin(parameters=[{"name": "dir", "type": "path", "flag": "--dir"}])
ASKING_LINK = plugin(parameters=[{"name": "link", "type": "unextpath", "flag": "--link"}])


def link(paths: str, **others: Any) -> Observed:
    """A run of pl-dircopy."""
    spec = {
        "plugin": {"name": "pl-dircopy", "version": "2.1.2"},
        "parameters": {"dir": paths},
        "feed": "look",
    }
    return observed(instance(spec=spec), program=LINK, no_pod=True, **others)


ROWS = (
    Row(
        "path-of-another-user",
        observed(child(None, parameters={"dir": "home/bob/uploads/x"}), program=ASKING_PATH),
        "InvalidParameters",
        "False",
        says=("'dir'", "'home/bob/uploads/x'", "user 'bob'"),
        event="Warning",
    ),
    Row(
        "link-to-a-program-with-a-pod",
        observed(child(None, parameters={"link": "home/alice/uploads/x"}), program=ASKING_LINK),
        "InvalidParameters",
        "False",
        says=("'link'", "unextpath", "pl-dircopy"),
        event="Warning",
    ),
    Row(
        "path-with-nothing-there",
        observed(child(None, parameters={"dir": "home/alice/uploads/x"}), program=ASKING_PATH),
        "InvalidParameters",
        "False",
        says=("'dir' (type path): path 'home/alice/uploads/x' leads to no files",),
        event="Warning",
        facts=replace(FACTS, listing=ListingFact(missing=("home/alice/uploads/x",))),
    ),
    Row(
        "path-that-can-be-staged",
        observed(child(None, parameters={"dir": "home/alice/uploads/x"}), program=ASKING_PATH),
        "Scheduled",
        actions=START,
        again=5,
    ),
    Row(
        "links",
        link("home/alice/uploads/a"),
        "Completed",
        "True",
        actions=("copy 1",),
        says=("3 files", "linked"),
        event="Normal",
        status={
            "output": {
                "attempt": 1,
                "digest": FACTS.listing.digest,
                "files": 3,
                "bytes": 99,
                "partial": False,
            }
        }
        if FACTS.listing
        else {},
    ),
    Row(
        "links-nothing",
        link(" , "),
        "InvalidParameters",
        "False",
        says=("'dir' (type unextpath): ' , ' names no path",),
        event="Warning",
    ),
    Row(
        "links-what-is-another-users",
        link("home/alice/uploads/a,home/bob/uploads/b"),
        "InvalidParameters",
        "False",
        says=("'home/bob/uploads/b' belongs to user 'bob'",),
        event="Warning",
    ),
    Row(
        "links-what-is-absent",
        link("home/alice/uploads/a,home/alice/uploads/b"),
        "InvalidParameters",
        "False",
        says=("'dir' (type unextpath): path 'home/alice/uploads/b' leads to no files",),
        event="Warning",
        facts=replace(FACTS, listing=ListingFact(missing=("home/alice/uploads/b",))),
    ),
    Row(
        "links-without-swift",
        link("home/alice/uploads/a"),
        "StorageUnavailable",
        event="Warning",
        again=10,
        facts=DOWN,
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


def test_a_secret_that_is_made_again_opens_what_the_first_one_opened():
    """Somebody deleted it before the pod could start: the paths named are in both."""
    run = child(None, parameters={"dir": "home/alice/uploads/x"})
    listing = ListingFact(digest="sha256:1", files=1, bytes=1, prefixes=("home/alice/uploads/x/",))
    facts = replace(FACTS, listing=listing, secret=False)
    first = decide(observed(run, program=ASKING_PATH), facts=facts)
    waiting = written(observed(run, program=ASKING_PATH), first)
    again = decide(replace(waiting, jobs=(job(),), pod=pod(Stage.PENDING)), facts=facts)
    assert again.actions == first.actions
    (start,) = again.actions
    assert isinstance(start, StartAttempt)
    assert "home/alice/uploads/x/" in start.prefixes
