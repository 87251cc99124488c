"""Runs to be made again: the same spec under a new name, with other parameters where wished. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chris_operator.cli.errors import UserError
from chris_operator.core.lineage import descendants
from chris_operator.core.parents import asked, directories
from chris_operator.models.base import API_VERSION, GROUP
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstance, PluginInstanceSpec, PluginReference

Object = dict[str, Any]
_STEERING = ("cancel", "suspend")
"""What was done to the former run is not done to the new one."""
_MARK = re.compile(r"-r(\d{1,6})$")
_LONGEST = 253
_BOOLEANS = {"true": True, "false": False}


def again(
    known: Mapping[str, PluginInstance],
    name: str,
    parameters: Mapping[str, Any],
    resources: Mapping[str, str],
    *,
    following: bool,
    joins: Collection[PluginReference] = (),
    fresh: bool = False,
) -> list[Object]:
    """The resources to create, parents first: the run with these parameters and, with `following`, all that came after.

    `resources` are changes of the former run's; `joins` are the plugins of type ts; with `fresh`, no equal earlier
    output serves.
    """
    chosen = [known[name], *(descendants(known, name) if following else ())]
    names = new_names([each.metadata.name for each in chosen], known)
    made = [_made(each, names, joins=each.spec.plugin in joins) for each in chosen]
    spec = made[0]["spec"]
    spec["parameters"] = dict(parameters)
    if resources:
        spec["resources"] = spec.get("resources", {}) | dict(resources)
    for body in made if fresh else ():
        body["spec"]["cache"] = "refresh"
    return made


def new_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """A free name for each, all with the same number, which is above those that they have.

    >>> new_names(["scan", "smooth-r2"], ["scan", "smooth-r2"])
    {'scan': 'scan-r3', 'smooth-r2': 'smooth-r3'}
    """
    taken, stems = set(known), {name: _MARK.sub("", name) for name in names}
    number = 1 + max(int(found[1]) if (found := _MARK.search(name)) else 1 for name in stems)
    while any(_numbered(stem, number) in taken for stem in stems.values()):
        number += 1
    return {name: _numbered(stem, number) for name, stem in stems.items()}


def _numbered(stem: str, number: int) -> str:
    mark = f"-r{number}"
    return stem[: _LONGEST - len(mark)].rstrip("-.") + mark


def _made(instance: PluginInstance, names: Mapping[str, str], *, joins: bool) -> Object:
    """A run like another one, on the new parents where those are made again too."""
    spec = instance.spec.wire(defaults=False)
    kept = {key: value for key, value in spec.items() if key not in _STEERING}
    if instance.spec.previous:
        kept["previous"] = [names.get(each, each) for each in instance.spec.previous]
    if inputs := _inputs(instance.spec, names, joins=joins):
        kept["inputs"] = inputs
    if feed := instance.status.feed or instance.spec.feed:
        kept["feed"] = feed
    labels = {
        key: value for key, value in instance.metadata.labels.items() if not key.startswith(f"{GROUP}/")
    }
    meta = {"name": names[instance.metadata.name], "namespace": instance.metadata.namespace, "labels": labels}
    return {"apiVersion": API_VERSION, "kind": "PluginInstance", "metadata": meta, "spec": kept}


def _inputs(spec: PluginInstanceSpec, names: Mapping[str, str], *, joins: bool) -> list[Object]:
    """What is said about each parent. New parents' files come in where the former ones' did, so that equal is equal."""
    places = directories(spec, joins=joins)
    told = []
    for name in spec.previous:
        said = asked(spec, name).wire(defaults=False) | {"previous": names.get(name, name)}
        if name in names and places[name]:
            said["into"] = places[name]
        if len(said) > 1:
            told.append(said)
    return told


def assignments(words: Iterable[str], option: str) -> dict[str, str]:
    """`name=value` as given on the command line."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UserError(f"{option} is {word!r}: write name=value")
        found[name] = value
    return found


def typed(given: Mapping[str, str], plugin: PluginSpec) -> dict[str, Any]:
    """Values from the command line in the types that the Plugin declares; unknown names stay text for its complaint."""
    kinds = {parameter.name: parameter.type for parameter in plugin.parameters}
    return {name: _value(name, text, kinds.get(name, "str")) for name, text in given.items()}


def _value(name: str, text: str, kind: str) -> Any:
    try:
        if kind == "bool":
            return _BOOLEANS[text.lower()]
        return {"int": int, "float": float}.get(kind, str)(text)
    except (ValueError, KeyError):
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]
        raise UserError(f"parameter {name} is {text!r}, but must be {wanted}") from None
