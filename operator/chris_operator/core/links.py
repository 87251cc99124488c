"""Runs without a pod: the operator writes their manifest itself.

`pl-dircopy` brings what a user uploaded into a feed. Nothing is copied: its output is one ChRIS link per
path, with the target's listing as it was then.
"""

from datetime import datetime

from chris_operator.models.plugininstance import Attempt, Output, Phases, PluginInstance

from . import validate
from .conditions import timestamp
from .observe import parse_time
from .observed import Observed
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


def verdict(o: Observed, now: datetime) -> Verdict | Need:
    """Links what the parameters name, or says which of them cannot be linked."""
    named = paths(o.instance)
    user = o.tenant.user or ""
    if not named:
        words = "parameter 'dir' names no path: give comma-separated paths such as home/<user>/uploads/scan"
        return Verdict(Reason.INVALID_PARAMETERS, words, final=True)
    if wrong := [complaint for path in named if (complaint := validate.path_complaint(path, user))]:
        return Verdict(Reason.INVALID_PARAMETERS, "; ".join(wrong), final=True)
    listing = o.given.listing
    if listing is None:
        return Need(Fact.LISTING)
    if listing.missing:
        count = len(listing.missing)
        words = f"parameter 'dir': {count} of {len(named)} paths lead to no files in Swift: upload them first"
        return Verdict(Reason.INVALID_PARAMETERS, words, final=True)
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
