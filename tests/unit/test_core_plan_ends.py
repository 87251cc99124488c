"""Every end that an attempt can have, whom it is charged to, and what is kept of it."""

from dataclasses import replace

import pytest
from tests.attempt_scenes import BOUNDED, FAST, PUBLISH_FAILED, PULLING, REMOVED, STAGE_IN_FAILED, under_way
from tests.plan_rows import Row, check_decision, check_idempotence
from tests.runs import FACTS, NOW, at, attempted, ended, job, pod, text

from chris_operator.core.observe import Ended, PodFacts, Stage
from chris_operator.core.observed import ManifestFact
from chris_operator.core.phases import PHASES, Kind, Reason

ROWS = (
    Row(
        "evicted-with-its-state-saved",
        under_way(ended(143, 143, report=REMOVED, evicted="drained")),
        "Preempted",
        says=("its pod was evicted: drained; its checkpoint is saved (1 files, 2 bytes); attempt 2 follows",),
        event="Warning",
        again=0,
        moves_on=True,
    ),
    Row(
        "removed-with-its-state-lost",
        under_way(ended(143, 143, report=REMOVED | {"checkpoint": "not saved (SwiftUnavailable)"})),
        "NodeLost",
        says=("before the program's end; its checkpoint is not saved (SwiftUnavailable); attempt 2",),
        event="Warning",
        again=0,
        moves_on=True,
    ),
    Row(
        "succeeds",
        under_way(ended()),
        "Completed",
        "True",
        says=("3 files, 99 bytes",),
        event="Normal",
        actions=("copy 1",),
        status={
            "usage": {"exitCode": 0, "cpuSeconds": 1.5, "peakMemoryBytes": 1 << 20},
            "phases": {"queued": 10.0, "stageIn": 10.0, "plugin": 30.5, "publish": 4.25, "ours": 65.0},
            "completionTime": text(NOW),
            "duration": "10m0s",
            "image": "img@sha256:1",
        },
    ),
    Row(
        "succeeds-with-nothing",
        under_way(ended()),
        "Completed",
        "True",
        says=("wrote no files",),
        event="Warning",
        actions=("copy 1",),
        facts=replace(FACTS, manifest=ManifestFact(digest="sha256:0")),
    ),
    Row(
        "exits-3",
        under_way(ended(3)),
        "PluginFailed",
        "False",
        says=("attempt 1", "exit code 3", "no further attempt", "log"),
        event="Warning",
        actions=("copy 1",),
        status={"failures": {"PluginFailed": 1}},
    ),
    Row(
        "is-killed",
        under_way(ended(137)),
        "PluginFailed",
        "False",
        says=("SIGKILL",),
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "exits-3-with-retries",
        under_way(ended(3), spec={"retries": 1}),
        "PluginFailed",
        says=("attempt 2 follows",),
        event="Warning",
        again=0,
        status={"output": None, "failures": {"PluginFailed": 1}},
    ),
    Row(
        "exits-3-after-all-retries",
        under_way(ended(3), attempted(failures={"PluginFailed": 1}), spec={"retries": 1}),
        "PluginFailed",
        "False",
        says=("after 2 of this kind",),
        event="Warning",
        actions=("copy 1",),
    ),
    Row(
        "exits-3-after-the-platforms-failures",
        under_way(ended(3), attempted(failures={"NodeLost": 4, "Preempted": 9}), spec={"retries": 1}),
        "PluginFailed",
        event="Warning",
        again=0,
    ),
    Row(
        "out-of-memory",
        under_way(ended(137, reason="OOMKilled")),
        "OutOfMemory",
        says=("200 MiB", "gets 400 MiB"),
        event="Warning",
        again=0,
        moves_on=True,
    ),
    Row(
        "out-of-memory-at-the-maximum",
        under_way(ended(137, reason="OOMKilled"), attempted(memory=800), program=BOUNDED),
        "OutOfMemory",
        "False",
        says=("800 MiB", "maximum", "log"),
        event="Warning",
        actions=("copy 1",),
        status={"failures": {"OutOfMemory": 1}},
    ),
    Row(
        "out-of-memory-at-the-maximum-unpublished",
        under_way(
            ended(137, 75, reason="OOMKilled", report=PUBLISH_FAILED), attempted(memory=800), program=BOUNDED
        ),
        "OutOfMemory",
        "False",
        event="Warning",
        status={"output": None},
    ),
    Row(
        "never-starts",
        under_way(pod(Stage.PUBLISHING, start_problem="exec format error")),
        "PluginFailed",
        "False",
        says=("could not be started", "exec format error"),
        event="Warning",
        actions=("stop scan-1",),
    ),
    Row(
        "tools-cannot-be-executed",
        under_way(
            pod(
                Stage.PUBLISHING,
                start_problem='exec: "/chris/tools/opt/chris/tools/busybox": permission denied',
            ),
            settings=FAST,
        ),
        "PluginFailed",
        "False",
        says=("could not be started", "CHRIS_FAST_START=off"),
        event="Warning",
        actions=("stop scan-1",),
    ),
    Row(
        "writes-a-sparse-file-beyond-its-disk",
        under_way(ended(0, 75, report=PUBLISH_FAILED | {"code": "OutputTooLarge"})),
        "DiskExceeded",
        "False",
        says=("resources.ephemeralStorage",),
        event="Warning",
    ),
    Row(
        "fills-its-disk",
        under_way(
            ended(137, 137, report={}, evicted="Pod ephemeral local storage usage exceeds", own_excess=True)
        ),
        "DiskExceeded",
        "False",
        says=("ephemeralStorage",),
        event="Warning",
    ),
    Row(
        "evicted",
        under_way(ended(143, 143, report={}, evicted="drained")),
        "Preempted",
        says=("drained", "attempt 2 follows"),
        event="Warning",
        again=0,
    ),
    Row(
        "evicted-after-publishing",
        under_way(ended(evicted="drained")),
        "Completed",
        "True",
        event="Normal",
        actions=("copy 1",),
    ),
    Row(
        "stage-in-failed",
        under_way(PodFacts(stage=Stage.ENDED, stage_in=STAGE_IN_FAILED)),
        "StageInFailed",
        says=("ChecksumMismatch", "object runs/7/attempts/1/pack-1", "manifest line 12"),
        event="Warning",
        again=0,
    ),
    Row(
        "stage-in-failed-beside-the-others",
        under_way(
            pod(Stage.STAGING_IN, stage_in=replace(STAGE_IN_FAILED, finished=at(-60)), publish=Ended(75))
        ),
        "StageInFailed",
        says=("ChecksumMismatch", "manifest line 12"),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "stage-in-was-removed",
        under_way(PodFacts(stage=Stage.ENDED, stage_in=Ended(143, "Error", at(-50), at(-45)))),
        "NodeLost",
        says=("removed before the program's start",),
        event="Warning",
        again=0,
    ),
    Row(
        "program-died-beside-stage-in",
        under_way(
            pod(
                Stage.PUBLISHING,
                stage_in=None,
                plugin_started=None,
                plugin=Ended(137, "Error", at(-40), at(-30)),
            )
        ),
        "NodeLost",
        says=("ended with 137 before its input was there",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "program-had-died-before-stage-in-ended",
        under_way(pod(Stage.PUBLISHING, plugin=Ended(137, "Error", at(-50), at(-41)))),
        "NodeLost",
        says=("before its input was there",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "publish-failed",
        under_way(ended(0, 75, report=PUBLISH_FAILED)),
        "PublishFailed",
        says=("SwiftUnavailable", "600 s"),
        event="Warning",
        again=0,
        status={"output": None},
    ),
    Row(
        "publish-killed",
        under_way(ended(0, 137, report={})),
        "PublishFailed",
        says=("publish ended with exit code 137",),
        event="Warning",
        again=0,
    ),
    Row(
        "publish-says-nothing",
        under_way(ended(0, 0, report={})),
        "PublishFailed",
        event="Warning",
        again=0,
    ),
    Row(
        "publish-died-before-the-program",
        under_way(pod(Stage.RUNNING, publish=Ended(137, "Error"))),
        "PublishFailed",
        says=("137", "while the program was running"),
        event="Warning",
        actions=("stop scan-1",),
        again=0,
    ),
    Row(
        "manifest-does-not-hold",
        under_way(ended()),
        "PublishFailed",
        says=("digest",),
        event="Warning",
        again=0,
        facts=replace(FACTS, manifest=ManifestFact(problem="manifest: digest is another")),
        status={"output": None},
    ),
    Row(
        "aborted-from-outside",
        under_way(ended(143, 143, report={})),
        "NodeLost",
        says=("removed before",),
        event="Warning",
        again=0,
    ),
    Row(
        "pod-failed-without-a-word",
        under_way(PodFacts(stage=Stage.ENDED)),
        "NodeLost",
        event="Warning",
        again=0,
    ),
    Row(
        "pod-gone",
        under_way(jobs=(job(failed="backoff limit"),)),
        "NodeLost",
        says=("backoff limit",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "job-gone",  # its Secret is not
        under_way(jobs=()),
        "NodeLost",
        says=("deleted from outside",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "job-being-deleted",
        under_way(pod(Stage.RUNNING), jobs=(job(deleted=True),)),
        "NodeLost",
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "pod-hangs-on-a-dead-node",
        under_way(pod(Stage.RUNNING, deleted=True, deleted_at=at(-60))),
        "NodeLost",
        says=("node n1",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "pod-deleted-while-queued",
        under_way(pod(Stage.PENDING, node="", deleted=True, deleted_at=NOW)),
        "NodeLost",
        says=("deleted before it had a node",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "pod-evicted-while-queued",
        under_way(
            pod(Stage.PENDING, node="", deleted=True, deleted_at=NOW, evicted="Eviction API: evicting")
        ),
        "Preempted",
        says=("Eviction API",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
    Row(
        "image-not-pulled-in-time",
        under_way(pod(Stage.PENDING, created=at(-300), **PULLING)),
        "ImagePullFailed",
        says=("attempt 2 follows",),
        event="Warning",
        again=0,
        actions=("stop scan-1",),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_decision(row: Row):
    check_decision(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_idempotence(row: Row):
    check_idempotence(row)


def test_the_table_reaches_every_reason_that_is_retried():
    kinds = {Kind.RETRIED}
    reasons = {reason.value for reason in Reason if PHASES[reason].kind in kinds} - {
        Reason.VERIFYING,
        Reason.SCHEDULED,
    }
    assert reasons <= {row.reason for row in ROWS}
