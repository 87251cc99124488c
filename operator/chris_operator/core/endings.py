"""How an attempt ended, whose fault it was, and what follows for the run.

The order of the checks in `ended_pod` is the order of blame: what came from outside first, then our own steps,
then the program.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt as AttemptStatus
from chris_operator.models.plugininstance import Output
from chris_operator.models.quantity import MEBI
from chris_operator.staging import contract

from . import deadline, report, resources, transfers
from .conditions import timestamp
from .observe import Ended, JobFacts, PodFacts, Stage
from .observed import Observed
from .phases import PHASES, Reason
from .verdict import CopyManifest, Fact, Need, StopAttempt, Verdict

TOO_LARGE = "OutputTooLarge"
"""Code of publish for output beyond the run's disk: a sparse file may be larger than the disk it lies on."""
_DISRUPTIONS = frozenset({Reason.PREEMPTED, Reason.NODE_LOST})
_PUBLISHED = frozenset({contract.EXIT_OK, contract.EXIT_PLUGIN_FAILED})


def job_of(o: Observed, number: int) -> JobFacts | None:
    """The Job of an attempt, where it exists."""
    return next((job for job in o.jobs if job.number == number), None)


def stop(o: Observed, attempt: AttemptStatus) -> tuple[StopAttempt, ...]:
    """Stop what is left of an attempt; an ended pod stays for a while, for people who want to read its log.

    Where the Job was deleted by somebody else, the Secret is left.
    """
    job = job_of(o, attempt.number)
    if job and not job.deleted and o.pod.stage is Stage.ENDED:
        return ()
    return (StopAttempt(o.attempt_name(attempt.number), attempt.number),)


def failed(o: Observed, attempt: AttemptStatus, reason: Reason, words: str, now: datetime) -> Verdict:
    """An attempt ended badly: another follows while the reason's bound allows, else the run has failed."""
    failures = dict(o.instance.status.failures or {})
    failures[reason] = failures.get(reason, 0) + 1
    final = failures[reason] >= _allowed(o, reason)
    ended = attempt.model_copy(update={"ended": timestamp(now), "reason": reason.value})
    tail = (
        f"no further attempt after {failures[reason]} of this kind"
        if final
        else f"attempt {attempt.number + 1} follows"
    )
    return Verdict(
        reason,
        f"attempt {attempt.number}: {words}; {tail}",
        final=final,
        status={"attempt": ended, "failures": failures} | report.facts(o.pod),
        actions=stop(o, attempt),
        again=None if final else timedelta(0),
    )


def _allowed(o: Observed, reason: Reason) -> float:
    """How many attempts may end for this reason: a slack run gives way as often as it must."""
    if o.instance.spec.priority == "slack" and reason in _DISRUPTIONS:
        return math.inf
    bound = PHASES[reason].bound
    return o.instance.spec.retries + 1 if bound is None else bound


