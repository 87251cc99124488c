"""Where a run's input lies: its parents' committed manifests."""

from dataclasses import dataclass

from chris_operator.models.plugininstance import PluginInstance

from .links import LINK_ONLY
from .names import attempt_prefix
from .observed import Observed

MANIFEST = "manifest"
CHECKPOINTS = "checkpoint/"
"""Below a run's place: what its attempts saved of their programs' state."""


@dataclass(frozen=True, slots=True)
class Input:
    """One parent's output; names are relative to the container."""

    prefix: str
    """The attempt's own directory, where its manifest lies; ends in `/`."""
    digest: str
    own_prefix_only: bool
    """All bytes lie below `prefix`: a run with a pod can write nowhere else."""

    @property
    def manifest(self) -> str:
        """Name of the manifest object."""
        return self.prefix + MANIFEST


def _output_of(parent: PluginInstance) -> Input | None:
    status = parent.status
    if status.output is None or status.id is None or status.feed_id is None or status.user is None:
        return None
    prefix = attempt_prefix(status.user, status.feed_id, status.id, status.output.attempt)
    return Input(prefix, status.output.digest, parent.spec.plugin.name not in LINK_ONLY)


def of(o: Observed) -> list[Input]:
    """The inputs of a run: its parents' outputs in their order, then what its parameters name in Swift."""
    found = [each for parent in o.parents.values() if parent and (each := _output_of(parent))]
    if o.given.listing is not None and not o.no_pod:
        found.append(Input(named_prefix(o), o.given.listing.digest, own_prefix_only=False))
    return found


def named_prefix(o: Observed) -> str:
    """Where the manifest of what a run's parameters name in Swift is kept, as it was when the run first started."""
    return f"{own_prefix(o, 1).rpartition('attempts/')[0]}inputs/"


def checkpoints_prefix(o: Observed) -> str:
    """Where the run's attempts save their programs' state, each in a directory named by its number."""
    return f"{own_prefix(o, 1).rpartition('attempts/')[0]}{CHECKPOINTS}"


def readable(o: Observed) -> tuple[str, ...]:
    """Every prefix below which an attempt may read: where manifests lie, and where their bytes do."""
    prefixes = dict.fromkeys(o.given.prefixes or ())
    if o.given.listing is not None and not o.no_pod:
        prefixes |= dict.fromkeys((*o.given.listing.prefixes, named_prefix(o)))
    return tuple(prefixes)


def own_prefix(o: Observed, attempt: int) -> str:
    """The directory that an attempt of this run may write to."""
    status = o.instance.status
    run_id = status.id or o.given.run_id
    if o.feed is None or o.feed.status.id is None or run_id is None or o.tenant.user is None:
        raise ValueError(
            f"{o.instance.metadata.name} has no place in Swift before it has a Feed and a number"
        )
    return attempt_prefix(o.tenant.user, o.feed.status.id, run_id, attempt)
