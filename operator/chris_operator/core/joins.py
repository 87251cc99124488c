"""What the plugins that only link make of their parents' manifests: lines chosen, moved and put together.

Nothing is copied, so nothing is read but names, and every line keeps its content hash: the digest is what a program
that copies the same files would have produced. Files count by the path under which `stage-in` would place them, so a
file behind a ChRIS link and one of the same name beside it are one file twice.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chris_operator.models.plugininstance import PluginInstance
from chris_operator.staging.manifest import Entry, path_key, placed_path

SPECIAL_FILES = frozenset({"input.meta.json", "output.meta.json"})
"""What ChRIS's first plugins left at the top of every output; pl-unstack-folders looks past them."""


MOST_FILES = 100_000
"""The operator holds a line for each of them in memory."""


class CollisionError(ValueError):
    """Two files want the same path; the message says how many and what to do, never a file's name."""


@dataclass(frozen=True, slots=True)
class Part:
    """What comes from one parent: its name, and the lines that were chosen, at the paths that they shall have."""

    parent: str
    entries: Sequence[Entry]


def crowd_words(parents: Iterable[PluginInstance | None]) -> str | None:
    """Why so many files cannot be chosen from; None where they can."""
    files = sum(each.status.output.files for each in parents if each and each.status.output)
    if files <= MOST_FILES:
        return None
    return f"the parents hold {files} files, and the operator chooses from at most {MOST_FILES}: let a program do it"


def places(entries: Iterable[Entry]) -> list[str]:
    """The path that stands for each line: a link's own, a file's as `stage-in` places it.

    >>> places([Entry("home_a_x.chrislink", link="home/a/x"), Entry("1.dcm", within="home_a_x.chrislink")])
    ['home_a_x.chrislink', 'home_a_x/1.dcm']
    """
    found, target = [], ""
    for entry in entries:
        target = entry.link or target
        found.append(entry.path if entry.link else placed_path(entry, target))
    return found


def chosen(entries: Sequence[Entry], numbers: Collection[int]) -> list[Entry]:
    """The lines with these numbers (from 0).

    A link that is chosen stays one, with all that stands behind it; a file that is chosen without its link becomes a
    plain file.
    """
    found: list[Entry] = []
    kept = ""
    for number, (entry, place) in enumerate(zip(entries, places(entries), strict=True)):
        if entry.link:
            kept = entry.path if number in numbers else ""
        if (entry.within and entry.within == kept) or (number in numbers and not entry.within):
            found.append(entry)
        elif number in numbers:
            found.append(replace(entry, path=place, within=""))
    return found


def below(entries: Iterable[Entry], directory: str) -> list[Entry]:
    """The same lines in a directory ("" leaves them where they are)."""
    if not directory:
        return list(entries)
    return [_moved(entry, directory) for entry in entries]


def _moved(entry: Entry, directory: str) -> Entry:
    if entry.within:
        return replace(entry, within=f"{directory}/{entry.within}")
    return replace(entry, path=f"{directory}/{entry.path}")


def merged(parts: Iterable[Part]) -> list[Entry]:
    """All parts as one tree: equal files at one path are one file, unequal ones a CollisionError."""
    found: dict[str, Entry] = {}
    owners: dict[str, str] = {}
    clashes: dict[tuple[str, str], int] = {}
    for part in parts:
        for entry, place in zip(part.entries, places(part.entries), strict=True):
            before = found.setdefault(place, entry)
            if (before.size, before.content) == (entry.size, entry.content):
                owners.setdefault(place, part.parent)
            else:
                pair = owners[place], part.parent
                clashes[pair] = clashes.get(pair, 0) + 1
    for pair in _files_as_directories(owners):
        clashes[pair] = clashes.get(pair, 0) + 1
    if clashes:
        raise CollisionError("; ".join(_clash_words(*pair, count) for pair, count in clashes.items()))
    return list(found.values())


def _files_as_directories(owners: dict[str, str]) -> list[tuple[str, str]]:
    """Owners of each file below whose path another file lies."""
    ordered = sorted(owners, key=path_key)
    # The separator sorts first, so what lies below a file would follow it directly.
    return [
        (owners[file], owners[under]) for file, under in pairwise(ordered) if under.startswith(f"{file}/")
    ]


def _clash_words(one: str, other: str, count: int) -> str:
    files = "one path" if count == 1 else f"{count} paths"
    who = f"{one} holds" if one == other else f"{one} and {other} hold"
    return f"{who} different files at {files}"


def unstacked(entries: Sequence[Entry]) -> list[Entry]:
    """What pl-unstack-folders copies: the first folder, from the top, that holds more than one thing, without those above.

    Where nothing but one file is found, it is that file alone. At the top, and only there, ChRIS's special files do
    not count, and stay behind when it goes deeper. Links become plain files.
    """
    files = {place: entry for entry, place in zip(entries, places(entries), strict=True) if not entry.link}
    nest = _nest(list(files))
    if nest in files:
        return [replace(files[nest], path=nest.rpartition("/")[2], within="")]
    return [
        replace(entry, path=place.removeprefix(nest), within="")
        for place, entry in files.items()
        if place.startswith(nest)
    ]


def _nest(paths: Sequence[str]) -> str:
    """The folder (it ends in `/`, the top is empty) or the file at which unstacking stops.

    >>> _nest(["a/b/1", "a/b/2"]), _nest(["a/b/1"]), _nest(["a/1", "b/1"]), _nest(["a/1", "input.meta.json"])
    ('a/b/', 'a/b/1', '', 'a/1')
    """
    inside, nest = list(paths), ""
    while True:
        heads = {path[len(nest) :].partition("/")[0] for path in inside}
        if not nest:
            heads -= SPECIAL_FILES
        if len(heads) != 1:
            return nest
        deeper = nest + heads.pop()
        if deeper in inside:
            return deeper
        nest = f"{deeper}/"
        inside = [path for path in inside if path.startswith(nest)]
