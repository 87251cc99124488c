"""Several workers that share the work of one attempt: how many, what they say together, and how they ended.

The Job controller counts them and runs them again; it is asked first. Pods are asked where it cannot know: why a
worker failed. Then the order of blame is that of a single pod (`endings`), for the worker that decides.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt as AttemptStatus
from chris_operator.models.plugininstance import WorkerCounts
from chris_operator.models.quantity import MEBI

from . import endings, report, resources, transfers
from .conditions import timestamp
from .indexed import Fan
from .observe import Ended, JobFacts, PodFacts, Stage, parse_time
from .observed import Observed, UnionFact
from .phases import Reason
from .verdict import CopyManifest, Fact, Need, Verdict

MOST_WORKERS = 10_000
"""As many as `spec.workers` may ask for."""
_STEP = timedelta(minutes=1)
"""A step of progress is told for each minute at most: a run has few, however many workers it has."""
_STEPS = (
    "",
    ", a quarter of them has ended",
    ", half of them have ended",
    ", three quarters of them have ended",
)
_SHOWN = 60


def wanted(o: Observed, plugin: PluginSpec) -> Fan | None:
    """How several workers share the work; None where one pod does it. Never more than there are things to share."""
    spec, most = o.instance.spec, asked(o, plugin)
    units = o.given.units if plugin.split != "index" else None
    workers = most if units is None else min(most, units)
    if plugin.split is None or workers <= 1:
        return None
    return Fan(workers, plugin.split, spec.max_parallel, spec.retries_per_index, plugin.partial_success)


def must_count(o: Observed, plugin: PluginSpec) -> bool:
    """Whether it is not known yet what there is to share."""
    shares = plugin.split in {"files", "directories"}
    return shares and o.given.units is None and asked(o, plugin) > 1


def asked(o: Observed, plugin: PluginSpec) -> int:
    """How many workers the run wants at most."""
    workers = o.instance.spec.workers
    return min(plugin.workers.most, MOST_WORKERS) if workers == "auto" else workers


def counted(fan: Fan | None) -> WorkerCounts | None:
    """The workers of an attempt as the status names them at its start."""
    return WorkerCounts(count=fan.workers) if fan else None


def indexes(text: str) -> list[int]:
    """Indexes as a Job's status writes them.

    >>> indexes("0-2,7"), indexes("")
    ([0, 1, 2, 7], [])
    """
    spans = [part.partition("-") for part in text.split(",") if part]
    return [index for low, _, high in spans for index in range(int(low), int(high or low) + 1)]


def count(text: str) -> int:
    """How many indexes a Job's status names.

    >>> count("0-2,7")
    4
    """
    spans = [part.partition("-") for part in text.split(",") if part]
    return sum(int(high or low) - int(low) + 1 for low, _, high in spans)


def as_one(crew: Sequence[PodFacts], *, over: bool) -> PodFacts:
    """The pod that stands for all: one that needs care, else one that works.

    While the Job is not over, one that has ended stands for workers that are still to come.
    """
    pod = min(crew, key=_rank, default=PodFacts())
    begun = any(each.plugin_started for each in crew)
    if over or _needs_care(pod):
        return pod
    if begun and not (pod.stage is Stage.PENDING and pod.node):  # such a one may lack its Secret
        # Whoever publishes has kept the deadline.
        runs = [each.plugin_started for each in crew if each.stage is Stage.RUNNING and each.plugin_started]
        since = min(runs, default=None)
        return PodFacts(Stage.RUNNING, pod.name, pod.node, plugin_started=since, image_id=pod.image_id)
    return PodFacts(Stage.PENDING, created=pod.created) if pod.stage is Stage.ENDED else pod


def _works(pod: PodFacts) -> bool:
    return pod.stage in {Stage.RUNNING, Stage.PUBLISHING} and pod.plugin_started is not None


def _needs_care(pod: PodFacts) -> bool:
    if pod.stage is Stage.ENDED:
        return False
    failed = pod.stage_in is not None and pod.stage_in.exit_code != 0
    return pod.deleted or failed or bool(pod.start_problem or (pod.pull_problem and not pod.plugin_started))


def _rank(pod: PodFacts) -> int:
    if _needs_care(pod):
        return 1 if pod.pull_problem else 0
    if _works(pod):
        return 2
    if pod.stage is Stage.ENDED:
        return 5
    return 4 if pod.unschedulable else 3


def progress(o: Observed, job: JobFacts, now: datetime) -> tuple[str, dict[str, Any]]:
    """How far they are, in words that change seldom, and the status fields that change with the words only."""
    workers, start = job.workers or 1, _start(o)
    quarters = 4 * (count(job.succeeded) + count(job.given_up)) // workers
    minutes = (now - (parse_time(start) or now)) // _STEP
    words = f"{workers} workers share the work{_STEPS[min(quarters, minutes, len(_STEPS) - 1)]}"
    if stuck := _stuck(o, now):
        words += f"; the others find no node: {stuck}"
    told = find(o.instance.status.conditions, ConditionType.SUCCEEDED)
    counts = {} if told and told.message == words else {"workers": _counts(job)}
    return words, {"start_time": start, **counts}


def _start(o: Observed) -> str | None:
    """When the first worker of this attempt began, also where its pod is gone by now."""
    status = o.instance.status
    if status.start_time and status.attempt and status.start_time >= (status.attempt.created or ""):
        return status.start_time
    first = min((pod.plugin_started for pod in o.crew if pod.plugin_started), default=None)
    return timestamp(first) if first else None


def _stuck(o: Observed, now: datetime) -> str | None:
    """The scheduler's words, where nobody has worked for a while: between two workers there is always a moment."""
    if any(map(_works, o.crew)):
        return None
    last = max((pod.publish.finished for pod in o.crew if pod.publish and pod.publish.finished), default=now)
    if now - last < o.settings.grace_extra:
        return None
    return next((pod.unschedulable for pod in o.crew if pod.unschedulable), None)


