"""What Feeds and Plugins say about themselves."""

import pytest
from tests.runs import NOW, Object, at, completed, condition, feed, instance, plugin

from chris_operator.core.brief import State, brief
from chris_operator.core.summary import counts, feed_status, plugin_status
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import Plugin


def told(reason: str, truth: str = "Unknown") -> Object:
    return {"conditions": condition(reason, truth)}


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        ({}, "waiting"),
        (told("ParentRunning"), "waiting"),
        (told("NotATenant"), "waiting"),
        (told("Scheduled"), "running"),
        (told("Running"), "running"),
        (told("PluginFailed"), "running"),
        (completed(), "succeeded"),
        (completed("CacheHit"), "succeeded"),
        (told("PluginFailed", "False"), "failed"),
        (told("InvalidParameters", "False"), "failed"),
        (told("Cancelled", "False"), "cancelled"),
        (told("FromANewerOperator"), "waiting"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_run_is_counted_once(status: Object, counted: str):
    found = counts([brief(instance(status=status).wire()).state]).model_dump()
    assert found.pop(counted) == 1
    assert set(found.values()) == {0}


def test_feed_status_is_written_once():
    runs = [State.SUCCEEDED, State.WAITING]
    bare = feed(None, generation=2)
    status = feed_status(bare, 3, runs, NOW)
    assert status is not None
    assert (status["id"], status["observedGeneration"]) == (3, 2)
    assert (status["instances"]["succeeded"], status["instances"]["waiting"]) == (1, 1)
    after = Feed.model_validate({"metadata": bare.metadata.wire(), "status": status})
    assert feed_status(after, 3, runs, at(60)) is None
    assert feed_status(after, 3, runs[:1], at(60)) is not None


def test_plugin_status_is_written_once():
    body = {"metadata": {"name": "pl-x-1.0.0", "generation": 1}, "spec": plugin().wire()}
    status = plugin_status(Plugin.model_validate(body), 2, NOW)
    assert status is not None
    assert status["id"] == 2
    assert [c["type"] for c in status["conditions"]] == ["Ready"]
    assert plugin_status(Plugin.model_validate(body | {"status": status}), 2, at(60)) is None
