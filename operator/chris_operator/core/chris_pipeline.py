"""Pipelines as today's ChRIS writes them, JSON and YAML, to and from ours; texts in, texts out.

ChRIS's JSON holds its tree as a text within the text, names parents by title (older ones by index) and may name a
plugin by its number; its YAML says `plugin: "pl-x v1.2.3"`. A joining node names its parents in the default of its
parameter `plugininstances`; ours are in `previous`. What ChRIS has no word for (priority, retries, deadline, `auto`
workers, parameters of the Pipeline itself) is left out or, for parameters, written as the nodes' defaults.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

from chris_operator.models.base import API_VERSION, explain
from chris_operator.models.pipeline import Node, Pipeline
from chris_operator.models.plugininstance import PluginReference
from chris_operator.models.quantity import (
    MEBI,
    QuantityError,
    parse_cpu,
    parse_cpu_limit,
    parse_memory,
    parse_memory_limit,
)

from .pipelines import values

Object = dict[str, Any]
PARENTS: Final = "plugininstances"
"""Parameter of ChRIS's joining plugins: titles of all parents, separated by commas."""
_PLUGIN = re.compile(r"(\S+)\s+v?(\S+)")
_MAX_NAME = 63


class FormatError(ValueError):
    """A text that is no pipeline of ChRIS's; the message names the node, the rule, the value and the remedy."""


def _no_plugin(_number: int) -> PluginReference | None:
    return None


def imported(
    text: str,
    *,
    name: str | None = None,
    numbered: Callable[[int], PluginReference | None] = _no_plugin,
) -> Object:
    """The Pipeline (a manifest without namespace) for a text in one of ChRIS's formats; raises FormatError.

    `name` is the object's; left out, it is made from the pipeline's title. `numbered` finds a plugin by its number.
    """
    document = _document(text)
    title = _text(document, "name", "the pipeline")
    entries = _tree(document)
    titles = [_title(entry, index) for index, entry in enumerate(entries)]
    if repeated := [title for title, count in Counter(titles).items() if count > 1]:
        raise FormatError(f"the title {repeated[0]!r} is used twice: give every node a title of its own")
    names = _names(titles)
    nodes = [
        _node(_Entry(entry, titles[index], index), names, titles, numbered)
        for index, entry in enumerate(entries)
    ]
    texts = {key: document[key] for key in ("description", "category", "authors") if document.get(key)}
    body = {
        "apiVersion": API_VERSION,
        "kind": "Pipeline",
        "metadata": {"name": name or _slug(title)},
        "spec": {"title": title, **texts, "public": document.get("locked") is False, "nodes": nodes},
    }
    try:
        Pipeline.parse(body)
    except ValidationError as error:
        raise FormatError(f"pipeline {title!r} cannot be a Pipeline: {explain(error)}") from error
    return body


def to_json(pipeline: Pipeline, joins: Collection[PluginReference] = ()) -> str:
    """The text of ChRIS's JSON format; `joins` are the plugins of type ts."""
    tree = [
        {
            "title": title,
            "plugin_name": node.plugin.name,
            "plugin_version": node.plugin.version,
            "previous": previous,
            "plugin_parameter_defaults": [{"name": n, "default": v} for n, v in defaults.items()],
            **_limits(node),
        }
        for node, title, previous, defaults in _written(pipeline, joins)
    ]
    return json.dumps(_head(pipeline) | {"plugin_tree": json.dumps(tree)}, indent=1) + "\n"


def to_yaml(pipeline: Pipeline, joins: Collection[PluginReference] = ()) -> str:
    """The text of ChRIS's YAML format, that of its pipeline source files; `joins` are the plugins of type ts."""
    tree = [
        {"title": title, "plugin": f"{node.plugin.name} v{node.plugin.version}", "previous": previous}
        | ({"plugin_parameter_defaults": defaults} if defaults else {})
        | _limits(node)
        for node, title, previous, defaults in _written(pipeline, joins)
    ]
    return yaml.safe_dump(_head(pipeline) | {"plugin_tree": tree}, sort_keys=False, allow_unicode=True)


# -- reading


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise FormatError(
            f"the text is neither JSON nor YAML ({error}): give a pipeline of ChRIS's"
        ) from error
    if not isinstance(found, Mapping):
        raise FormatError("the text holds no pipeline: give an object with the keys name and plugin_tree")
    return found


def _text(where: Mapping[str, Any], key: str, what: str) -> str:
    found = where.get(key)
    if not isinstance(found, str) or not found.strip():
        raise FormatError(f"{what} needs a text as its {key!r}, but {found!r} was given")
    return found.strip()


