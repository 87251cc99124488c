"""What makes the Job of one attempt an Indexed one, whose workers share the work.

One Job, one Secret, one status, however many workers there are: each learns from Kubernetes which one it is.
"""

from dataclasses import dataclass
from typing import Any

from chris_operator.staging import contract

from . import observe

Manifest = dict[str, Any]
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True, slots=True)
class Fan:
    """How several workers share the work of an attempt."""

    workers: int
    split: contract.Split
    parallel: int | None = None
    """How many may run at a time; None: all."""
    retries: int = 0
    """How often one of them is run again."""
    tolerant: bool = False
    """Some may fail; else the first that fails for good ends the others."""

    @property
    def share(self) -> contract.Share:
        """What staging has to know of it."""
        return contract.Share(self.split, self.workers)


def _ignore(container: str) -> Manifest:
    exits = {"containerName": container, "operator": "In", "values": [contract.EXIT_ABORTED]}
    return {"action": "Ignore", "onExitCodes": exits}


_NOT_CHARGED: list[Manifest] = [
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    # Our own word for a pod that was deleted before its program's end.
    *(_ignore(container) for container in (observe.STAGE_IN, observe.PUBLISH)),
]


_FINAL: Manifest = {
    "action": "FailIndex",
    "onExitCodes": {
        "containerName": observe.PLUGIN,
        "operator": "In",
        "values": [contract.EXIT_DEADLINE],
    },
}
"""A program that ran as long as it may would do so again."""


def job_spec(fan: Fan, *, limited: bool) -> Manifest:
    """The fields of the Job's spec that say so; `limited`: the program has a deadline."""
    most_failed = {} if fan.tolerant else {"maxFailedIndexes": 0}
    return {
        "completionMode": "Indexed",
        "completions": fan.workers,
        "parallelism": min(fan.parallel or fan.workers, fan.workers),
        "backoffLimitPerIndex": fan.retries,
        **most_failed,
        "podFailurePolicy": {"rules": [*_NOT_CHARGED, _FINAL] if limited else _NOT_CHARGED},
    }


def program_environment(fan: Fan) -> list[Manifest]:
    """The variables that tell the program which worker it is."""
    place = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX_ANNOTATION}']"}}
    return [
        {"name": contract.SHARD_INDEX_VARIABLE, "valueFrom": place},
        {"name": contract.SHARD_COUNT_VARIABLE, "value": str(fan.workers)},
    ]
