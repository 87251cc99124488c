"""Where a run's pods live: in this cluster beside the run, or in another one that a ComputeResource names."""

from dataclasses import dataclass

from chris_operator.models.computeresource import ComputeResourceSpec

from .names import CLUSTER_LABEL, COMPUTE_LABEL


@dataclass(frozen=True, slots=True)
class Site:
    """One place for pods; the default is this cluster."""

    name: str = ""
    """Of the ComputeResource; empty: this cluster."""
    spec: ComputeResourceSpec | None = None
    """What it says; None here, and where there is no such ComputeResource."""
    home: str = ""
    """UID of this cluster, as the objects on another one tell whose they are."""
    problem: str = ""
    """Why nothing there can be seen or done now; empty where it can."""
    storage_problem: str = ""
    """Why its own Swift cannot be used now; empty where it can, and where it has none."""
    fixed_user: bool = True
    """False where that namespace carries a range of user ids of its own."""
    connecting: bool = False
    """It is being looked at for the first time, or again: what is told of it stays as it is for a moment."""

    @property
    def own_swift(self) -> bool:
        """Whether its pods read and write a Swift of its own, between which and ours everything is copied."""
        return self.spec is not None and self.spec.swift_secret is not None

    def priority_class(self, priority: str) -> str | None:
        """The other cluster's PriorityClass for a run's priority, empty for its default; None: this cluster's own."""
        if self.spec is None:
            return None
        return getattr(self.spec.priority_classes, priority, None) or ""

    @property
    def labels(self) -> dict[str, str]:
        """On every object there: no owner reference leads from one cluster to another."""
        return {CLUSTER_LABEL: self.home, COMPUTE_LABEL: self.name} if self.name else {}

    @property
    def selector(self) -> str:
        """Selects what is ours there, whoever else uses that namespace."""
        return ",".join(f"{name}={value}" for name, value in self.labels.items())