def _tree(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tree = document.get("plugin_tree")
    try:
        found = json.loads(tree) if isinstance(tree, str) else tree
    except ValueError as error:
        raise FormatError(f"plugin_tree is a text, but no JSON ({error}): write a list of nodes") from error
    if not isinstance(found, list) or not found or not all(isinstance(each, Mapping) for each in found):
        raise FormatError("plugin_tree must be a list of nodes: give at least one")
    return found


def _title(entry: Mapping[str, Any], index: int) -> str:
    if "title" in entry:
        return _text(entry, "title", f"node {index}")
    return str(entry.get("plugin_name") or entry.get("plugin") or index)


def _slug(title: str) -> str:
    """A title as a name.

    >>> _slug("Automatic Fetal Brain, v1.0")
    'automatic-fetal-brain-v1-0'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_MAX_NAME].rstrip("-") or "pipeline"


def _names(titles: Sequence[str]) -> dict[str, str]:
    """A node's name for every title; titles that make the same name are numbered."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for title in titles:
        slug = _slug(title)
        name = next(n for n in _numbered(slug) if n not in used)
        used.add(name)
        found[title] = name
    return found


def _numbered(slug: str) -> Iterator[str]:
    yield slug
    number = 2
    while True:
        ending = f"-{number}"
        yield slug[: _MAX_NAME - len(ending)].rstrip("-") + ending
        number += 1


class _Entry:
    """One node of ChRIS's, with words that name it."""

    def __init__(self, body: Mapping[str, Any], title: str, index: int) -> None:
        self.body, self.title = body, title
        self.what = f"node {index} ({title!r})"


def _node(
    entry: _Entry,
    names: Mapping[str, str],
    titles: Sequence[str],
    numbered: Callable[[int], PluginReference | None],
) -> Object:
    defaults = _defaults(entry)
    parents = _parents(entry, defaults.pop(PARENTS, None), names, titles)
    plugin = _plugin(entry, numbered)
    resources, workers = _resources(entry)
    optional = {
        "previous": [names[parent] for parent in parents],
        "parameters": defaults,
        "resources": resources,
        "workers": workers,
    }
    node: Object = {"name": names[entry.title], "plugin": {"name": plugin.name, "version": plugin.version}}
    if entry.title != node["name"]:
        node["title"] = entry.title
    return node | {key: value for key, value in optional.items() if value}


def _plugin(entry: _Entry, numbered: Callable[[int], PluginReference | None]) -> PluginReference:
    body = entry.body
    match body:
        case {"plugin": str(written)} if found := _PLUGIN.fullmatch(written.strip()):
            name, version = found.groups()
        case {"plugin_name": str(name), "plugin_version": str(version)}:
            pass
        case {"plugin_id": int(number)}:
            known = numbered(number)
            if known is None:
                raise FormatError(
                    f"{entry.what} names its plugin by the number {number}, which no Plugin here has: "
                    "write plugin_name and plugin_version instead"
                )
            return known
        case _:
            raise FormatError(
                f"{entry.what} names no plugin: write plugin: 'pl-x v1.2.3', or plugin_name and plugin_version"
            )
    return PluginReference(name=name, version=version)


def _defaults(entry: _Entry) -> Object:
    """Values by name; null is ChRIS's word for "none"."""
    given = entry.body.get("plugin_parameter_defaults") or {}
    match given:
        case Mapping():
            pairs = list(given.items())
        case list() if all(isinstance(each, Mapping) and "name" in each for each in given):
            pairs = [(each["name"], each.get("default")) for each in given]
        case _:
            raise FormatError(
                f"{entry.what}: plugin_parameter_defaults must be a map of values, or a list of name and default"
            )
    return {str(name): value for name, value in pairs if value is not None}


def _parents(entry: _Entry, joined: object, names: Mapping[str, str], titles: Sequence[str]) -> list[str]:
    previous = entry.body.get("previous", entry.body.get("previous_index"))
    if isinstance(previous, int) and 0 <= previous < len(titles):
        previous = titles[previous]
    if previous is not None and previous not in names:
        raise FormatError(
            f"{entry.what}: previous is {previous!r}, which is no node's title: name one, or null"
        )
    parents = [each.strip() for each in str(joined).split(",") if each.strip()] if joined else []
    if unknown := [each for each in parents if each not in names]:
        raise FormatError(f"{entry.what}: {PARENTS} names {unknown[0]!r}, which is no node's title: name one")
    missing = [previous] if previous is not None and previous not in parents else []
    return list(dict.fromkeys([*missing, *parents]))


def _resources(entry: _Entry) -> tuple[Object, int | None]:
    body, found = entry.body, {}
    try:
        if body.get("cpu_limit"):
            found["cpu"] = f"{parse_cpu_limit(body['cpu_limit'])}m"
        if body.get("memory_limit"):
            found["memory"] = f"{math.ceil(parse_memory_limit(body['memory_limit']) / MEBI)}Mi"
    except QuantityError as error:
        raise FormatError(f"{entry.what}: {error}") from error
    if body.get("gpu_limit"):
        found["gpu"] = body["gpu_limit"]
    return found, body.get("number_of_workers")


# -- writing


def _head(pipeline: Pipeline) -> Object:
    spec = pipeline.spec
    return {
        "name": spec.title or pipeline.metadata.name,
        "locked": not spec.public,
        "authors": spec.authors,
        "category": spec.category,
        "description": spec.description,
    }


def _written(
    pipeline: Pipeline, joins: Collection[PluginReference]
) -> Iterator[tuple[Node, str, str | None, Object]]:
    """Every node with its title, its parent's and its defaults."""
    nodes, given = pipeline.spec.nodes, values(pipeline.spec, {})
    wanted = [node.title or node.name for node in nodes]
    # Titles identify nodes there, and stand in lists separated by commas.
    usable = {title for title, count in Counter(wanted).items() if count == 1 and "," not in title}
    titles = {node.name: node.title if node.title in usable else node.name for node in nodes}
    for node in nodes:
        parents = [titles.get(parent, parent) for parent in node.previous]
        joined = len(parents) > 1 or (parents and node.plugin in joins)
        defaults = given[node.name] | ({PARENTS: ",".join(parents)} if joined else {})
        yield node, titles[node.name], parents[0] if parents else None, defaults


def _limits(node: Node) -> Object:
    resources = node.resources
    found: Object = {}
    if resources and resources.cpu is not None:
        found["cpu_limit"] = parse_cpu(resources.cpu)
    if resources and resources.memory is not None:
        found["memory_limit"] = math.ceil(parse_memory(resources.memory) / MEBI)
    if resources and resources.gpu is not None:
        found["gpu_limit"] = resources.gpu
    if isinstance(node.workers, int):
        found["number_of_workers"] = node.workers
    return found
