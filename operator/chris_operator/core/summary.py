"""Feeds and Plugins: what their status should say. Both are simple: a number, a condition, counts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chris_operator.models.feed import Feed, InstanceCounts
from chris_operator.models.plugin import Plugin

from .brief import State
from .conditions import ready_conditions


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


def plugin_status(plugin: Plugin, number: int, now: datetime) -> dict[str, Any] | None:
    """The whole status of a Plugin; None where it is right already."""
    generation = plugin.metadata.generation
    status = plugin.status.model_copy(
        update={
            "id": number,
            "observed_generation": generation,
            "conditions": ready_conditions(
                "Registered",
                f"runs may name {plugin.spec.name} {plugin.spec.version}",
                ready=True,
                generation=generation,
                now=now,
                before=plugin.status.conditions,
            ),
        }
    )
    return None if status.wire() == plugin.status.wire() else status.wire()
