"""Where a run's input lies: its parents' committed manifests."""

from dataclasses import dataclass

from chris_operator.models.plugininstance import PluginInstance

from . import parents
from .links import LINK_ONLY
from .names import attempt_prefix
from .observed import Observed

MANIFEST = "manifest"
NAMED = "inputs/"
"""Below a run's place: the manifest of what its parameters name in Swift."""
CHECKPOINTS = "checkpoint/"
"""Below a run's place: what its attempts saved of their programs' state."""


@dataclass(frozen=True, slots=True)
class Input:
    """One manifest of files to read; names are relative to the container."""

    prefix: str
    """The directory where the manifest lies; ends in `/`."""
    digest: str
    own_prefix_only: bool
    """All bytes lie below `prefix`: a run with a pod can write nowhere else."""
    bytes: int = 0
    """Size of all files together."""
    into: str = ""
    """Directory of the run's input that the files come into; "" is the input directory itself."""

    @property
    def manifest(self) -> str:
        """Name of the manifest object."""
        return self.prefix + MANIFEST


def output_of(parent: PluginInstance, into: str = "") -> Input | None:
    """A run's committed output as an input; None where it has none."""
    status = parent.status
    if status.output is None or status.id is None or status.feed_id is None or status.user is None:
        return None
    prefix = attempt_prefix(status.user, status.feed_id, status.id, status.output.attempt)
    own = parent.spec.plugin.name not in LINK_ONLY and not status.references
    return Input(prefix, status.output.digest, own, status.output.bytes, into)


def of(o: Observed) -> list[Input]:
    """The inputs of a run: its parents' outputs in their order, then what its parameters name in Swift."""
    joins = o.plugin is not None and o.plugin.type == "ts"
    found = []
    for name, into in parents.directories(o.instance.spec, joins=joins).items():
        chosen, parent = (o.given.selected or {}).get(name), o.parents.get(name)
        if chosen is not None:
            place = Input(chosen.prefix, chosen.digest, own_prefix_only=False, bytes=chosen.bytes, into=into)
            found.append(place)
        elif parent is not None and (whole := output_of(parent, into)):
            found.append(whole)
    listing = o.given.listing
    if listing is not None and not o.no_pod:
        named = Input(named_prefix(o), listing.digest, own_prefix_only=False, bytes=listing.bytes)
        found.append(named)
    return found


def named_prefix(o: Observed) -> str:
    """Where the manifest of what a run's parameters name in Swift is kept, as it was when the run first started."""
    return f"{own_prefix(o, 1).rpartition('attempts/')[0]}{NAMED}"


def checkpoints_prefix(o: Observed) -> str:
    """Where the run's attempts save their programs' state, each in a directory named by its number."""
    return f"{own_prefix(o, 1).rpartition('attempts/')[0]}{CHECKPOINTS}"


def selection_prefix(o: Observed, parent: str) -> str:
    """Where the manifest of what is chosen of one parent's output is kept, as it was when the run first started."""
    return f"{named_prefix(o)}{o.instance.spec.previous.index(parent) + 1}/"


def readable(o: Observed) -> tuple[str, ...]:
    """Every prefix below which an attempt may read: where manifests lie, and where their bytes do."""
    prefixes = dict.fromkeys(o.given.prefixes or ())
    for chosen in (o.given.selected or {}).values():
        prefixes |= dict.fromkeys((chosen.prefix, *chosen.prefixes))
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
