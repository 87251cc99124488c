"""What a user may ask of a plugin: parameters, paths, resources, place in the tree.

Each check returns the complaints it has, in words that name the parameter, the rule, the value given
and the remedy; an empty list means that all is well. Nothing here raises: a bad request is a fact about
a run, not an error of the operator.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from chris_operator.models.plugin import PluginParameter, PluginSpec

PATH_TYPES = frozenset({"path", "unextpath"})
_MAX_STRING = 600
_MAX_PATHS = 16_000


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004  a message's line


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str), 'text, such as "brain"'),
    "path": (lambda value: isinstance(value, str), "comma-separated paths in Swift"),
    "unextpath": (lambda value: isinstance(value, str), "comma-separated paths in Swift"),
    "int": (_is_int, "a whole number without quotes, such as 3"),
    "float": (_is_number, "a number without quotes, such as 0.5"),
    "bool": (lambda value: isinstance(value, bool), "true or false, without quotes"),
}


def _value_complaint(parameter: PluginParameter, value: Any) -> str | None:
    fits, remedy = _TYPES[parameter.type]
    if not fits(value):
        return (
            f"parameter {parameter.name!r} must be of type {parameter.type}, but {_show(value)} was given: "
            f"give {remedy}"
        )
    if isinstance(value, str) and "\0" in value:
        return (
            f"parameter {parameter.name!r} (type {parameter.type}) contains a NUL character, which no command line "
            f"can carry: {_show(value)} was given"
        )
    limit = _MAX_PATHS if parameter.type in PATH_TYPES else _MAX_STRING
    if isinstance(value, str) and len(value) > limit:
        return (
            f"parameter {parameter.name!r} has {len(value)} characters, but values of type {parameter.type} end at "
            f"{limit}: {_show(value)} was given"
        )
    return None


def parameter_complaints(plugin: PluginSpec, given: Mapping[str, Any], *, whole: bool = True) -> list[str]:
    """What is wrong with the parameters of a run of this plugin; not `whole`: more may be given later."""
    known = {p.name: p for p in plugin.parameters}
    title = f"{plugin.name} {plugin.version}"
    has = ", ".join(f"{name} ({known[name].type})" for name in sorted(known)) or "no parameters"
    unknown = [
        f"parameter {name!r} does not exist in {title}, but {_show(given[name])} was given: it has {has}"
        for name in sorted(given)
        if name not in known
    ]
    missing = [
        f"parameter {p.name!r} (type {p.type}) is required by {title} and was not given"
        for p in plugin.parameters
        if whole and not p.optional and p.name not in given
    ]
    values = (_value_complaint(known[name], value) for name, value in sorted(given.items()) if name in known)
    return [*unknown, *missing, *(complaint for complaint in values if complaint)]


def split_paths(value: str) -> list[str]:
    """The single paths of a comma-separated value, without blanks and outer slashes.

    >>> split_paths(" /home/alice/uploads/a/, home/alice/uploads/b ")
    ['home/alice/uploads/a', 'home/alice/uploads/b']
    """
    return [path for part in value.split(",") if (path := part.strip().strip("/"))]


def path_complaint(path: str, user: str) -> str | None:
    """Why this user may not name this path; None when he may.

    A user reads his own home below its two standard folders, and what is public.
    """
    parts, shown = path.split("/"), _show(path)
    if any(part in {"", ".", ".."} for part in parts):
        return f"path {shown} contains an empty, '.' or '..' part: give the plain path"
    if parts[0] not in {"home", "SERVICES", "PIPELINES"}:
        return f"path {shown} must start with home/, SERVICES/ or PIPELINES/"
    if len(parts) == 1 or path in {f"home/{user}", f"home/{user}/feeds"}:
        return f"path {shown} is too wide: name a folder or file below it"
    if parts[0] == "home" and parts[1] != user:
        return f"path {shown} belongs to user {parts[1]!r}, and this namespace works for {user!r}"
    return None


def path_complaints(plugin: PluginSpec, given: Mapping[str, Any], user: str, *, links: bool) -> list[str]:
    """What is wrong with the paths in Swift that the parameters name; `links` tells a plugin that only links."""
    return [
        f"parameter {p.name!r} (type {p.type}): {complaint}"
        for p in plugin.parameters
        if p.type in PATH_TYPES and p.name in given
        for complaint in _paths_complaints(p, str(given[p.name]), user, links=links)
    ]


def _paths_complaints(parameter: PluginParameter, value: str, user: str, *, links: bool) -> list[str]:
    paths = split_paths(value)
    if parameter.type == "unextpath" and not links:
        remedy = "bring the data into the feed with pl-dircopy and name that run in previous"
        return [f"only link-only plugins take this type here, but {_show(value)} was given: {remedy}"]
    if not paths:
        return [f"{_show(value)} names no path: give paths such as home/{user}/uploads/scan"]
    return [complaint for path in paths if (complaint := path_complaint(path, user))]


def absent_complaints(plugin: PluginSpec, given: Mapping[str, Any], absent: Collection[str]) -> list[str]:
    """Which parameters name the paths in `absent`, where nothing lies in Swift."""
    return [
        f"parameter {p.name!r} (type {p.type}): path {_show(path)} leads to no files in Swift: upload them first"
        for p in plugin.parameters
        for path in dict.fromkeys(split_paths(str(given.get(p.name, ""))))
        if path in absent
    ]


def place_complaints(plugin: PluginSpec, previous: Sequence[str], name: str) -> list[str]:
    """What is wrong with a run's place in the tree, given its plugin's type."""
    title = f"{plugin.name} {plugin.version}"
    if plugin.type == "fs" and previous:
        return [f"{title} is of type fs and starts a feed, but previous names {list(previous)}: leave it out"]
    if plugin.type == "ds" and len(previous) != 1:
        return [
            f"{title} is of type ds and needs one parent, but previous names {len(previous)}: name the one it reads"
        ]
    if plugin.type == "ts" and not previous:
        return [f"{title} is of type ts and joins parents, but previous is empty: name at least one"]
    if name in previous:
        return [f"previous names {name!r}, the instance itself: name another instance"]
    return []


def circle_words(name: str, circle: Sequence[str]) -> str:
    """Why this tree has no start; `circle` is the chain upwards that ends with the run itself.

    >>> circle_words("a", ["b", "a"])
    'previous leads in a circle (a → b → a): name a parent outside it'
    """
    return f"previous leads in a circle ({' → '.join([name, *circle])}): name a parent outside it"
