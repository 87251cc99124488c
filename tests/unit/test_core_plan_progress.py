"""While an attempt goes on: what is told, how soon to look again, and that a cancelled run ends at any stage."""

from dataclasses import replace
from typing import Any

import pytest
from tests.attempt_scenes import FAST, NEW, PULLING, STAGE_IN_FAILED, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import (
    FACTS,
    NOW,
    Object,
    at,
    attempted,
    between,
    child,
    condition,
    decide,
    ended,
    job,
    observed,
    pod,
    text,
    written,
)

from chris_operator.core.observe import Ended, Stage
from chris_operator.core.observed import Given, Observed


def silent(what: str, o: Observed, again: float | None, **others: Any) -> Row:
    """Nothing is told."""
    return Row(what, o, None, again=again, **others)


def known(o: Observed) -> Observed:
    """The same when its status has been written."""
    return written(o, decide(o))


YOUNG = (job(created=at(-1)),)
NO_SWIFT = replace(FACTS, storage_problem="connection refused")
REFUSED = replace(FACTS, rejected="forbidden: exceeded quota: small")
GOING_ON = (
    Row(
        "number-told-but-job-not-made",
        observed(child(NEW)),
        "Scheduled",
        again=5,
        actions=("start scan-1 200Mi",),
    ),
    silent("job-but-no-pod-yet", under_way(status=NEW, jobs=YOUNG), 1),
    silent("job-and-still-no-pod", under_way(status=NEW), 5),
    silent("pod-waits-for-its-node", under_way(pod(Stage.PENDING), NEW), 2),
    silent(
        "pod-waits-for-a-secret-that-was-deleted",
        under_way(pod(Stage.PENDING), NEW),
        2,
        facts=replace(FACTS, secret=False),
        actions=("start scan-1 200Mi",),
    ),
    silent(
        "secret-deleted-before-the-pod-has-a-node",
        under_way(pod(Stage.PENDING, node=""), NEW),
        2,
        facts=replace(FACTS, secret=False),
    ),
    silent(
        "unschedulable-for-a-moment",
        under_way(pod(Stage.PENDING, unschedulable="0/1 nodes", created=at(-0.5)), NEW),
        1.5,
    ),
    Row(
        "unschedulable",
        under_way(pod(Stage.PENDING, unschedulable="0/1 nodes are available: 1 Insufficient cpu"), NEW),
        "Unschedulable",
        says=("Insufficient cpu",),
        event="Normal",
    ),
    Row(
        "pod-refused",
        under_way(status=NEW),
        "PodRejected",
        says=("exceeded quota", "ResourceQuota small of namespace alice"),
        event="Warning",
        again=15,
        facts=REFUSED,
    ),
    Row(
        "job-refused",
        observed(child(NEW), given=Given(refused="the Job scan-1 is refused: exceeded quota")),
        "PodRejected",
        says=("the Job scan-1 is refused: exceeded quota",),
        event="Warning",
        again=10,
    ),
    silent(
        "job-asked-for-again",
        observed(child(attempted(uid=None, reason="PodRejected"))),
        5,
        actions=("start scan-1 200Mi",),
    ),
    Row(
        "secret-refused-the-second-time",
        under_way(
            pod(Stage.PENDING), NEW, given=Given(secret=False, refused="the Secret scan-1 is refused: no")
        ),
        "PodRejected",
        says=("the Secret scan-1",),
        event="Warning",
        again=10,
    ),
    Row(
        "pod-no-longer-refused",
        under_way(pod(Stage.PENDING), attempted(uid=None, reason="PodRejected")),
        "Scheduled",
        says=("waits for its node",),
        again=2,
    ),
    Row(
        "node-found-at-last",
        under_way(pod(Stage.PENDING), attempted(reason="Unschedulable")),
        "Scheduled",
        says=("waits for its node",),
        again=2,
    ),
    silent("short-stage-in", under_way(pod(Stage.STAGING_IN, init_started=at(-1)), NEW), 2),
    Row("long-stage-in", under_way(pod(Stage.STAGING_IN), NEW), "StagingIn"),
    Row(
        "image-cannot-be-pulled",
        under_way(pod(Stage.PENDING, **PULLING), NEW),
        "ImagePullFailed",
        says=("container plugin: not found", "dockImage"),
        event="Warning",
        again=240,
    ),
    silent(
        "image-still-cannot-be-pulled",  # in other words, as the kubelet finds them at every try
        under_way(
            pod(Stage.PENDING, pull_problem="container plugin: Back-off pulling image"),
            attempted(uid=None)
            | {"conditions": condition("ImagePullFailed", message="container plugin: not found")},
        ),
        240,
    ),
    Row(
        "another-image-cannot-be-pulled",
        under_way(
            pod(Stage.PENDING, pull_problem="container stage-in: not found"),
            attempted(uid=None)
            | {"conditions": condition("ImagePullFailed", message="container plugin: not found")},
        ),
        "ImagePullFailed",
        says=("container stage-in: not found", "CHRIS_STAGING_IMAGE"),
        again=240,
    ),
    Row(
        "image-of-the-tools-cannot-be-pulled",
        under_way(
            pod(Stage.PENDING, pull_problem='container plugin: pulling "staging:1"'), NEW, settings=FAST
        ),
        "ImagePullFailed",
        says=("container plugin", "CHRIS_STAGING_IMAGE"),
        event="Warning",
        again=240,
    ),
    Row(
        "image-of-the-tools-cannot-be-mounted",
        under_way(
            pod(Stage.PENDING, pull_problem="container plugin: ImageVolumeMountFailed: no"),
            NEW,
            settings=FAST,
        ),
        "ImagePullFailed",
        says=("container plugin", "CHRIS_FAST_START=off"),
        event="Warning",
        again=240,
    ),
    Row(
        "image-held-nothing-up-while-stage-in-worked",
        under_way(
            pod(Stage.STAGING_IN, created=at(-900), stage_in=Ended(0, "", at(-880), at(-10)), **PULLING), NEW
        ),
        "ImagePullFailed",
        event="Warning",
        again=290,
    ),
    silent(
        "stage-in-failed-and-the-others-do-not-know-yet",
        under_way(pod(Stage.STAGING_IN, stage_in=STAGE_IN_FAILED, publish=Ended(75))),
        15,
    ),
    Row(
        "runs",
        under_way(pod(Stage.RUNNING), NEW),
        "Running",
        says=("node n1",),
        status={"startTime": text(at(-40))},
    ),
    silent("runs-and-is-known-to", known(under_way(pod(Stage.RUNNING), NEW)), None),
    Row(
        "runs-within-its-deadline",
        under_way(pod(Stage.RUNNING), NEW, spec={"deadlineSeconds": 50}),
        "Running",
        again=100,
    ),
    silent("short-publishing", under_way(pod(Stage.PUBLISHING, plugin=Ended(0, "", at(-40), at(-1)))), 2),
    Row("long-publishing", under_way(pod(Stage.PUBLISHING)), "Publishing", status={"usage": {"exitCode": 0}}),
    silent(
        "being-deleted-within-its-grace", under_way(pod(Stage.RUNNING, deleted=True, deleted_at=at(20))), 80
    ),
    silent("being-deleted-a-little-late", under_way(pod(Stage.RUNNING, deleted=True, deleted_at=at(-59))), 1),
    silent("ended-while-swift-is-down", under_way(ended()), 10, facts=NO_SWIFT),
    Row("suspended-too-late", under_way(pod(Stage.RUNNING), NEW, spec={"suspend": True}), "Running"),
    Row("parent-deleted-meanwhile", under_way(pod(Stage.RUNNING), NEW, parents={"root": None}), "Running"),
)

CANCEL: Object = {"spec": {"cancel": True}}
CANCELLED = tuple(
    Row(f"cancelled-{what}", o, "Cancelled", "False", event="Normal")
    for what, o in {
        "before-the-job": observed(child(NEW, cancel=True)),
        "without-pod": under_way(**CANCEL),
        "pending": under_way(pod(Stage.PENDING), **CANCEL),
        "staging-in": under_way(pod(Stage.STAGING_IN), **CANCEL),
        "running": under_way(pod(Stage.RUNNING), **CANCEL),
        "publishing": under_way(pod(Stage.PUBLISHING), **CANCEL),
        "between-attempts": under_way(
            status=between("NodeLost", NOW, failures={"NodeLost": 1}), jobs=(), **CANCEL
        ),
    }.items()
)
ROWS = (*GOING_ON, *CANCELLED)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)
