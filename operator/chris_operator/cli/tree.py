"""Draws a feed as a tree of text: state, duration, files. Pure: resources in, lines out.

It reads the raw resources, since parsing a thousand of them in full takes longer than drawing them.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chris_operator.core.observe import parse_time
from chris_operator.core.words import plural, size, spoken

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_MARKS = {"True": "✔", "False": "✘"}
_DEEPEST = 24
"""Levels that are indented; below them, the number of those left out is told."""
_NAMED_PARENTS = 3


@dataclass(frozen=True, slots=True)
class Node:
    """One run, as far as the tree shows it."""

    name: str
    plugin: str
    version: str
    previous: tuple[str, ...]
    feed: str | None
    """Its Feed, as its status or its spec has it."""
    status: str
    """Of the condition `Succeeded`: True, False, Unknown; empty where nobody has looked at it yet."""
    reason: str
    message: str
    workers: tuple[int, int] | None
    """How many of the pods that share the work have ended, and of how many."""
    created: str
    ended: str | None
    files: int | None
    bytes: int | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Node":
        """The node of a raw PluginInstance."""
        meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
        conditions: Sequence[Mapping[str, str]] = status.get("conditions") or ()
        found = next((each for each in conditions if each["type"] == "Succeeded"), {})
        output, shared = status.get("output") or {}, status.get("workers")
        return cls(
            name=meta["name"],
            plugin=spec["plugin"]["name"],
            version=spec["plugin"]["version"],
            previous=tuple(spec.get("previous") or ()),
            feed=status.get("feed") or spec.get("feed"),
            status=found.get("status", ""),
            reason=found.get("reason", "Created"),
            message=found.get("message", ""),
            workers=(shared.get("succeeded", 0) + shared.get("failed", 0), shared["count"])
            if shared
            else None,
            created=meta.get("creationTimestamp") or "",
            ended=status.get("completionTime"),
            files=output.get("files"),
            bytes=output.get("bytes"),
        )

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in _MARKS

    def length(self, now: datetime) -> timedelta:
        """From its creation to its end, or to now."""
        return (parse_time(self.ended) or now) - (parse_time(self.created) or now)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands in the drawing."""

    node: Node
    stem: str
    joined: tuple[str, ...]
    """Its parents but the one that it is drawn below."""


def of_feed(nodes: Iterable[Node], feed: str) -> list[Node]:
    """The runs of a Feed, those included that the operator has not placed yet: they belong where their parents do."""
    known = {node.name: node for node in nodes}
    feeds: dict[str, str | None] = {}
    for name in known:
        _find_feed(name, known, feeds)
    return [node for name, node in known.items() if feeds[name] == feed]


def _find_feed(name: str, known: Mapping[str, Node], feeds: dict[str, str | None]) -> None:
    """Note the Feed of a run and of those on the way up to the one that names it."""
    path = []
    while name in known and name not in feeds:
        node = known[name]
        feeds[name] = node.feed or (None if node.previous else name)
        path.append(name)
        if not feeds[name]:
            name = _parent(node, known) or ""
    for each in path:
        feeds[each] = feeds[each] or feeds.get(name)


def places(nodes: Iterable[Node]) -> list[Place]:
    """Every run in the order of the drawing: children below their first parent, by age and name."""
    order = sorted(nodes, key=lambda node: (node.created, node.name))
    left = {node.name: node for node in order}
    below: dict[str | None, list[Node]] = {}
    for node in order:
        below.setdefault(_parent(node, left), []).append(node)
    drawn = list(_walk(below, below.get(None, []), frozenset(left)))
    for place in drawn:
        del left[place.node.name]
    while left:  # runs in a circle have no root
        circle = list(_walk(below, [next(iter(left.values()))], frozenset(left)))
        for place in circle:
            del left[place.node.name]
        drawn += circle
    return drawn


def _parent(node: Node, known: Container[str]) -> str | None:
    """The parent that a run is drawn below: its first that is at hand."""
    return next((name for name in node.previous if name in known), None)


