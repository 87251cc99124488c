"""The life of one attempt: from its number in the status to a verdict about the run.

Every function answers "what is true now, and what follows"; none remembers anything. How an attempt ended is
judged in `endings`.
"""

from datetime import datetime, timedelta

from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt as AttemptStatus
from chris_operator.models.plugininstance import PluginReference
from chris_operator.models.quantity import MEBI

from . import (
    caching,
    choosing,
    deadline,
    fanout,
    inputs,
    links,
    pods,
    queueing,
    report,
    resources,
    steering,
    transfers,
)
from .command import command, environment
from .conditions import timestamp
from .endings import ended_pod, failed, job_of, stage_in_failed, stop
from .observe import PLUGIN, Ended, JobFacts, PodFacts, Stage, parse_time
from .observed import Observed
from .phases import Reason, known_reason
from .rejections import with_remedy
from .verdict import Fact, Need, StartAttempt, StopAttempt, Verdict

_OBSTACLES = (Reason.POD_REJECTED, Reason.UNSCHEDULABLE, Reason.QUEUED)
_MOUNT_SIGNS = ("ImageVolumeMountFailed", pods.TOOLS)
"""In the words of kubelets and runtimes that cannot bring the tools as an image volume."""


def current(o: Observed, plugin: PluginSpec, now: datetime) -> Verdict | Need:
    """The verdict about the attempt that the status names; starts the first one where it names none."""
    attempt = o.instance.status.attempt
    if attempt is None:
        return _start(o, plugin, 1, None, now)
    if attempt.ended:
        return _after_failure(o, plugin, attempt, now)
    job = job_of(o, attempt.number)
    if job is None and attempt.uid is None and o.pod.stage is Stage.NO_POD:
        return _start(o, plugin, attempt.number, attempt.memory, now)
    if job is None and attempt.uid is None and (early := _settling(o, now)):
        return early  # the pod may have been heard of before its Job
    if job is None or (job.deleted and o.pod.stage is not Stage.ENDED):
        return failed(o, attempt, Reason.NODE_LOST, "its Job was deleted from outside", now)
    ended = fanout.ended(o, plugin, attempt, job, now)
    held = steering.withdrawn(o, attempt, job, now) or queueing.queued(o, attempt, job, now)
    return ended or held or _running(o, plugin, attempt, job, now)


def _settling(o: Observed, now: datetime) -> Verdict | None:
    age = now - (o.pod.created or now)
    if age >= o.settings.settle:
        return None
    return Verdict(Reason.SCHEDULED, "", again=o.settings.settle - age, quiet=True)


def about_to_start(o: Observed) -> bool:
    """Nothing runs, and the next thing to do is to start an attempt: all that it needs must be there, still.

    A parent that was deleted meanwhile is missed by a second attempt as it would have been by the first.
    """
    attempt = o.instance.status.attempt
    if attempt is None or attempt.ended:
        return True
    return attempt.uid is None and job_of(o, attempt.number) is None and o.pod.stage is Stage.NO_POD


def unregistered(wanted: PluginReference) -> PluginSpec:
    """Stands for a Plugin that was deleted under an attempt: the attempt goes on to its end, and none is started."""
    return PluginSpec(name=wanted.name, version=wanted.version, dock_image="-", type="fs", selfexec="-")


def build(o: Observed, plugin: PluginSpec, number: int, memory: int | None) -> pods.Attempt:
    """The attempt as it goes into the pod builder."""
    spec, meta, status = o.instance.spec, o.instance.metadata, o.instance.status
    run_id = status.id or o.given.run_id or 0
    first = o.parents.get(spec.previous[0]) if spec.previous else None
    fan = fanout.wanted(o, plugin)
    return pods.Attempt(
        namespace=o.namespace,
        instance=meta.name,
        uid=meta.uid,
        number=number,
        image=plugin.dock_image,
        command=command(plugin, spec.parameters),
        resources=resources.requested(spec, plugin, memory),
        environment=environment(run_id, o.tenant.user or "", first.status.id if first else None),
        input_bytes=sum(each.bytes for each in inputs.of(o)),
        fixed_user=o.tenant.fixed_user,
        network=plugin.network,
        priority_class=o.site.priority_class(spec.priority),
        remote_name=o.attempt_name(number) if o.site.name else "",
        remote_labels=o.site.labels,
        deadline_seconds=spec.deadline_seconds,
        checkpoint=plugin.checkpoint and fan is None,
        priority=spec.priority,
        queue=queueing.queue_of(o.instance),
        fan=fan,
    )