def ended(
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need | None:
    """The verdict about an attempt of several workers; None while it goes on."""
    attempt = attempt.model_copy(update={"uid": job.uid})
    # Its eviction looks to the Job controller like anybody's, so it would be run again and again.
    spilled = next((pod for pod in o.crew if pod.own_excess), None)
    if spilled:
        return _as_this_one(replace(o, pod=spilled), plugin, attempt, job, now)
    if not (job.workers and job.over):
        return None
    return _united(o, attempt, job, now) if job.complete else _failed(o, plugin, attempt, job, now)


def _failed(
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need:
    """The Job controller has given up: on some workers, whose last pods tell why."""
    failed, last = indexes(job.given_up), _last(o.crew)
    if not failed:
        return endings.failed(o, attempt, Reason.NODE_LOST, f"its Job failed ({job.failed})", now)
    worst = next((index for index in failed if not _forgivable(o, plugin, last.get(index))), None)
    if worst is None and job.tolerant and job.succeeded:
        return _united(o, attempt, job, now)
    worker = failed[0] if worst is None else worst
    if worker not in last:
        heard = o.settings.settle - (now - (job.ended or now))
        if heard > timedelta(0):  # of its Job before its pod
            return Verdict(Reason.NODE_LOST, "", again=heard, quiet=True)
        words = f"the pod of worker {worker} of {job.workers} is gone"
        return endings.failed(o, attempt, Reason.NODE_LOST, words, now)
    return _as_this_one(replace(o, pod=last[worker]), plugin, attempt, job, now)


def _as_this_one(
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need:
    """The attempt ended as this worker did."""
    found = endings.ended_pod(o, plugin, attempt, job, now)
    if isinstance(found, Need):
        return found
    words = f"worker {o.pod.index} of {job.workers}, {found.message}"
    return replace(found, message=words, status=found.status | {"workers": _counts(job)})


def _last(crew: Sequence[PodFacts]) -> dict[int, PodFacts]:
    """The last pod of each worker that has ended."""
    over = [pod for pod in crew if pod.stage is Stage.ENDED and pod.index is not None and pod.created]
    return {
        pod.index: pod for pod in sorted(over, key=lambda each: str(each.created)) if pod.index is not None
    }


def _forgivable(o: Observed, plugin: PluginSpec, pod: PodFacts | None) -> bool:
    """The program itself failed there, and trying again with what we can give would not help."""
    if pod is None or pod.plugin is None or pod.plugin.exit_code == 0 or not endings.published(pod):
        return False
    attempt = o.instance.status.attempt
    memory = (attempt.memory if attempt else None) or (
        resources.requested(o.instance.spec, plugin).memory_bytes // MEBI
    )
    return pod.plugin.reason != "OOMKilled" or resources.grown(memory, plugin) is None


def _counts(job: JobFacts) -> WorkerCounts:
    return WorkerCounts(count=job.workers or 1, succeeded=count(job.succeeded), failed=count(job.given_up))


def _united(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict | Need:
    """The workers' output is one: the run has succeeded, unless two of them wrote the same path."""
    union = o.given.union
    if union is None:
        return transfers.evidence(o, attempt, Fact.UNION, now)
    if union.problem:
        words = f"its output does not hold: {union.problem}"
        return endings.failed(o, attempt, Reason.PUBLISH_FAILED, words, now)
    whole = replace(o, pod=_together(o.crew, union), given=replace(o.given, manifest=union))
    told = endings.adopted(whole, attempt.number, job, now, partial=bool(union.clashes))
    verdict = Verdict(
        Reason.COMPLETED,
        report.output_words(told["output"], whole.pod),
        final=True,
        status={"attempt": attempt, "workers": _counts(job)} | told,
        actions=(CopyManifest(attempt.number),),
    )
    if union.clashes:
        return _clash(verdict, attempt, union)
    if job.given_up:
        words = f"{verdict.message}; {count(job.given_up)} of {job.workers} workers failed ({_shown(job.given_up)})"
        return replace(verdict, reason=Reason.PARTLY_COMPLETED, message=words)
    return verdict


def _clash(verdict: Verdict, attempt: AttemptStatus, union: UnionFact) -> Verdict:
    first, second = union.clashing
    words = (
        f"{union.clashes} paths were written by more than one worker, one of them by workers {first} and {second}: "
        "each must write under names of its own. The run's log names the paths; it and what can stand together are kept"
    )
    ended = attempt.model_copy(update={"reason": Reason.OUTPUTS_CLASH.value})
    return replace(
        verdict, reason=Reason.OUTPUTS_CLASH, message=words, status=verdict.status | {"attempt": ended}
    )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rpartition(',')[0]} and more"


def _together(crew: Sequence[PodFacts], union: UnionFact) -> PodFacts:
    """All workers as one pod, from the first one's start to the last one's end."""
    ran = [pod for pod in crew if pod.plugin_started and pod.publish]
    first = min(ran, key=lambda pod: str(pod.plugin_started), default=PodFacts())
    last = max((pod.publish.finished for pod in ran if pod.publish and pod.publish.finished), default=None)
    used = union.usage
    message = {
        "started": union.started or None,
        "ended": union.ended or None,
        "cpuSeconds": used.cpu_seconds,
        "peakMemoryBytes": used.peak_memory_bytes,
        "skipped": sum(int(pod.publish.message.get("skipped", 0)) for pod in ran if pod.publish),
    }
    return replace(
        first,
        stage=Stage.ENDED,
        plugin=Ended(0, "Completed", first.plugin_started),
        publish=Ended(0, "Completed", finished=last, message=message),
    )
