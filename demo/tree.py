"""Draws a feed as a tree of text: state, elapsed time, bytes. Pure: instances in, lines out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chris_operator.core.observe import parse_time
from chris_operator.core.plan import final_condition, spoken
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugininstance import PluginInstance

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One run, ready to be printed."""

    stem: str
    name: str
    plugin: str
    mark: str
    state: str
    elapsed: str
    output: str


def size(count: float) -> str:
    """Bytes for people, in powers of 1000.

    >>> size(0), size(1234), size(25_300_000)
    ('0 B', '1.2 kB', '25.3 MB')
    """
    for unit in _UNITS:
        if count < _THOUSAND or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _THOUSAND
    raise AssertionError("unreachable: the last unit returns")


def _state(instance: PluginInstance, tick: int) -> tuple[str, str]:
    condition = find(instance.status.conditions, ConditionType.SUCCEEDED)
    if condition is None:
        return "·", "Created"
    marks = {"True": "✔", "False": "✘", "Unknown": _SPINNER[tick % len(_SPINNER)]}
    return marks[condition.status], condition.reason


def _elapsed(instance: PluginInstance, now: datetime) -> str:
    start = parse_time(instance.metadata.creation_timestamp) or now
    end = parse_time(instance.status.completion_time) or now
    return spoken(end - start)


def _row(instance: PluginInstance, stem: str, now: datetime, tick: int) -> Row:
    mark, state = _state(instance, tick)
    output = instance.status.output
    plugin = instance.spec.plugin
    return Row(
        stem=stem,
        name=instance.metadata.name,
        plugin=f"{plugin.name} {plugin.version}",
        mark=mark,
        state=state,
        elapsed=_elapsed(instance, now),
        output=f"{output.files} files, {size(output.bytes)}" if output else "",
    )


def rows(instances: Sequence[PluginInstance], now: datetime, tick: int = 0) -> list[Row]:
    """The feed's runs from the roots down, children below their first parent, by age and name."""
    order = sorted(instances, key=lambda i: (i.metadata.creation_timestamp or "", i.metadata.name))
    known = {i.metadata.name for i in order}

    def below(parent: str | None, indent: str) -> Iterator[Row]:
        found = [i for i in order if _parent(i, known) == parent]
        for number, instance in enumerate(found):
            last = number == len(found) - 1
            yield _row(instance, indent + ("└─ " if last else "├─ "), now, tick)
            yield from below(instance.metadata.name, indent + ("   " if last else "│  "))

    return list(below(None, ""))


def _parent(instance: PluginInstance, known: set[str]) -> str | None:
    first = instance.spec.previous[0] if instance.spec.previous else None
    return first if first in known else None


def lines(table: Sequence[Row]) -> list[str]:
    """The rows as aligned text."""
    cells = [(r.stem + r.name, r.plugin, f"{r.mark} {r.state}", r.elapsed, r.output) for r in table]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(5)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True)).rstrip()
        for cell in cells
    ]


def all_ended(instances: Sequence[PluginInstance]) -> bool:
    """Whether nothing more will happen."""
    return bool(instances) and all(final_condition(instance) for instance in instances)
