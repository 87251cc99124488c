"""Runs that read only some of their parents' files: what must be known of these before an attempt, and what ends them."""

from chris_operator.models.plugin import PluginSpec

from . import joins, parents
from .observed import Observed
from .phases import Reason
from .verdict import Fact, Need, Verdict


def verdict(o: Observed, plugin: PluginSpec) -> Verdict | Need | None:
    """Asks for the files that `inputs` choose; the end of a run for which there are none, or too many to choose from."""
    names = parents.filtered(o.instance.spec)
    if not names:
        return None
    if wrong := joins.crowd_words(o.parents[name] for name in names):
        return Verdict(Reason.INVALID_SPEC, f"inputs: {wrong}", final=True)
    if o.given.selected is None:
        return Need(Fact.SELECTED)
    for name, each in o.given.selected.items():
        if each.problem:
            return Verdict(Reason.INVALID_SPEC, f"inputs, previous {name}: {each.problem}", final=True)
    if plugin.allow_empty_input or _some_file(o):
        return None
    words = f"no file of {', '.join(names)} matches its expression in inputs, and {plugin.name} needs some"
    return Verdict(Reason.EMPTY_INPUT, words, final=True)


def _some_file(o: Observed) -> bool:
    """Whether anything is left to read."""
    chosen = o.given.selected or {}
    whole = [p.status.output for name, p in o.parents.items() if p and name not in chosen]
    return any(each.files for each in chosen.values()) or any(output and output.files for output in whole)