def _walk(
    below: Mapping[str | None, list[Node]], roots: Sequence[Node], wanted: frozenset[str]
) -> Iterator[Place]:
    """Depth first, without recursion: an analysis may be a thousand runs deep."""
    stack = _pushed(roots, None, "", 0)
    seen: set[str] = set()
    while stack:
        node, parent, indent, depth, last = stack.pop()
        if node.name in seen or node.name not in wanted:
            continue
        seen.add(node.name)
        stem = indent if depth <= _DEEPEST else f"{indent}⋯{depth - _DEEPEST} "
        joined = tuple(name for name in node.previous if name != parent)
        yield Place(node, stem + ("└─ " if last else "├─ "), joined)
        inner = indent + ("   " if last else "│  ") if depth < _DEEPEST else indent
        stack += _pushed(below.get(node.name, ()), node.name, inner, depth + 1)


def _pushed(
    nodes: Sequence[Node], parent: str | None, indent: str, depth: int
) -> list[tuple[Node, str | None, str, int, bool]]:
    """Siblings as the stack takes them: the last one first."""
    return [(node, parent, indent, depth, number == 0) for number, node in enumerate(reversed(nodes))]


def lines(nodes: Iterable[Node], now: datetime, tick: int = 0) -> list[str]:
    """The tree as aligned text."""
    cells = [_cells(place, now, tick) for place in places(nodes)]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(5)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cells(place: Place, now: datetime, tick: int) -> tuple[str, ...]:
    node = place.node
    mark = _MARKS.get(node.status) or (SPINNER[tick % len(SPINNER)] if node.status else "·")
    return (
        place.stem + node.name + _joined(place.joined),
        f"{node.plugin} {node.version}",
        f"{mark} {node.reason}{_shared(node)}",
        spoken(node.length(now)),
        "" if node.files is None else f"{plural(node.files, 'file')}, {size(node.bytes or 0)}",
    )


def _shared(node: Node) -> str:
    """How far the workers of a run are that is under way."""
    return f" {node.workers[0]}/{node.workers[1]}" if node.workers and not node.final else ""


def _joined(names: Sequence[str]) -> str:
    """A join's further parents, the first of them by name."""
    if not names:
        return ""
    more = len(names) - _NAMED_PARENTS
    return f" ← {', '.join(names[:_NAMED_PARENTS])}" + (f" and {more} more" if more > 0 else "")


def heading(feed: str, nodes: Iterable[Node]) -> str:
    """The Feed's name and how many of its runs are how far.

    >>> heading("look", [])
    'look: no runs'
    """
    counts: dict[str, int] = {}
    for node in nodes:
        word = {"True": "succeeded", "False": "failed"}.get(node.status, "under way")
        counts[word] = counts.get(word, 0) + 1
    told = ", ".join(
        f"{counts[word]} {word}" for word in ("succeeded", "failed", "under way") if word in counts
    )
    return f"{feed}: {plural(sum(counts.values()), 'run')}: {told}" if counts else f"{feed}: no runs"


def changes(nodes: Iterable[Node]) -> list[str]:
    """One line per run and state, for output that is no terminal."""
    return [f"  {node.name}: {node.reason}: {node.message}" for node in nodes if node.status]


def document(feed: str, nodes: Iterable[Node], now: datetime) -> dict[str, Any]:
    """The tree for programs: runs in the order of the drawing, parents by name."""
    return {"feed": feed, "runs": [_fields(place.node, now) for place in places(nodes)]}


def _fields(node: Node, now: datetime) -> dict[str, Any]:
    return {
        "name": node.name,
        "plugin": node.plugin,
        "version": node.version,
        "previous": list(node.previous),
        "succeeded": node.status or "Unknown",
        "reason": node.reason,
        "message": node.message,
        "created": node.created,
        "ended": node.ended,
        "seconds": round(node.length(now).total_seconds(), 3),
        "files": node.files,
        "bytes": node.bytes,
    }
