"""Runs without a pod: the operator writes their manifest itself.

`pl-dircopy` brings what a user uploaded into a feed. Nothing is copied: its output is one ChRIS link per
path, with the target's listing as it was then.
"""

from datetime import datetime

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt, Output, Phases, PluginInstance

from . import validate
from .conditions import timestamp
from .observe import parse_time
from .observed import ListingFact, Observed
from .phases import Reason
from .verdict import Fact, Need, Verdict

LINK_ONLY = frozenset({"pl-dircopy"})
"""Names of the plugins that are built in."""
ATTEMPT = 1
"""A link-only run cannot fail half-way: its manifest is there or not, so one attempt is enough."""


def paths(instance: PluginInstance) -> list[str]:
    """The paths in Swift that a link-only run names, in the order given, without repetition."""
    values = [value for value in instance.spec.parameters.values() if isinstance(value, str)]
    return list(dict.fromkeys(path for value in values for path in validate.split_paths(value)))


def staged(instance: PluginInstance, plugin: PluginSpec) -> list[str]:
    """The paths in Swift whose contents a run with a pod finds in its input directory, beside its parent's."""
    named = {p.name for p in plugin.parameters if p.type == "path"}
    values = [value for name, value in instance.spec.parameters.items() if name in named]
    return list(dict.fromkeys(path for value in values for path in validate.split_paths(str(value))))


def problem(instance: PluginInstance, plugin: PluginSpec, listing: ListingFact) -> str | None:
    """Why the listed paths cannot be a run's input; None when they can."""
    absent = validate.absent_complaints(plugin, instance.spec.parameters, listing.missing)
    return "; ".join(absent) or listing.problem


def verdict(o: Observed, plugin: PluginSpec, now: datetime) -> Verdict | Need:
    """Links what the parameters name, or says which of them cannot be linked."""
    listing = o.given.listing
    if listing is None:
        return Need(Fact.LISTING)
    if wrong := problem(o.instance, plugin, listing):
        return Verdict(Reason.INVALID_PARAMETERS, wrong, final=True)
    output = Output(attempt=ATTEMPT, digest=listing.digest, files=listing.files, bytes=listing.bytes)
    created = parse_time(o.instance.metadata.creation_timestamp) or now
    ours = max((now - created).total_seconds(), 0.0)
    return Verdict(
        Reason.COMPLETED,
        f"{listing.files} files, {listing.bytes} bytes, linked",
        final=True,
        status={
            "attempt": Attempt(number=ATTEMPT, created=timestamp(now)),
            "output": output,
            "phases": Phases(ours=round(ours, 3)),
        },
    )
