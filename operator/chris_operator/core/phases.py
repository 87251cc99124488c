"""Every reason a run's `Succeeded` condition can carry, in one table.

Three readers share it, so none of them can drift: the planner asks who pays and whether to wait,
the REST shim asks for ChRIS's status name, the tests and the documentation enumerate the rows.

Two rules hold for every row and are tested: a reason is final exactly when its condition is `True`
or `False`, and a retried reason has a bound.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Who caused a reason: it decides whose retry budget an attempt is charged to."""

    USER = "user"
    PLUGIN = "plugin"
    INFRASTRUCTURE = "infrastructure"
    NOBODY = "nobody"


class Kind(StrEnum):
    """What a reason means for the run."""

    WAITING = "waiting"
    """Nothing runs; something outside the run must change first."""
    ACTIVE = "active"
    """An attempt is under way."""
    RETRIED = "retried"
    """An attempt ended badly; another follows until the bound is reached, then the reason is final."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class CubeStatus(StrEnum):
    """The status names that today's ChRIS clients know."""

    CREATED = "created"
    WAITING = "waiting"
    COPYING = "copying"
    SCHEDULED = "scheduled"
    STARTED = "started"
    UPLOADING = "uploading"
    REGISTERING_FILES = "registeringFiles"
    FINISHED_SUCCESSFULLY = "finishedSuccessfully"
    FINISHED_WITH_ERROR = "finishedWithError"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Machine-readable reasons of the `Succeeded` condition."""

    NOT_A_TENANT = "NotATenant"
    TENANT_CONFLICT = "TenantConflict"
    PLUGIN_NOT_FOUND = "PluginNotFound"
    FEED_NOT_FOUND = "FeedNotFound"
    PARENT_NOT_FOUND = "ParentNotFound"
    PARENT_RUNNING = "ParentRunning"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    COMPUTE_NOT_FOUND = "ComputeNotFound"
    COMPUTE_UNAVAILABLE = "ComputeUnavailable"
    SUSPENDED = "Suspended"
    SENDING_INPUTS = "SendingInputs"
    SCHEDULED = "Scheduled"
    QUEUED = "Queued"
    UNSCHEDULABLE = "Unschedulable"
    POD_REJECTED = "PodRejected"
    STAGING_IN = "StagingIn"
    RUNNING = "Running"
    PUBLISHING = "Publishing"
    FETCHING_OUTPUTS = "FetchingOutputs"
    VERIFYING = "Verifying"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    STAGE_IN_FAILED = "StageInFailed"
    PUBLISH_FAILED = "PublishFailed"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"
    PLUGIN_FAILED = "PluginFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    COMPLETED = "Completed"
    PARTLY_COMPLETED = "PartlyCompleted"
    CACHE_HIT = "CacheHit"
    INVALID_SPEC = "InvalidSpec"
    INVALID_PARAMETERS = "InvalidParameters"
    EMPTY_INPUT = "EmptyInput"
    PARENT_FAILED = "ParentFailed"
    OUTPUTS_CLASH = "OutputsClash"
    DISK_EXCEEDED = "DiskExceeded"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class Phase:
    """One row of the table."""

    kind: Kind
    fault: Fault
    cube: CubeStatus
    cube_final: CubeStatus | None = None
    """The ChRIS status once a retried reason has become final."""
    bound: int | None = None
    """Most attempts that may end for this reason before it is final; None: the run's own `retries`."""
    stalls: bool = False
    """kstatus shall call a run `Stalled` that waits for this."""


_PLATFORM_BOUND = 6