def _lacking(o: Observed, plugin: PluginSpec) -> Verdict | Need | None:
    """What is not known yet, or wrong, about the input that an attempt's Secret names."""
    if o.given.prefixes is None:
        return Need(Fact.PREFIXES)
    wrong = choosing.verdict(o, plugin) or _badly_named(o, plugin)
    if wrong is None and fanout.must_count(o, plugin):
        return Need(Fact.UNITS)
    return wrong


def _badly_named(o: Observed, plugin: PluginSpec) -> Verdict | Need | None:
    """The end of a run whose parameters name places in Swift where there is nothing to stage."""
    if not links.staged(o.instance, plugin):
        return None
    if o.given.listing is None:
        return Need(Fact.LISTING)
    problem = links.problem(o.instance, plugin, o.given.listing)
    return Verdict(Reason.INVALID_PARAMETERS, problem, final=True) if problem else None


def _start(o: Observed, plugin: PluginSpec, number: int, memory: int | None, now: datetime) -> Verdict | Need:
    if lacking := _lacking(o, plugin):
        return lacking
    if known := caching.verdict(o, plugin, now):
        return known
    if o.given.refused:
        return _refused(o, o.given.refused)
    if on_its_way := transfers.sending(o, now):
        return on_its_way
    attempt = build(o, plugin, number, memory)
    before = o.instance.status.attempt
    created = before.created if before and before.number == number else timestamp(now)
    status = AttemptStatus(
        number=number,
        memory=attempt.resources.memory_bytes // MEBI,
        deadline_seconds=attempt.deadline_seconds,
        created=created,
    )
    told = before is not None and before.number == number and not before.ended
    return Verdict(
        Reason.SCHEDULED,
        f"attempt {number} was handed to the cluster",
        status={
            "attempt": status,
            "workers": fanout.counted(attempt.fan),
            "cache_key": caching.key(o, plugin),
        },
        actions=(StartAttempt(attempt, inputs.readable(o)),),
        again=timedelta(seconds=5),
        # Tried again after a refusal: not told before it is known whether it is refused again.
        quiet=told and _told(o, Reason.POD_REJECTED),
    )


def _refused(o: Observed, words: str) -> Verdict:
    """The cluster does not take the attempt's Job or Secret; asked again, since nobody tells when it would."""
    return Verdict(Reason.POD_REJECTED, words, again=o.settings.backoff_first)


def _told(o: Observed, *reasons: Reason) -> bool:
    """Whether the status tells one of these reasons."""
    told = find(o.instance.status.conditions, ConditionType.SUCCEEDED)
    return told is not None and known_reason(told.reason) in reasons


def _backoff(o: Observed, attempt: AttemptStatus, reason: Reason, ended: datetime) -> timedelta:
    if reason in {Reason.OUT_OF_MEMORY, Reason.SUSPENDED}:
        return timedelta(0)
    lasted = ended - (parse_time(attempt.created) or ended)
    if reason is Reason.PREEMPTED and lasted > o.settings.backoff_most:
        return o.settings.backoff_first  # it found a place for long, so it may find one again
    failures = sum((o.instance.status.failures or {}).values())
    doublings = min(max(failures - 1, 0), 16)
    return min(o.settings.backoff_first * (1 << doublings), o.settings.backoff_most)


def _after_failure(o: Observed, plugin: PluginSpec, attempt: AttemptStatus, now: datetime) -> Verdict | Need:
    reason = known_reason(attempt.reason) or Reason.NODE_LOST
    ended = parse_time(attempt.ended) or now
    due = ended + _backoff(o, attempt, reason, ended)
    if now < due:
        return Verdict(reason, "", actions=stop(o, attempt), again=due - now, quiet=True)
    memory = attempt.memory
    if reason is Reason.OUT_OF_MEMORY and memory is not None:
        memory = resources.grown(memory, plugin) or memory
    return _start(o, plugin, attempt.number + 1, memory, now)


