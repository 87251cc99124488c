"""Every reason a Workflow's `Succeeded` condition can carry, in one table; the README's is made from it."""

from dataclasses import dataclass
from enum import StrEnum

from .conditions import Truth


class WorkflowReason(StrEnum):
    """Machine-readable reasons; where a run has the same one, it means the same."""

    NOT_A_TENANT = "NotATenant"
    TENANT_CONFLICT = "TenantConflict"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    PIPELINE_NOT_FOUND = "PipelineNotFound"
    PIPELINE_CHANGED = "PipelineChanged"
    PLUGIN_NOT_FOUND = "PluginNotFound"
    PARENT_NOT_FOUND = "ParentNotFound"
    FEED_NOT_FOUND = "FeedNotFound"
    NAME_TAKEN = "NameTaken"
    RUN_REFUSED = "RunRefused"
    SUSPENDED = "Suspended"
    RUNNING = "Running"
    COMPLETED = "Completed"
    RUNS_FAILED = "RunsFailed"
    CANCELLED = "Cancelled"
    PARENT_FAILED = "ParentFailed"
    INVALID_PIPELINE = "InvalidPipeline"
    INVALID_SPEC = "InvalidSpec"
    INVALID_PARAMETERS = "InvalidParameters"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table."""

    truth: Truth
    text: str
    remedy: str = "–"


_AGAIN = "create another Workflow"

REASONS: dict[WorkflowReason, Meaning] = {
    WorkflowReason.NOT_A_TENANT: Meaning(
        "Unknown",
        "the namespace works for no user",
        "an administrator labels it `chrisproject.org/user=<user>`",
    ),
    WorkflowReason.TENANT_CONFLICT: Meaning(
        "Unknown",
        "an older namespace already works for this user",
        "an administrator changes one of the two labels",
    ),
    WorkflowReason.STORAGE_UNAVAILABLE: Meaning(
        "Unknown", "Swift does not answer; the operator asks again until it does", "see the operator's log"
    ),
    WorkflowReason.PIPELINE_NOT_FOUND: Meaning("Unknown", "`spec.pipeline` names no Pipeline", "apply it"),
    WorkflowReason.PIPELINE_CHANGED: Meaning(
        "Unknown",
        "runs are missing, and the Pipeline is another one than at the start; the others go on",
        f"apply the old one again, or cancel, and {_AGAIN}",
    ),
    WorkflowReason.PLUGIN_NOT_FOUND: Meaning(
        "Unknown",
        "a node that begins has no Plugin yet, so that nobody knows whether it reads something",
        "apply the Plugin",
    ),
    WorkflowReason.PARENT_NOT_FOUND: Meaning(
        "Unknown", "`spec.previous` names a run that does not exist yet", "create it"
    ),
    WorkflowReason.FEED_NOT_FOUND: Meaning(
        "Unknown", "`spec.feed` names no Feed, or the parent has none yet", "create it, or leave `feed` out"
    ),
    WorkflowReason.NAME_TAKEN: Meaning(
        "Unknown",
        "a PluginInstance has the name of a node's run and is not this Workflow's; the message names it",
        f"delete it, or {_AGAIN} under another name",
    ),
    WorkflowReason.RUN_REFUSED: Meaning(
        "Unknown",
        "quota or an admission policy refuse a run; the message is theirs",
        "mend the namespace; it is asked again",
    ),
    WorkflowReason.SUSPENDED: Meaning("Unknown", "`spec.suspend` is set", "set it to false"),
    WorkflowReason.RUNNING: Meaning("Unknown", "runs are made, wait for one another, or run"),
    WorkflowReason.COMPLETED: Meaning("True", "all runs succeeded"),
    WorkflowReason.RUNS_FAILED: Meaning(
        "False", "runs failed; the message names those that others waited for", "look at them"
    ),
    WorkflowReason.CANCELLED: Meaning("False", "`spec.cancel` was set, here or on a run"),
    WorkflowReason.PARENT_FAILED: Meaning(
        "False", "the run in `spec.previous` did not succeed", f"run it again, and {_AGAIN}"
    ),
    WorkflowReason.INVALID_PIPELINE: Meaning(
        "False",
        "the Pipeline contradicts itself or its Plugins; the message names the node",
        f"create another Pipeline, and {_AGAIN}",
    ),
    WorkflowReason.INVALID_SPEC: Meaning("False", "the Workflow contradicts itself or its Pipeline", _AGAIN),
    WorkflowReason.INVALID_PARAMETERS: Meaning(
        "False", "a parameter is missing, unknown or of the wrong type; the message names it", _AGAIN
    ),
}


def table() -> list[str]:
    """All reasons as the lines of a Markdown table."""
    head = ["| reason | `Succeeded` | what it means | what to do |", "|---|---|---|---|"]
    rows = [f"| `{reason}` | `{m.truth}` | {m.text} | {m.remedy} |" for reason, m in REASONS.items()]
    return head + rows
