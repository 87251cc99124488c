"""Builders of runs and of everything around them, as plans and pods are decided from: short, with sensible defaults.

All resources come in as the API server's JSON, so the tables of the tests read like YAML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chris_operator.core.names import FINALIZER, ID_LABEL
from chris_operator.core.observe import Ended, JobFacts, PodFacts, Stage
from chris_operator.core.observed import (
    Given,
    ListingFact,
    ManifestFact,
    Observed,
    Settings,
    Tenant,
    UnionFact,
)
from chris_operator.core.plan import plan
from chris_operator.core.pods import PodSettings
from chris_operator.core.verdict import Claim, CreateFeed, Fact, Need, Plan
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstance, Usage

Object = dict[str, Any]
NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
CREATED = "2026-01-02T11:50:00Z"
UID = "5f0c2f5e-0000-4000-8000-000000000001"
FEED_UID = "5f0c2f5e-0000-4000-8000-0000000000f1"
JOB_UID = "5f0c2f5e-0000-4000-8000-00000000000a"
DIGEST = "sha256:" + "ab" * 32
SETTINGS = Settings(pods=PodSettings(staging_image="staging:1"))
TENANT = Tenant("alice", user="alice")


def at(seconds: float) -> datetime:
    """The moment so many seconds after NOW (negative: before)."""
    return NOW + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    """A moment as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def plugin(**spec: Any) -> PluginSpec:
    """A Plugin's spec: pl-x 1.0.0 of type ds unless told otherwise."""
    base = {"name": "pl-x", "version": "1.0.0", "dockImage": "localhost/x:1", "type": "ds", "selfexec": "x"}
    return PluginSpec.model_validate(base | spec)


FS = plugin(type="fs")
DS = plugin()
LINK = plugin(
    name="pl-dircopy",
    version="2.1.2",
    type="fs",
    parameters=[{"name": "dir", "type": "unextpath", "flag": "--dir"}],
)


def feed(number: int | None = 3, **meta: Any) -> Feed:
    """The Feed `look`."""
    status = {"id": number} if number else {}
    return Feed.model_validate(
        {"metadata": {"name": "look", "namespace": "alice", "uid": FEED_UID, **meta}, "status": status}
    )


FEED = feed()


def instance(
    name: str = "scan", *, spec: Object | None = None, status: Object | None = None, **meta: Any
) -> PluginInstance:
    """A run that its Feed owns and that carries our finalizer and the label of its number."""
    owner = {"apiVersion": "chrisproject.org/v1alpha1", "kind": "Feed", "name": "look", "uid": FEED_UID}
    metadata = {
        "name": name,
        "namespace": "alice",
        "uid": UID,
        "generation": 1,
        "creationTimestamp": CREATED,
        "finalizers": [FINALIZER],
        "labels": {ID_LABEL: "8"},
        "ownerReferences": [owner],
        **meta,
    }
    base = {"plugin": {"name": "pl-x", "version": "1.0.0"}}
    return PluginInstance.model_validate(
        {"metadata": metadata, "spec": base | (spec or {}), "status": status or {}}
    )


def condition(reason: str, truth: str = "Unknown", message: str = "", since: datetime = NOW) -> list[Object]:
    """The conditions of a run with this reason."""
    kind = {"Unknown": "Reconciling", "False": "Stalled"}.get(truth)
    common = {
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": text(since),
    }
    pair = [{"type": kind, "status": "True", **common}] if kind else []
    return [{"type": "Succeeded", "status": truth, **common}, *pair]


NUMBERED: Object = {"id": 8, "feed": "look", "feedId": 3, "user": "alice", "observedGeneration": 1}


def waiting(reason: str = "ParentRunning") -> Object:
    """The status of a run that has a number and waits."""
    return NUMBERED | {"conditions": condition(reason)}


def attempted(
    number: int = 1,
    *,
    uid: str | None = JOB_UID,
    memory: int = 200,
    reason: str = "Running",
    failures: Mapping[str, int] | None = None,
    **attempt: Any,
) -> Object:
    """The status of a run with an attempt under way."""
    told = {"number": number, "memory": memory, "created": text(at(-60)), **attempt}
    status = NUMBERED | {
        "conditions": condition(reason),
        "attempt": told | ({"uid": uid} if uid else {}),
    }
    return status | ({"failures": dict(failures)} if failures else {})


def between(
    reason: str, ended: datetime, *, failures: Mapping[str, int], number: int = 1, memory: int = 200
) -> Object:
    """The status of a run whose attempt failed and whose next one is due later."""
    return attempted(number, memory=memory, reason=reason, failures=failures, ended=text(ended)) | {
        "attempt": {
            "number": number,
            "uid": JOB_UID,
            "memory": memory,
            "ended": text(ended),
            "reason": reason,
        }
    }


def completed(reason: str = "Completed", truth: str = "True", since: datetime = NOW, **status: Any) -> Object:
    """The status of a run that has ended with an output."""
    output = {"attempt": 1, "digest": DIGEST, "files": 3, "bytes": 99, "partial": truth != "True"}
    return (
        NUMBERED
        | {
            "conditions": condition(reason, truth, since=since),
            "attempt": {"number": 1, "uid": JOB_UID},
            "output": output,
            "completionTime": text(since),
        }
        | status
    )


def parent(
    name: str = "root", reason: str = "Completed", truth: str = "True", **status: Any
) -> PluginInstance:
    """A parent that has ended as run number 7."""
    told = completed(reason, truth, at(-120), **{"id": 7, **status})
    return instance(name, spec={"plugin": {"name": "pl-y", "version": "1"}}, status=told)


