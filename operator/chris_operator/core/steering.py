"""What users may still change about a run that exists: end it, with all that descends from it, or hold it back.

Holding back means "do not start yet": a program that runs is left to its end, and what waits for a node gives its
place up.
"""

from datetime import datetime

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt

from .conditions import timestamp
from .endings import stop
from .observe import JobFacts, Stage
from .observed import Observed
from .phases import Reason
from .verdict import Verdict

_WORDS = "suspended by its user (spec.suspend): set it to false to go on"


def cancelled(o: Observed) -> Verdict | None:
    """The end of a run that its user does not want any more, or whose ancestor he does not want."""
    if o.instance.spec.cancel:
        return Verdict(Reason.CANCELLED, "cancelled by its user (spec.cancel)", final=True)
    if o.cancelled_by:
        words = f"cancelled with {o.cancelled_by}, from which it descends and whose user set spec.cancel"
        return Verdict(Reason.CANCELLED, f"{words}: run it again below another parent", final=True)
    return None


def held_back(o: Observed, _plugin: PluginSpec) -> Verdict | None:
    """A run that is suspended gets no attempt; what its last one may have left running is stopped."""
    if not o.instance.spec.suspend:
        return None
    attempt = o.instance.status.attempt
    return Verdict(Reason.SUSPENDED, _WORDS, actions=stop(o, attempt) if attempt and attempt.ended else ())


def withdrawn(o: Observed, attempt: Attempt, job: JobFacts, now: datetime) -> Verdict | None:
    """A suspended run's attempt that has no node yet is taken back, and charged to nobody."""
    waits = o.pod.stage in {Stage.NO_POD, Stage.PENDING} and not o.pod.node
    if not o.instance.spec.suspend or not waits or job.failed:
        return None
    ended = attempt.model_copy(update={"ended": timestamp(now), "reason": Reason.SUSPENDED.value})
    return Verdict(Reason.SUSPENDED, _WORDS, status={"attempt": ended}, actions=stop(o, attempt))
