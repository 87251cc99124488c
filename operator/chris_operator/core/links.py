"""Runs without a pod: the operator writes their manifest itself, and every line of it refers to bytes that are there.

| plugin | its output |
|---|---|
| `pl-dircopy` | one ChRIS link per path of `dir`, with the target's listing as it was then |
| `pl-tsdircopy` | the same, and the files of the runs that `plugininstances` names |
| `pl-topologicalcopy` | the files of the runs that `plugininstances` names; of all parents where it is left out |
| `pl-unstack-folders` | the first folder of its parent, from the top, that holds more than one thing, at the top |

`plugininstances` are numbers of parents (`status.id`). `filter` are regular expressions, one for each of them by
position, searched in `data/<path>` (the end of the path that ChRIS shows); `inputs[].match` may narrow them further.
With `groupByInstance` each parent's files come into a directory named by its number, else into `inputs[].into`, else
all into one: there equal files become one, and unequal ones of the same path end the run, so that none is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Attempt, Output, PluginInstance

from . import joins, parents, report, validate
from .conditions import timestamp
from .names import referenced
from .observed import ListingFact, Observed
from .phases import Reason
from .verdict import CopyManifest, Fact, Need, Verdict

TSDIRCOPY, UNSTACK = "pl-tsdircopy", "pl-unstack-folders"
LINK_ONLY = frozenset({"pl-dircopy", TSDIRCOPY, "pl-topologicalcopy", UNSTACK})
"""Names of the plugins that are built in."""
ATTEMPT = 1
"""A link-only run cannot fail half-way: its manifest is there or not, so one attempt is enough."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parent whose files a link-only run takes."""

    parent: PluginInstance
    filter: str
    """Searched in `data/<path>`; "" finds everything."""
    match: str
    """Searched in the path; "" finds everything."""
    into: str
    """Directory of the output; "" is its top."""


def paths(instance: PluginInstance, plugin: PluginSpec) -> list[str]:
    """The paths in Swift that a link-only run names, in the order given, without repetition."""
    return _named(instance, plugin, "unextpath")


def staged(instance: PluginInstance, plugin: PluginSpec) -> list[str]:
    """The paths in Swift whose contents a run with a pod finds in its input directory, beside its parent's."""
    return _named(instance, plugin, "path")


def _named(instance: PluginInstance, plugin: PluginSpec, kind: str) -> list[str]:
    names = {p.name for p in plugin.parameters if p.type == kind}
    values = [value for name, value in instance.spec.parameters.items() if name in names]
    return list(dict.fromkeys(path for value in values for path in validate.split_paths(str(value))))


def wanted(o: Observed) -> list[Wanted]:
    """The parents whose files the run takes, in the order of `plugininstances`, else of `previous`."""
    given, spec = o.instance.spec.parameters, o.instance.spec
    known = {str(each.status.id): each for each in o.parents.values() if each}
    numbers = _list(given.get("plugininstances"))
    if not numbers and spec.plugin.name != TSDIRCOPY:
        numbers = list(known)
    filters = _list(given.get("filter"))
    found = []
    for position, number in enumerate(numbers):
        parent = known[number]
        ask = parents.asked(spec, parent.metadata.name)
        group = number if given.get("groupByInstance") else ""
        pattern = filters[position] if position < len(filters) else ""
        found.append(Wanted(parent, pattern, ask.match or "", ask.into or group))
    return found


def _list(value: object) -> list[str]:
    text = str(value or "")
    return [part.strip() for part in text.split(",")] if text else []


def complaints(o: Observed) -> list[str]:
    """What is wrong with the parameters by which a link-only run chooses among its parents."""
    given = o.instance.spec.parameters
    known = {str(each.status.id): name for name, each in o.parents.items() if each}
    has = ", ".join(f"{number} ({name})" for number, name in known.items())
    numbers, filters = _list(given.get("plugininstances")), _list(given.get("filter"))
    wrong = [
        f"parameter 'plugininstances' names {number!r}, which is the number of no parent: previous has {has}"
        for number in numbers
        if number not in known
    ]
    if len(numbers) != len(set(numbers)):
        wrong.append("parameter 'plugininstances' names a run twice: name every run once")
    if len(filters) > (len(numbers) or len(known)):
        wrong.append(
            f"parameter 'filter' has {len(filters)} expressions for {len(numbers) or len(known)} runs: a comma "
            "separates expressions, give one for each run"
        )
    if crowd := joins.crowd_words(each.parent for each in wanted(o)) if not wrong else None:
        wrong.append(crowd)
    bad = ((number, parents.expression_complaint(text)) for number, text in enumerate(filters, 1))
    return [*wrong, *(f"parameter 'filter', expression {number}: {told}" for number, told in bad if told)]


def problem(instance: PluginInstance, plugin: PluginSpec, listing: ListingFact) -> str | None:
    """Why the listed paths cannot be a run's input; None when they can."""
    absent = validate.absent_complaints(plugin, instance.spec.parameters, listing.missing)
    return "; ".join(absent) or listing.problem


def verdict(o: Observed, plugin: PluginSpec, now: datetime) -> Verdict | Need:
    """Links what the run asks for, or says what of it cannot be linked."""
    if wrong := complaints(o):
        return Verdict(Reason.INVALID_PARAMETERS, "; ".join(wrong), final=True)
    listing = o.given.listing
    if listing is None:
        return Need(Fact.LISTING)
    if told := problem(o.instance, plugin, listing):
        return Verdict(Reason.INVALID_PARAMETERS, told, final=True)
    output = Output(attempt=ATTEMPT, digest=listing.digest, files=listing.files, bytes=listing.bytes)
    return Verdict(
        Reason.COMPLETED,
        f"{listing.files} files, {listing.bytes} bytes, linked",
        final=True,
        status={
            "attempt": Attempt(number=ATTEMPT, created=timestamp(now)),
            "output": output,
            "references": references(o, listing.prefixes),
            "phases": report.phases_without_pod(o, now),
        },
        actions=(CopyManifest(ATTEMPT),),
    )


def references(o: Observed, prefixes: Sequence[str]) -> tuple[int, ...] | None:
    """Numbers of the other runs below whose directories a manifest's bytes lie; None where it needs none."""
    own = o.instance.status.id or o.given.run_id
    return tuple(number for number in referenced(prefixes) if number != own) or None
