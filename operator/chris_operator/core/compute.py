"""Clusters elsewhere: whether a run may go there and what it may ask for, what we need there, and what we tell of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chris_operator.models.computeresource import ComputeResource, ComputeResourceSpec
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.quantity import MEBI, parse_cpu, parse_memory

from . import attempts, resources
from .conditions import ready_conditions
from .observed import Observed
from .phases import Reason
from .verdict import StopAttempt, Verdict

READY = "Connected"
_NEEDED = {
    ("batch", "jobs"): ("get", "list", "watch", "create", "delete"),
    ("", "pods"): ("list", "watch"),
    ("", "secrets"): ("get", "create", "patch", "delete"),
    ("", "events"): ("list",),
    ("networking.k8s.io", "networkpolicies"): ("create", "patch"),
    ("", "namespaces"): ("get",),
}
RECHECK = timedelta(seconds=30)
"""How often a cluster that can be used is asked whether it still can; its watches tell most losses earlier."""
_MOST = timedelta(seconds=30)
_ASK_SWIFT_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Right:
    """Something that we must be allowed to do in our namespace of the other cluster."""

    group: str
    resource: str
    verb: str


RIGHTS = tuple(Right(group, resource, verb) for (group, resource), verbs in _NEEDED.items() for verb in verbs)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at another cluster has shown."""

    reason: str
    message: str
    version: str | None = None
    swift_only: bool = False
    """What is wrong is its own Swift: the cluster itself can be looked at, and told what to stop."""

    @property
    def ready(self) -> bool:
        """Whether runs can go there."""
        return self.reason == READY

    @property
    def reachable(self) -> bool:
        """Whether the cluster can be looked at and told what to do."""
        return self.ready or self.swift_only


def missing_words(spec: ComputeResourceSpec, missing: list[Right]) -> str:
    """Which rights the kubeconfig's user lacks, and the remedy."""
    told = ", ".join(f"{right.verb} {right.resource}" for right in missing)
    return (
        f"the kubeconfig's user may not {told} in namespace {spec.namespace} there: "
        "apply manifests/remote to that cluster, or grant them"
    )


def pause(failures: int) -> timedelta:
    """How long to wait after so many looks in vain; none: the cluster could be used.

    >>> [pause(n).seconds for n in (0, 1, 2, 3, 9)]
    [30, 1, 2, 4, 30]
    """
    return min(timedelta(seconds=1 << min(failures - 1, 16)), _MOST) if failures else RECHECK


def status(compute: ComputeResource, finding: Finding, now: datetime) -> dict[str, Any] | None:
    """The whole status of a ComputeResource; None where it is right already."""
    generation, old = compute.metadata.generation, compute.status
    found = old.model_copy(
        update={
            "observed_generation": generation,
            "version": finding.version or old.version,
            "conditions": ready_conditions(
                finding.reason,
                finding.message,
                ready=finding.ready,
                stalled=True,
                generation=generation,
                now=now,
                before=old.conditions,
            ),
        }
    )
    return None if found.wire() == old.wire() else found.wire()


def event(compute: ComputeResource, finding: Finding) -> tuple[str, str, str] | None:
    """The Event of a change; None where the status tells the same already."""
    told = find(compute.status.conditions, ConditionType.READY)
    if told is not None and told.reason == finding.reason:
        return None
    return "Normal" if finding.ready else "Warning", finding.reason, finding.message


def usable(o: Observed) -> Verdict | None:
    """Whether the run's pods can be seen and started where it wants them; None where they can."""
    site, wanted = o.site, o.site.name
    if not wanted:
        return None
    if site.spec is None:
        words = f"spec.computeResource names {wanted}, and there is no such ComputeResource: create it"
        return Verdict(Reason.COMPUTE_NOT_FOUND, words)
    if attempts.about_to_start(o) and not site.spec.admits(o.tenant.user):
        words = f"ComputeResource {wanted} takes no runs of user {o.tenant.user}"
        return Verdict(Reason.COMPUTE_NOT_FOUND, f"{words}: an administrator adds the user to its spec.users")
    if site.connecting:
        return Verdict(Reason.COMPUTE_UNAVAILABLE, f"waits for cluster {wanted} to be looked at", quiet=True)
    problem = site.problem or site.storage_problem or o.given.compute_problem
    if problem:
        what = "cluster" if site.problem else "the Swift of cluster"
        again = None if site.problem or site.storage_problem else _ASK_SWIFT_AGAIN
        tail = "; its attempt may go on there" if o.instance.status.attempt else ""
        words = f"{what} {wanted} cannot be used: {problem}{tail}"
        return Verdict(Reason.COMPUTE_UNAVAILABLE, words, again=again)
    return None


def last_stop(o: Observed) -> tuple[StopAttempt, ...]:
    """What still goes from the other cluster with a run: no owner takes along a Secret that never got its Job."""
    attempt = o.instance.status.attempt
    if not o.site.name or o.site.problem or attempt is None:
        return ()
    return (StopAttempt(o.attempt_name(attempt.number), attempt.number),)


def complaints(o: Observed, plugin: PluginSpec) -> list[str]:
    """Which wishes lie above what the other cluster allows one pod, each with value, limit and remedy."""
    limits = o.site.spec.limits if o.site.spec else None
    if limits is None:
        return []
    got = resources.requested(o.instance.spec, plugin)
    disk = limits.ephemeral_storage
    checks = (
        ("cpu", got.cpu_millis, None if limits.cpu is None else parse_cpu(limits.cpu), 1, "m"),
        (
            "memory",
            got.memory_bytes,
            None if limits.memory is None else parse_memory(limits.memory),
            MEBI,
            "Mi",
        ),
        ("gpu", got.gpus, limits.gpu, 1, ""),
        ("ephemeralStorage", got.disk_bytes, None if disk is None else parse_memory(disk), MEBI, "Mi"),
    )
    return [
        f"the run needs {what} {value // unit}{suffix}, but ComputeResource {o.site.name} gives one pod at most "
        f"{most // unit}{suffix}: ask for less, or go elsewhere"
        for what, value, most, unit, suffix in checks
        if most is not None and value > most
    ]
