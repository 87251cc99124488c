"""What `plan` may look at: one run and everything around it, as it was when it was gathered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chris_operator.models.feed import Feed
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import CacheHit, Output, PluginInstance, Usage

from .names import attempt_name
from .observe import JobFacts, PodFacts, Stage
from .pods import PodSettings
from .site import Site


@dataclass(frozen=True, slots=True)
class Tenant:
    """The namespace of a run and whom it works for."""

    namespace: str
    user: str | None = None
    """Value of the namespace's user label; None where it has none."""
    rival: str | None = None
    """An older namespace that claims the same user."""
    fixed_user: bool = True
    """False where the namespace carries a range of user ids of its own."""
    deleted: bool = False
    """The namespace is being removed: nothing can be created in it."""


@dataclass(frozen=True, slots=True)
class Given:
    """Facts that cost a request and are fetched only when a plan asks for them."""

    run_id: int | None = None
    prefixes: tuple[str, ...] | None = None
    """Where the bytes of the input lie, relative to the container."""
    manifest: "ManifestFact | None" = None
    listing: "ListingFact | None" = None
    selected: "Mapping[str, Selection] | None" = None
    """What is left of those parents' outputs of which not every file is wanted, by the parent's name."""
    reusable: "tuple[Reusable, ...] | None" = None
    """Outputs of equal earlier runs, proven to be in Swift and copied as this run's; empty where there are none."""
    rejected: str | None = None
    """Why the Job controller could not create the pod, in its own words; "" where it says nothing."""
    refused: str | None = None
    """Why the API server would not take an object of the current attempt: what, in whose words, what to do."""
    kept: tuple[Output, ...] | None = None
    """The output whose manifest Swift keeps as the run's own; empty where it keeps none."""
    kept_references: tuple[int, ...] | None = None
    """Numbers of the other runs that this manifest refers to; None where there are none."""
    secret: bool | None = None
    """Whether the current attempt's Secret exists."""
    units: int | None = None
    """How many things the input has that can be given to workers: files, or directories."""
    union: "UnionFact | None" = None
    """The outputs of the workers that succeeded, put together as the attempt's."""
    sent: "Transfer | None" = None
    """How far the input is on its way to the other cluster's Swift."""
    fetched: "Transfer | None" = None
    """How far the attempt's output is on its way from there."""
    storage_problem: str | None = None
    """Why Swift could not be asked."""
    compute_problem: str | None = None
    """Why the other cluster's Swift could not."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Copying between our Swift and another cluster's, which goes on beside the plans."""

    done: bool
    since: datetime
    problem: str | None = None
    """What is wrong with what was copied, once it is done."""


@dataclass(frozen=True, slots=True)
class ManifestFact:
    """What Swift holds for an attempt: a checked manifest, or why there is none."""

    digest: str = ""
    files: int = 0
    bytes: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class UnionFact(ManifestFact):
    """The manifest that was made of several workers' ones, and what these say of their work."""

    clashes: int = 0
    """How many paths more than one of them wrote."""
    clashing: tuple[int, ...] = ()
    """Two workers that did."""
    usage: Usage = field(default_factory=Usage)
    started: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class ListingFact:
    """What stands below the paths that a run's parameters name; `missing` are the paths with nothing there."""

    missing: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Where the bytes lie, relative to the container; each ends in `/`."""
    problem: str | None = None
    """Why the paths cannot be staged together."""
    digest: str = ""
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The files of one parent that the run reads, as a manifest of its own."""

    prefix: str = ""
    """Where that manifest lies; ends in `/`."""
    prefixes: tuple[str, ...] = ()
    """Where the bytes lie, relative to the container; each ends in `/`."""
    problem: str | None = None
    """Why nothing could be chosen."""
    digest: str = ""
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reusable:
    """An equal earlier run's output."""

    output: Output
    origin: CacheHit
    """The run that wrote it."""
    references: tuple[int, ...]
    """Numbers of the runs in whose directories the bytes lie."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this installation behaves; times are durations."""

    pods: PodSettings
    keep_ended: timedelta = timedelta(minutes=10)
    """How long Job and Secret of an ended attempt stay, for people who want to look."""
    pull_patience: timedelta = timedelta(minutes=5)
    """How long an image that cannot be pulled may hold up one attempt."""
    backoff_first: timedelta = timedelta(seconds=10)
    backoff_most: timedelta = timedelta(minutes=5)
    grace_extra: timedelta = timedelta(seconds=60)
    """How long a pod may outlive its grace period before its node counts as lost."""
    give_up: timedelta = timedelta(minutes=10)
    """How long a deleted run waits for a Swift or a cluster that does not answer, before it is let go."""
    settle: timedelta = timedelta(seconds=2)
    """Stages shorter than this are not written down: nobody could read them in time."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One run and everything around it."""

    instance: PluginInstance
    tenant: Tenant
    settings: Settings
    plugin: PluginSpec | None = None
    image: str | None = None
    """Image ID that all runs of the Plugin were observed to run in; None where none was, or more than one."""
    feed: Feed | None = None
    """The Feed that the run belongs to, where it exists."""
    feed_name: str | None = None
    """Its name; None while the parent does not know its own."""
    parents: Mapping[str, PluginInstance | None] = field(default_factory=dict)
    circle: Sequence[str] = ()
    """Names upwards from a parent to the run itself, where it is its own ancestor."""
    cancelled_by: str | None = None
    """Name of an ancestor whose user wants neither it nor what descends from it."""
    jobs: tuple[JobFacts, ...] = ()
    pod: PodFacts = field(default_factory=PodFacts)
    """Pod of the attempt that the status names; of several workers', the one that says most."""
    older: tuple[PodFacts, ...] = ()
    """All its other pods: of other attempts, and the current one's other workers."""
    crew: tuple[PodFacts, ...] = ()
    """Pods of the current attempt where several workers share the work, `pod` among them."""
    mended: bool = False
    """The status as it stands says something else: `instance` carries the one put right."""
    given: Given = field(default_factory=Given)
    malformed: str | None = None
    """Why the resource cannot be read, where it cannot (written under an older schema)."""
    no_pod: bool = False
    """The plugin only links: the operator writes its manifest itself."""
    site: Site = field(default_factory=Site)
    """Where the run's pods live."""

    @property
    def working(self) -> bool:
        """Something of the run works, or will without our doing."""
        if any(job.workers and not job.over and not job.deleted for job in self.jobs):
            return True
        return self.pod.stage not in {Stage.ENDED, Stage.NO_POD} and not self.pod.deleted

    @property
    def namespace(self) -> str:
        """Where the Jobs and Secrets of its attempts are."""
        return self.site.spec.namespace if self.site.spec else self.instance.metadata.namespace

    def attempt_name(self, number: int) -> str:
        """Name of the Job and Secret of an attempt; on another cluster all tenants share one namespace."""
        meta = self.instance.metadata
        return attempt_name(f"{meta.namespace}.{meta.name}" if self.site.name else meta.name, number)