PHASES: dict[Reason, Phase] = {
    Reason.NOT_A_TENANT: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.TENANT_CONFLICT: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.PLUGIN_NOT_FOUND: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.FEED_NOT_FOUND: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.PARENT_NOT_FOUND: Phase(Kind.WAITING, Fault.USER, CubeStatus.WAITING),
    Reason.PARENT_RUNNING: Phase(Kind.WAITING, Fault.NOBODY, CubeStatus.WAITING),
    Reason.STORAGE_UNAVAILABLE: Phase(Kind.WAITING, Fault.INFRASTRUCTURE, CubeStatus.CREATED),
    Reason.COMPUTE_NOT_FOUND: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.COMPUTE_UNAVAILABLE: Phase(Kind.WAITING, Fault.INFRASTRUCTURE, CubeStatus.SCHEDULED, stalls=True),
    Reason.SUSPENDED: Phase(Kind.WAITING, Fault.USER, CubeStatus.CREATED),
    Reason.SENDING_INPUTS: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.COPYING),
    Reason.SCHEDULED: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.SCHEDULED),
    Reason.QUEUED: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.SCHEDULED),
    Reason.UNSCHEDULABLE: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.SCHEDULED),
    Reason.POD_REJECTED: Phase(Kind.ACTIVE, Fault.USER, CubeStatus.SCHEDULED),
    Reason.STAGING_IN: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.COPYING),
    Reason.RUNNING: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.STARTED),
    Reason.PUBLISHING: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.UPLOADING),
    Reason.FETCHING_OUTPUTS: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.UPLOADING),
    Reason.VERIFYING: Phase(Kind.ACTIVE, Fault.NOBODY, CubeStatus.REGISTERING_FILES),
    Reason.IMAGE_PULL_FAILED: Phase(
        Kind.RETRIED, Fault.INFRASTRUCTURE, CubeStatus.SCHEDULED, CubeStatus.CANCELLED, bound=3
    ),
    Reason.STAGE_IN_FAILED: Phase(
        Kind.RETRIED, Fault.INFRASTRUCTURE, CubeStatus.COPYING, CubeStatus.CANCELLED, bound=_PLATFORM_BOUND
    ),
    Reason.PUBLISH_FAILED: Phase(
        Kind.RETRIED, Fault.INFRASTRUCTURE, CubeStatus.UPLOADING, CubeStatus.CANCELLED, bound=_PLATFORM_BOUND
    ),
    Reason.PREEMPTED: Phase(
        Kind.RETRIED, Fault.INFRASTRUCTURE, CubeStatus.SCHEDULED, CubeStatus.CANCELLED, bound=100
    ),
    Reason.NODE_LOST: Phase(
        Kind.RETRIED, Fault.INFRASTRUCTURE, CubeStatus.SCHEDULED, CubeStatus.CANCELLED, bound=_PLATFORM_BOUND
    ),
    Reason.PLUGIN_FAILED: Phase(
        Kind.RETRIED, Fault.PLUGIN, CubeStatus.STARTED, CubeStatus.FINISHED_WITH_ERROR
    ),
    Reason.OUT_OF_MEMORY: Phase(
        Kind.RETRIED, Fault.PLUGIN, CubeStatus.STARTED, CubeStatus.FINISHED_WITH_ERROR, bound=32
    ),
    Reason.COMPLETED: Phase(Kind.SUCCEEDED, Fault.NOBODY, CubeStatus.FINISHED_SUCCESSFULLY),
    Reason.PARTLY_COMPLETED: Phase(Kind.SUCCEEDED, Fault.PLUGIN, CubeStatus.FINISHED_SUCCESSFULLY),
    Reason.CACHE_HIT: Phase(Kind.SUCCEEDED, Fault.NOBODY, CubeStatus.FINISHED_SUCCESSFULLY),
    Reason.INVALID_SPEC: Phase(Kind.FAILED, Fault.USER, CubeStatus.CANCELLED),
    Reason.INVALID_PARAMETERS: Phase(Kind.FAILED, Fault.USER, CubeStatus.CANCELLED),
    Reason.EMPTY_INPUT: Phase(Kind.FAILED, Fault.USER, CubeStatus.CANCELLED),
    Reason.PARENT_FAILED: Phase(Kind.FAILED, Fault.USER, CubeStatus.CANCELLED),
    Reason.OUTPUTS_CLASH: Phase(Kind.FAILED, Fault.PLUGIN, CubeStatus.FINISHED_WITH_ERROR),
    Reason.DISK_EXCEEDED: Phase(Kind.FAILED, Fault.PLUGIN, CubeStatus.FINISHED_WITH_ERROR),
    Reason.DEADLINE_EXCEEDED: Phase(Kind.FAILED, Fault.PLUGIN, CubeStatus.CANCELLED),
    Reason.CANCELLED: Phase(Kind.FAILED, Fault.USER, CubeStatus.CANCELLED),
}


def known_reason(text: str | None) -> Reason | None:
    """The reason of this name; None where a newer operator or a human hand wrote another one.

    >>> known_reason("Cancelled"), known_reason("Bored")
    (<Reason.CANCELLED: 'Cancelled'>, None)
    """
    return _BY_NAME.get(text) if text else None


_BY_NAME: dict[str, Reason] = {reason.value: reason for reason in Reason}


def cube_status(reason: Reason, status: str) -> CubeStatus:
    """ChRIS's name for a condition with this reason and status (`True`, `False` or `Unknown`)."""
    phase = PHASES[reason]
    if status != "Unknown" and phase.cube_final is not None:
        return phase.cube_final
    return phase.cube