def _running(  # noqa: PLR0911  one return per place where a pod can be
    o: Observed, plugin: PluginSpec, attempt: AttemptStatus, job: JobFacts, now: datetime
) -> Verdict | Need:
    pod = o.pod
    if pod.stage is Stage.ENDED:
        return ended_pod(o, plugin, attempt, job, now)
    if pod.stage is Stage.NO_POD:
        return _no_pod(o, attempt, job, now)
    if pod.deleted:
        return _terminating(o, attempt, job, now)
    if pod.stage_in is not None and pod.stage_in.exit_code != 0:
        return _unwinding(o, attempt, pod.stage_in, now)
    if pod.pull_problem and pod.plugin_started is None:
        return _pulling(o, attempt, now)
    if pod.start_problem:
        # It never opened the FIFO, so publish would wait for its end for ever.
        words = f"the program could not be started: {pod.start_problem}"
        if pods.TOOLS in pod.start_problem:
            words += f": check {_culprit(o, pod.start_problem)}"
        return failed(o, attempt, Reason.PLUGIN_FAILED, words, now)
    known = {"attempt": attempt.model_copy(update={"uid": job.uid})}
    if pod.unschedulable:
        young = o.settings.settle - (now - (pod.created or now))
        if young > timedelta(0):
            # The room of a run that has just ended is often free before anybody could read of its lack.
            return Verdict(Reason.UNSCHEDULABLE, "", again=young, quiet=True)
        return Verdict(Reason.UNSCHEDULABLE, pod.unschedulable, status=known)
    waits = pod.stage is Stage.PENDING and pod.node and now - (pod.created or now) >= o.settings.settle
    lost = _without_secret(o, plugin, attempt) if waits else None
    return lost or _progress(o, attempt, job, now)


def _without_secret(o: Observed, plugin: PluginSpec, attempt: AttemptStatus) -> Verdict | Need | None:
    """A pod that has a node and does not start may lack its Secret, which somebody deleted: make it again."""
    if o.plugin is None:
        return None  # nobody knows what would have to be in it
    if o.given.secret is None:
        return Need(Fact.SECRET)
    if o.given.secret:
        return None
    if o.given.refused:
        return _refused(o, o.given.refused)
    if lacking := _lacking(o, plugin):
        return lacking
    again = StartAttempt(build(o, plugin, attempt.number, attempt.memory), inputs.readable(o))
    words = "its Secret was deleted and is made again"
    return Verdict(Reason.SCHEDULED, words, actions=(again,), again=o.settings.settle, quiet=True)


