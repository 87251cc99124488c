"""Several workers of one run, played: the Job controller counts them, each has a pod and publishes a part of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.controller.pods import NODE, Attempt, now
from tests.kubeclient import Object

from chris_operator.core.observe import INDEX_LABEL
from chris_operator.staging.contract import PARTS_DIR, StageJob


@dataclass
class Worker(Attempt):
    """One of several workers; `index` tells which."""

    index: int = 0

    @property
    def stage_job(self) -> StageJob:
        """What the Secret tells staging; this worker publishes to a directory of its own."""
        told = super().stage_job
        return replace(told, put=replace(told.put, prefix=f"{told.put.prefix}{PARTS_DIR}{self.index}/"))

    def appear(self, *, node: str | None = NODE) -> None:
        """The Job controller makes the pod and tells it its index."""
        self.job["spec"]["template"]["metadata"]["labels"][INDEX_LABEL] = str(self.index)
        super().appear(node=node)


@dataclass
class Crew:
    """All workers of an attempt."""

    attempt: Attempt
    workers: dict[int, Worker] = field(default_factory=dict)

    def __getitem__(self, index: int) -> Worker:
        made = Worker(self.attempt.admin, self.attempt.job, self.attempt.secret, index=index)
        return self.workers.setdefault(index, made)

    def succeed(self, *parts: Mapping[str, bytes]) -> None:
        """All of them, well."""
        for index, files in enumerate(parts):
            self[index].succeeds(files)
        self.complete(len(parts))

    def counts(self, good: str, given_up: str = "", **status: object) -> None:
        """The Job controller tells which have ended."""
        self.attempt.job = self.attempt.admin.set_status(
            self.attempt.job,
            {
                "startTime": now(),
                "completedIndexes": good,
                "failedIndexes": given_up,
                "active": 0,
                **status,
            },
        )

    def complete(self, workers: int) -> None:
        """The Job controller has seen all of them succeed."""
        self.counts(
            f"0-{workers - 1}" if workers > 1 else "0",
            succeeded=workers,
            completionTime=now(),
            conditions=_conditions("SuccessCriteriaMet", "Complete"),
        )

    def give_up(self, good: str, given_up: str, count: int) -> None:
        """The Job controller has run those that failed as often as it may; `count` have succeeded."""
        self.counts(
            good,
            given_up,
            succeeded=count,
            failed=1,
            conditions=_conditions("FailureTarget", "Failed", reason="FailedIndexes"),
        )


def _conditions(*kinds: str, reason: str = "CompletionsReached") -> Sequence[Object]:
    times = {"lastProbeTime": now(), "lastTransitionTime": now()}
    return [{"type": kind, "status": "True", "reason": reason, "message": reason, **times} for kind in kinds]
