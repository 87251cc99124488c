"""Feeds and Plugins: what their status should say. Both are simple: a number, a condition, counts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.feed import Feed, InstanceCounts
from chris_operator.models.plugin import Plugin
from chris_operator.models.plugininstance import PluginInstance

from .conditions import ready_conditions
from .phases import PHASES, Kind, Reason, known_reason


def counts(instances: Iterable[PluginInstance]) -> InstanceCounts:
    """How many runs are in which state; one that nobody has looked at yet waits."""
    found = {"waiting": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}
    for instance in instances:
        found[_state(instance)] += 1
    return InstanceCounts(**found)


def _state(instance: PluginInstance) -> str:
    condition = find(instance.status.conditions, ConditionType.SUCCEEDED)
    if condition is None:
        return "waiting"
    if condition.status == "True":
        return "succeeded"
    if condition.status == "False":
        return "cancelled" if condition.reason == Reason.CANCELLED else "failed"
    reason = known_reason(condition.reason)
    return "waiting" if reason is None or PHASES[reason].kind is Kind.WAITING else "running"


def feed_status(
    feed: Feed, number: int, instances: Iterable[PluginInstance], now: datetime
) -> dict[str, Any] | None:
    """The whole status of a Feed; None where it is right already."""
    generation = feed.metadata.generation
    status = feed.status.model_copy(
        update={
            "id": number,
            "instances": counts(instances),
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
