"""Feeds and Plugins: what their status should say. Both are simple: a number, a condition, counts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from chris_operator.models.conditions import Condition, ConditionType, find
from chris_operator.models.feed import Feed, InstanceCounts
from chris_operator.models.plugin import Plugin

from .brief import State
from .conditions import build, ready_conditions

IMAGE_CHANGED = "ImageChanged"
"""Reason of a Plugin whose tag was seen to lead to two images."""


def counts(states: Iterable[State]) -> InstanceCounts:
    """How many runs are in which state."""
    found = dict.fromkeys(State, 0)
    for state in states:
        found[state] += 1
    return InstanceCounts(**{state.value: number for state, number in found.items()})


def feed_status(feed: Feed, number: int, states: Iterable[State], now: datetime) -> dict[str, Any] | None:
    """The whole status of a Feed; None where it is right already."""
    generation = feed.metadata.generation
    status = feed.status.model_copy(
        update={
            "id": number,
            "instances": counts(states),
            "observed_generation": generation,
            "conditions": ready_conditions(
                "Numbered",
                f"Feed {number}",
                ready=True,
                generation=generation,
                now=now,
                before=feed.status.conditions,
            ),
        }
    )
    return None if status.wire() == feed.status.wire() else status.wire()


def plugin_status(
    plugin: Plugin, number: int, now: datetime, images: Iterable[str] = ()
) -> dict[str, Any] | None:
    """The whole status of a Plugin; None where it is right already. `images` are what its runs were seen to run in."""
    generation = plugin.metadata.generation
    seen = list(dict.fromkeys([*([plugin.status.image] if plugin.status.image else []), *images]))
    conditions = ready_conditions(
        "Registered",
        f"runs may name {plugin.spec.name} {plugin.spec.version}",
        ready=True,
        generation=generation,
        now=now,
        before=plugin.status.conditions,
    )
    status = plugin.status.model_copy(
        update={
            "id": number,
            "observed_generation": generation,
            "image": seen[0] if seen else None,
            "conditions": (*conditions, *_cacheable(plugin, seen, now)),
        }
    )
    return None if status.wire() == plugin.status.wire() else status.wire()


def _cacheable(plugin: Plugin, images: Sequence[str], now: datetime) -> tuple[Condition, ...]:
    """Whether outputs are used again; nothing is said before an image is known. It is never taken back."""
    before = find(plugin.status.conditions, ConditionType.CACHEABLE)
    if before and before.reason == IMAGE_CHANGED:
        return (before,)
    if not images:
        return ()
    if len(images) > 1:
        words = (
            f"runs of {plugin.spec.dock_image} were seen in two images ({images[0]} and {images[1]}), so equal runs "
            "may differ: give each image a tag of its own and register it as a new version"
        )
        truth, reason = False, IMAGE_CHANGED
    elif plugin.spec.network != "none":
        words = f"network: {plugin.spec.network} lets the program reach more than its input, so equal runs may differ"
        truth, reason = False, "NetworkEgress"
    else:
        words = f"equal runs are not run again: all were seen in the image {images[0]}"
        truth, reason = True, "OneImage"
    return (
        build(
            ConditionType.CACHEABLE,
            "True" if truth else "False",
            reason,
            words,
            generation=plugin.metadata.generation,
            now=now,
            before=plugin.status.conditions,
        ),
    )


def trusted_image(plugin: Plugin) -> str | None:
    """The image ID by which runs of a Plugin count as equal; None while there is none, or more than one."""
    cacheable = find(plugin.status.conditions, ConditionType.CACHEABLE)
    return plugin.status.image if cacheable and cacheable.status == "True" else None