def _no_pod(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict | Need:
    if job.failed:
        return failed(o, attempt, Reason.NODE_LOST, f"its pod is gone ({job.failed})", now)
    age = now - (job.created or now)
    if age < o.settings.settle:
        return Verdict(Reason.SCHEDULED, "", again=o.settings.settle - age, quiet=True)
    if o.given.rejected is None:
        return Need(Fact.REJECTED)
    known = {"attempt": attempt.model_copy(update={"uid": job.uid})}
    if o.given.rejected:
        words = with_remedy(o.given.rejected, o.tenant.namespace)
        return Verdict(Reason.POD_REJECTED, words, status=known, again=timedelta(seconds=15))
    return Verdict(Reason.SCHEDULED, "", again=timedelta(seconds=5), quiet=True)


def _terminating(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict:
    """A pod that is being removed from outside: its node may be dead and never say so."""
    if not o.pod.node and not job.workers:
        if o.pod.evicted:
            return failed(o, attempt, Reason.PREEMPTED, f"its pod was evicted: {o.pod.evicted}", now)
        return failed(o, attempt, Reason.NODE_LOST, "its pod was deleted before it had a node", now)
    waited = now - (o.pod.deleted_at or now)  # counted from the end of the pod's grace period
    if waited < o.settings.grace_extra:
        return Verdict(Reason.NODE_LOST, "", again=o.settings.grace_extra - waited, quiet=True)
    words = f"its pod hangs in deletion on node {o.pod.node or 'unknown'}, which does not answer"
    return failed(o, attempt, Reason.NODE_LOST, words, now)


def _unwinding(o: Observed, attempt: AttemptStatus, stage_in: Ended, now: datetime) -> Verdict:
    """stage-in failed beside the others, who end when they notice: their logs stay. Those who do not are stopped."""
    waited = now - (stage_in.finished or now)
    if waited < o.settings.grace_extra:
        return Verdict(Reason.STAGE_IN_FAILED, "", again=o.settings.grace_extra - waited, quiet=True)
    return stage_in_failed(o, attempt, stage_in, now)


def _pulling(o: Observed, attempt: AttemptStatus, now: datetime) -> Verdict:
    # As long as stage-in works, an image that is missing holds nothing up yet.
    waited = now - ((o.pod.stage_in.finished if o.pod.stage_in else None) or o.pod.created or now)
    words = f"{o.pod.pull_problem}: check {_culprit(o, o.pod.pull_problem or '')}"
    told = find(o.instance.status.conditions, ConditionType.SUCCEEDED)
    if told and told.reason == Reason.IMAGE_PULL_FAILED and told.message.startswith(words.partition(":")[0]):
        words = told.message  # the kubelet's words change with every try; the first ones say most
    if waited >= o.settings.pull_patience:
        return failed(o, attempt, Reason.IMAGE_PULL_FAILED, words, now)
    return Verdict(Reason.IMAGE_PULL_FAILED, words, again=o.settings.pull_patience - waited)


def _culprit(o: Observed, problem: str) -> str:
    """Where to look when a container cannot start: the program's image, ours, or how our tools get into the pod."""
    if o.settings.pods.fast_start and any(sign in problem for sign in _MOUNT_SIGNS):
        return "that this node's container runtime mounts images, or give the operator CHRIS_FAST_START=off"
    if o.settings.pods.staging_image in problem or not problem.startswith(f"container {PLUGIN}:"):
        return "the operator's CHRIS_STAGING_IMAGE and CHRIS_IMAGE_PULL_SECRETS"
    return "the Plugin's dockImage and the namespace's pull secrets"


def _progress(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict:
    pod = o.pod
    known = {"attempt": attempt.model_copy(update={"uid": job.uid})} | report.facts(pod)
    if pod.plugin is None and pod.publish is not None:
        code = pod.publish.exit_code
        words = f"publish ended with {code} while the program was running"
        return failed(o, attempt, Reason.PUBLISH_FAILED, words, now)
    if pod.plugin is not None and _ended_before_its_input(pod):
        # It never opened the FIFO, so publish would wait for its end for ever.
        words = f"the program's container ended with {pod.plugin.exit_code} before its input was there"
        return failed(o, attempt, Reason.NODE_LOST, words, now)
    if pod.stage is Stage.RUNNING:
        return _program_runs(o, attempt, job, now)
    reason, since, words = {
        Stage.STAGING_IN: (Reason.STAGING_IN, pod.init_started, "the input is being fetched"),
        Stage.PUBLISHING: (
            Reason.PUBLISHING,
            pod.plugin.finished if pod.plugin else None,
            "the output is being published",
        ),
    }.get(pod.stage, (Reason.SCHEDULED, None, f"attempt {attempt.number} waits for its node"))
    age = now - (since or now)
    if reason is Reason.SCHEDULED and _told(o, *_OBSTACLES):
        return Verdict(reason, words, status=known, again=o.settings.settle)  # what the status tells is over
    if reason is Reason.SCHEDULED or age < o.settings.settle:
        # Short stages are not written down: each write costs the API server more than it tells anybody.
        return Verdict(reason, words, again=o.settings.settle, quiet=True)
    return Verdict(reason, words, status=known)


def _ended_before_its_input(pod: PodFacts) -> bool:
    """The program's container ended while stage-in still worked beside it."""
    if pod.plugin is None or pod.init_started is None:
        return False
    staged = pod.stage_in.finished if pod.stage_in else None
    return pod.stage_in is None or bool(pod.plugin.finished and staged and pod.plugin.finished < staged)


def _program_runs(o: Observed, attempt: AttemptStatus, job: JobFacts, now: datetime) -> Verdict:
    known = {"attempt": attempt.model_copy(update={"uid": job.uid})} | report.facts(o.pod)
    words = f"the program runs on node {o.pod.node}"
    if job.workers:
        words, more = fanout.progress(o, job, now)
        known |= more
    left = deadline.left(o, now)
    if left is None or left > timedelta(0):
        return Verdict(Reason.RUNNING, words, status=known, again=left)
    actions = (StopAttempt(job.name, job.number),)
    return Verdict(Reason.DEADLINE_EXCEEDED, deadline.words(o), final=True, status=known, actions=actions)
