"""The program's deadline. `run` keeps it, inside the pod, so that log and output are published when it is over.

It counts from when the input was there. The operator only judges afterwards, and stops a pod whose program is there
long after it: one that hangs in the kernel, or whose run got its deadline, or a shorter one, later.
"""

from datetime import datetime, timedelta

from chris_operator.staging import contract

from .observed import Observed

_TOLERANCE = timedelta(seconds=1)
"""Kubernetes' own times are whole seconds."""


def limit(o: Observed) -> int | None:
    """Seconds that the program may run: what its attempt was started with, or less if the run says so now."""
    known = (_told(o), o.instance.spec.deadline_seconds)
    return min((seconds for seconds in known if seconds is not None), default=None)


def _told(o: Observed) -> int | None:
    """What `run` was told, as far as the status knows."""
    attempt = o.instance.status.attempt
    return attempt.deadline_seconds if attempt else None


def left(o: Observed, now: datetime) -> timedelta | None:
    """How long a program that runs is left alone: its deadline, and the time that `run` and its node need to stop it."""
    seconds = limit(o)
    if seconds is None or o.pod.plugin_started is None:
        return None
    grace = timedelta(seconds=o.settings.pods.grace_seconds) + o.settings.grace_extra
    return o.pod.plugin_started + timedelta(seconds=seconds) + grace - now


def was_reached(o: Observed) -> bool:
    """Whether `run` stopped the program, and not before its time: the program itself may end with any code."""
    seconds, program, started = (
        _told(o) or o.instance.spec.deadline_seconds,
        o.pod.plugin,
        o.pod.plugin_started,
    )
    if seconds is None or program is None or program.exit_code != contract.EXIT_DEADLINE:
        return False
    if program.finished is None or started is None:
        return False
    return program.finished - started >= timedelta(seconds=seconds) - _TOLERANCE


def words(o: Observed) -> str:
    """What is told of a program that was stopped."""
    return (
        f"the program ran longer than deadlineSeconds: {limit(o)} and was stopped: raise it, or give more cpu"
    )
