"""What every reason means and what to do about it, in words for people who look at a run.

The README's table is made from here and from `phases`, and a test keeps the three together.
"""

from dataclasses import dataclass

from .phases import PHASES, Fault, Kind, Phase, Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reason in two sentences; no remedy where there is nothing to do."""

    text: str
    remedy: str = ""


MEANINGS: dict[Reason, Meaning] = {
    Reason.NOT_A_TENANT: Meaning(
        "the namespace works for no user", "an administrator labels it `chrisproject.org/user=<user>`"
    ),
    Reason.TENANT_CONFLICT: Meaning(
        "an older namespace already works for this user", "an administrator changes one of the two labels"
    ),
    Reason.PLUGIN_NOT_FOUND: Meaning("no Plugin of this name and version is registered", "apply it"),
    Reason.FEED_NOT_FOUND: Meaning("`spec.feed` names no Feed", "create it, or leave `feed` out"),
    Reason.PARENT_NOT_FOUND: Meaning("`spec.previous` names a run that does not exist yet", "create it"),
    Reason.PARENT_RUNNING: Meaning("a parent has not ended"),
    Reason.STORAGE_UNAVAILABLE: Meaning(
        "Swift does not answer; the operator asks again until it does", "see the operator's log"
    ),
    Reason.COMPUTE_NOT_FOUND: Meaning(
        "`spec.computeResource` names no ComputeResource, or one that takes no runs of this user",
        "create it, or an administrator adds the user to its `spec.users`",
    ),
    Reason.COMPUTE_UNAVAILABLE: Meaning(
        "the cluster that the run goes to, or its Swift, cannot be reached or used; an attempt that runs there is found again",
        "see `kubectl describe computeresource`; nothing is lost meanwhile",
    ),
    Reason.SUSPENDED: Meaning("`spec.suspend` is set", "set it to false"),
    Reason.SENDING_INPUTS: Meaning("its input is being copied to the Swift of the cluster that it goes to"),
    Reason.SCHEDULED: Meaning("a pod has been asked for and waits for its node and images"),
    Reason.QUEUED: Meaning(
        "the queue that its label `kueue.x-k8s.io/queue-name` names has not admitted it", "wait"
    ),
    Reason.UNSCHEDULABLE: Meaning(
        "no node has room for the pod; the message is the scheduler's", "wait, or ask for less"
    ),
    Reason.POD_REJECTED: Meaning(
        "quota, LimitRange, Pod Security or an admission policy refuse the pod, its Job or its Secret, or a name is "
        "taken; the message is theirs, with what to do",
        "mend the namespace or ask for less; it is asked again",
    ),
    Reason.STAGING_IN: Meaning("the parents' outputs are being fetched"),
    Reason.RUNNING: Meaning("the program runs"),
    Reason.PUBLISHING: Meaning("the output is being written to Swift"),
    Reason.FETCHING_OUTPUTS: Meaning(
        "its output is being copied from the Swift of the cluster where it ran, and every byte proven"
    ),
    Reason.VERIFYING: Meaning("the operator checks what was published"),
    Reason.IMAGE_PULL_FAILED: Meaning(
        "the image cannot be pulled; the message is the kubelet's", "correct `dockImage` or the pull secrets"
    ),
    Reason.STAGE_IN_FAILED: Meaning(
        "an input could not be fetched, or its bytes are not what its manifest says", "see the message's code"
    ),
    Reason.PUBLISH_FAILED: Meaning("the output could not be written to Swift", "see the message's code"),
    Reason.PREEMPTED: Meaning(
        "the pod had to give way or its node was drained; a slack run is tried again without end"
    ),
    Reason.NODE_LOST: Meaning("the pod or its node vanished while it ran"),
    Reason.PLUGIN_FAILED: Meaning(
        "the program ended with another exit code than 0", "read its log; what it wrote is kept"
    ),
    Reason.OUT_OF_MEMORY: Meaning(
        "the program needed more memory; it gets more, up to the Plugin's maximum",
        "raise `maxMemoryLimit` in a new version",
    ),
    Reason.COMPLETED: Meaning("the output is complete, checked and readable"),
    Reason.PARTLY_COMPLETED: Meaning(
        "some workers failed, which the Plugin allows (`partialSuccess`); the output is that of the others",
        "read the run's log",
    ),
    Reason.CACHE_HIT: Meaning("an equal earlier run's output serves"),
    Reason.INVALID_SPEC: Meaning("the run contradicts itself or its Plugin", "create another run"),
    Reason.INVALID_PARAMETERS: Meaning(
        "a parameter is missing, unknown or of the wrong type; the message names it", "create another run"
    ),
    Reason.EMPTY_INPUT: Meaning("the parent wrote no files and this program needs some"),
    Reason.PARENT_FAILED: Meaning("a parent did not succeed", "run the parent again under another name"),
    Reason.OUTPUTS_CLASH: Meaning(
        "two workers wrote the same path; the run's log names both and the path",
        "let the program name its files after its input or its `CHRIS_SHARD_INDEX`",
    ),
    Reason.DISK_EXCEEDED: Meaning(
        "the run wrote more than its disk allows, or printed more than 4 GiB",
        "raise `resources.ephemeralStorage`, or print less",
    ),
    Reason.DEADLINE_EXCEEDED: Meaning(
        "the program ran longer than `deadlineSeconds` and was stopped; what it wrote is kept",
        "raise it, or give more CPU",
    ),
    Reason.CANCELLED: Meaning("`spec.cancel` was set, on the run or on one from which it descends"),
}

_STATUS = {
    Kind.WAITING: "`Unknown`, waits",
    Kind.ACTIVE: "`Unknown`, goes on",
    Kind.RETRIED: "`Unknown`, tried again; `False`",
    Kind.SUCCEEDED: "`True`",
    Kind.FAILED: "`False`",
}
_BLAME = {
    Fault.USER: "yours",
    Fault.PLUGIN: "the program's",
    Fault.INFRASTRUCTURE: "the cluster's",
    Fault.NOBODY: "–",
}


def table() -> list[str]:
    """All reasons as the lines of a Markdown table, in the order of a run's life."""
    head = ["| reason | `Succeeded` | fault | what it means | what to do |", "|---|---|---|---|---|"]
    return head + [_row(reason, phase) for reason, phase in PHASES.items()]


def _row(reason: Reason, phase: Phase) -> str:
    meaning = MEANINGS[reason]
    cells = (f"`{reason}`", _status(phase), _BLAME[phase.fault], meaning.text, meaning.remedy or "–")
    return f"| {' | '.join(cells)} |"


def _status(phase: Phase) -> str:
    if phase.kind is not Kind.RETRIED:
        return _STATUS[phase.kind]
    bound = "`retries` + 1" if phase.bound is None else f"{phase.bound}"
    return f"{_STATUS[phase.kind]} after {bound}"
