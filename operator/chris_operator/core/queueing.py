"""Runs that wait in a queue of Kueue's: their Jobs are made suspended, and Kueue alone decides when they go on.

https://kueue.sigs.k8s.io/docs/tasks/run/jobs/: the label names the queue, and `spec.suspend` is Kueue's to write.
"""

from datetime import datetime

from chris_operator.models.plugininstance import Attempt, PluginInstance

from .endings import failed
from .names import QUEUE_LABEL
from .observe import JobFacts, Stage
from .observed import Observed
from .phases import Reason
from .verdict import Verdict


def queue_of(instance: PluginInstance) -> str:
    """The queue that the run's Jobs go into; empty where it names none."""
    return instance.metadata.labels.get(QUEUE_LABEL, "")


def queued(o: Observed, attempt: Attempt, job: JobFacts, now: datetime) -> Verdict | None:
    """The verdict about an attempt whose Job is suspended and has no pod that has begun; None for all others."""
    if not job.suspended or o.pod.stage not in {Stage.NO_POD, Stage.PENDING}:
        return None
    if job.failed:
        return failed(o, attempt, Reason.PREEMPTED, "its queue took its place back", now)
    age = now - (job.created or now)
    if age < o.settings.settle:
        return Verdict(Reason.QUEUED, "", again=o.settings.settle - age, quiet=True)
    words = f"waits in queue {queue_of(o.instance) or 'of an earlier label'} until Kueue admits its Job {job.name}"
    return Verdict(Reason.QUEUED, words, status={"attempt": attempt.model_copy(update={"uid": job.uid})})
