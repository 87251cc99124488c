"""Which run comes before which."""

from collections.abc import Iterable, Mapping

from chris_operator.models.plugininstance import PluginInstance


def ordered(instances: Iterable[PluginInstance]) -> list[PluginInstance]:
    """Parents before children, otherwise by age and name: the same for the same runs, however they come."""
    left = {each.metadata.name: each for each in sorted(instances, key=_age)}
    found: list[PluginInstance] = []
    while left:
        ready = [
            name for name, each in left.items() if not any(parent in left for parent in each.spec.previous)
        ]
        found += [left.pop(name) for name in ready or list(left)]  # runs in a circle have no first one
    return found


def _age(instance: PluginInstance) -> tuple[str, str]:
    return instance.metadata.creation_timestamp or "", instance.metadata.name


def descendants(known: Mapping[str, PluginInstance], name: str) -> list[PluginInstance]:
    """Every run that read, directly or not, what this one wrote; parents before children."""
    children: dict[str, list[str]] = {}
    for each in known.values():
        for parent in each.spec.previous:
            children.setdefault(parent, []).append(each.metadata.name)
    found, waiting = {name}, [name]
    while waiting:
        new = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(new)
        waiting += new
    return ordered(known[each] for each in found - {name})