def job(number: int = 1, *, created: datetime | None = None, **facts: Any) -> JobFacts:
    """The Job of an attempt, a minute old."""
    known: Object = {"deleted": False, "failed": None, "active": True, **facts}
    return JobFacts(name=f"scan-{number}", uid=JOB_UID, number=number, created=created or at(-60), **known)


def pod(stage: Stage, **facts: Any) -> PodFacts:
    """A pod at some stage, with the times that a minute-old pod has by then."""
    order = list(Stage)
    reached = order.index(stage)
    known: Object = {"name": "scan-1-abcde", "node": "n1", "created": at(-60), "image_id": "img@sha256:1"}
    if reached >= order.index(Stage.STAGING_IN):
        known["init_started"] = at(-50)
    if reached >= order.index(Stage.RUNNING):
        known |= {"stage_in": Ended(0, "Completed", at(-50), at(-40)), "plugin_started": at(-40)}
    if stage is Stage.PUBLISHING:
        known["plugin"] = Ended(0, "Completed", at(-40), at(-10))
    return PodFacts(stage=stage, **(known | facts))


REPORT: Object = {
    "step": "publish",
    "ok": True,
    "exitCode": 0,
    "digest": DIGEST,
    "files": 3,
    "bytes": 99,
    "manifestEtag": "e" * 32,
    "cpuSeconds": 1.5,
    "peakMemoryBytes": 1 << 20,
    "started": "2026-01-02T11:59:20.250Z",
    "ended": "2026-01-02T11:59:50.750Z",
}


def ended(
    plugin_exit: int = 0,
    publish_exit: int | None = None,
    *,
    reason: str | None = None,
    report: Object | None = None,
    **facts: Any,
) -> PodFacts:
    """A pod whose containers have all ended; publish follows the plugin's exit code unless told otherwise."""
    if publish_exit is None:
        publish_exit = 0 if plugin_exit == 0 else 1
    word = reason or ("Completed" if plugin_exit == 0 else "Error")
    message = REPORT | {"exitCode": plugin_exit} if report is None else report
    known: Object = {
        "init_started": at(-50),
        "stage_in": Ended(0, "Completed", at(-50), at(-40)),
        "plugin_started": at(-40),
        "plugin": Ended(plugin_exit, word, at(-40), at(-10)),
        "publish": Ended(publish_exit, "", at(-40), at(-5), message),
    }
    return pod(Stage.ENDED, **(known | facts))


def observed(
    run: PluginInstance | None = None,
    *,
    program: PluginSpec | None = DS,
    parents: Mapping[str, PluginInstance | None] | None = None,
    jobs: Sequence[JobFacts] = (),
    pod: PodFacts | None = None,
    feed: Feed | None = FEED,
    feed_name: str | None = "look",
    tenant: Tenant = TENANT,
    **others: Any,
) -> Observed:
    """A run of pl-x below its parent `root`, ready to start unless told otherwise."""
    run = run or instance(spec={"previous": ["root"]})
    if parents is None:
        parents = {name: parent(name) for name in run.spec.previous}
    return Observed(
        instance=run,
        tenant=tenant,
        settings=others.pop("settings", SETTINGS),
        plugin=program,
        feed=feed,
        feed_name=feed_name,
        parents=parents,
        jobs=tuple(jobs),
        pod=pod or PodFacts(),
        **others,
    )


def child(
    status: Object | None = None, *, name: str = "scan", meta: Object | None = None, **spec: Any
) -> PluginInstance:
    """A ds run below `root`."""
    return instance(name, spec={"previous": ["root"], **spec}, status=status, **(meta or {}))


FACTS = Given(
    run_id=8,
    prefixes=("home/alice/feeds/feed_3/runs/7/attempts/1/",),
    manifest=ManifestFact(digest=DIGEST, files=3, bytes=99),
    listing=ListingFact(digest=DIGEST, files=3, bytes=99),
    rejected="",
    kept=(),
    secret=True,
    units=5,
    union=UnionFact(
        digest=DIGEST,
        files=3,
        bytes=99,
        usage=Usage(cpu_seconds=7.5, peak_memory_bytes=3 << 20),
        started="2026-01-02T11:59:20.250Z",
        ended="2026-01-02T11:59:50.750Z",
    ),
    selected={},
    reusable=(),
)
"""What the shell would fetch when asked."""


def decide(o: Observed, now: datetime = NOW, facts: Given = FACTS) -> Plan:
    """The plan after every fact that it asked for was fetched, one at a time, as the shell does it."""
    for _ in Fact:
        decided = plan(o, now)
        if not isinstance(decided, Need):
            return decided
        field = decided.fact.name.lower()
        if getattr(o.given, field) is not None:
            raise AssertionError(f"the plan asks again for {decided.fact}, which it was given")
        problem = facts.storage_problem if decided.fact is not Fact.REJECTED else None
        change = {"storage_problem": problem} if problem else {field: getattr(facts, field)}
        o = replace(o, given=replace(o.given, **change))
    raise AssertionError("the plan asks for facts without end")


def written(o: Observed, decided: Plan) -> Observed:
    """The world after a plan's writes to the run itself: what comes before the status, and the status."""
    body = o.instance.wire()
    found = o.feed
    for action in decided.before:
        match action:
            case CreateFeed():
                found = feed(None, name=action.name)
            case Claim():
                owner = {"apiVersion": "v1", "kind": "Feed", "name": action.feed, "uid": action.feed_uid}
                ours = {"finalizers": [FINALIZER], "labels": {ID_LABEL: str(action.run_id)}}
                body["metadata"] |= ours | {"ownerReferences": [owner]}
            case _:
                raise AssertionError(f"{action} cannot stand before the status")
    if decided.status is not None:
        body["status"] = decided.status
    return replace(o, instance=PluginInstance.model_validate(body), feed=found)