def ended_pod(  # noqa: PLR0911  one return per cause, in the order of blame
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need:
    """The verdict about an attempt whose containers have ended."""
    pod = o.pod
    attempt = attempt.model_copy(update={"uid": job.uid})
    if pod.own_excess:
        words = report.excess_words(pod.evicted or "")
        return Verdict(Reason.DISK_EXCEEDED, words, final=True, status=report.facts(pod))
    if pod.evicted and not published(pod):
        words = f"its pod was evicted: {pod.evicted}{report.checkpoint_words(pod)}"
        return failed(o, attempt, Reason.PREEMPTED, words, now)
    if pod.stage_in is not None and pod.stage_in.exit_code != 0:
        return stage_in_failed(o, attempt, pod.stage_in, now)
    if pod.plugin is not None and pod.plugin.reason == "OOMKilled":
        return _out_of_memory(o, plugin, attempt, job, now)
    if deadline.was_reached(o):
        return _past_deadline(o, attempt, job, now)
    if pod.plugin is None or pod.publish is None or not published(pod):
        return _unpublished(o, attempt, now)
    if pod.plugin.exit_code == 0 and pod.publish.exit_code != 0:
        # publish reads the program's end where the program could write; its output is marked partial.
        words = f"publish took the program for failed (exit code {pod.publish.exit_code}), but it ended well"
        return failed(o, attempt, Reason.PUBLISH_FAILED, words, now)
    if o.given.manifest is None:
        return transfers.evidence(o, attempt, Fact.MANIFEST, now)
    if o.given.manifest.problem:
        return failed(
            o, attempt, Reason.PUBLISH_FAILED, f"its output does not hold: {o.given.manifest.problem}", now
        )
    return _published_verdict(o, attempt, job, pod.plugin, now)


def stage_in_failed(o: Observed, attempt: AttemptStatus, stage_in: Ended, now: datetime) -> Verdict:
    """The verdict about an attempt whose input could not be staged."""
    if stage_in.exit_code == contract.EXIT_ABORTED:
        return _removed(o, attempt, "start", now)
    return failed(o, attempt, Reason.STAGE_IN_FAILED, report.step_words("stage-in", stage_in), now)


def _removed(o: Observed, attempt: AttemptStatus, before: str, now: datetime) -> Verdict:
    job, saved = job_of(o, attempt.number), report.checkpoint_words(o.pod)
    if job and job.suspended:
        return failed(o, attempt, Reason.PREEMPTED, f"its queue took its place back{saved}", now)
    return failed(
        o, attempt, Reason.NODE_LOST, f"its pod was removed before the program's {before}{saved}", now
    )


def published(pod: PodFacts) -> bool:
    """Whether what the program left is in Swift, with its log."""
    return (
        pod.publish is not None
        and pod.publish.exit_code in _PUBLISHED
        and bool(pod.publish.message.get("ok"))
    )


def _unpublished(o: Observed, attempt: AttemptStatus, now: datetime) -> Verdict:
    publish = o.pod.publish
    if publish is None or publish.exit_code == contract.EXIT_ABORTED:
        return _removed(o, attempt, "end", now)
    if publish.message.get("code") == TOO_LARGE:
        words = (
            f"{publish.message.get('message', 'the output is too large')}: raise resources.ephemeralStorage"
        )
        return Verdict(Reason.DISK_EXCEEDED, words, final=True, status=report.facts(o.pod))
    return failed(o, attempt, Reason.PUBLISH_FAILED, report.step_words("publish", publish), now)


def _out_of_memory(
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need:
    had = attempt.memory or resources.requested(o.instance.spec, plugin).memory_bytes // MEBI
    more = resources.grown(had, plugin)
    if more is not None:
        words = f"the program ran out of {had} MiB of memory and gets {more} MiB"
        return failed(o, attempt, Reason.OUT_OF_MEMORY, words, now)
    if published(o.pod) and o.given.manifest is None:
        return transfers.evidence(o, attempt, Fact.MANIFEST, now)
    words = f"the program needs more than {had} MiB of memory, the plugin's maximum"
    verdict = failed(o, attempt, Reason.OUT_OF_MEMORY, words, now)
    return _kept(o, replace(verdict, message=words, final=True, again=None), job, now)


def _past_deadline(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict | Need:
    if published(o.pod) and o.given.manifest is None:
        return transfers.evidence(o, attempt, Fact.MANIFEST, now)
    reason = Reason.DEADLINE_EXCEEDED
    ended = attempt.model_copy(update={"ended": timestamp(now), "reason": reason.value})
    status = {"attempt": ended} | report.facts(o.pod)
    return _kept(o, Verdict(reason, deadline.words(o), final=True, status=status), job, now)


def adopted(o: Observed, attempt: int, job: JobFacts, now: datetime, *, partial: bool) -> dict[str, Any]:
    """The commit: status fields that make an attempt's published manifest the run's output."""
    manifest = o.given.manifest
    if manifest is None:  # told apart from "not asked" by the callers
        raise ValueError("a published attempt is judged by its manifest")
    output = Output(
        attempt=attempt,
        digest=manifest.digest,
        files=manifest.files,
        bytes=manifest.bytes,
        partial=partial,
    )
    return {"output": output, "phases": report.phases(report.ready_since(o), job, o.pod, now)} | report.facts(
        o.pod
    )


def _kept(o: Observed, verdict: Verdict, job: JobFacts, now: datetime) -> Verdict:
    """A run that has failed for good keeps its log and what it wrote: readable, never an input."""
    manifest = o.given.manifest
    if not verdict.final or manifest is None or manifest.problem:
        return verdict
    return replace(
        verdict,
        message=f"{verdict.message}; its log and what it wrote are kept",
        status=adopted(o, job.number, job, now, partial=True) | verdict.status,
        actions=(*verdict.actions, CopyManifest(job.number)),
    )


def _published_verdict(
    o: Observed, attempt: AttemptStatus, job: JobFacts, plugin: Ended, now: datetime
) -> Verdict:
    if plugin.exit_code != 0:
        words = f"the program ended with exit code {plugin.exit_code}{report.signal_words(plugin.exit_code)}"
        return _kept(o, failed(o, attempt, Reason.PLUGIN_FAILED, words, now), job, now)
    status = {"attempt": attempt} | adopted(o, attempt.number, job, now, partial=False)
    words = report.output_words(status["output"], o.pod)
    return Verdict(
        Reason.COMPLETED, words, final=True, status=status, actions=(CopyManifest(attempt.number),)
    )
