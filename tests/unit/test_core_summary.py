"""What Feeds and Plugins say about themselves."""

from typing import Any

import pytest
from tests.runs import NOW, Object, at, completed, condition, feed, instance, plugin

from chris_operator.core.brief import State, brief
from chris_operator.core.summary import counts, feed_status, plugin_status, trusted_image
from chris_operator.models.conditions import ConditionType, find
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


FIRST, SECOND = "localhost/x@sha256:1", "localhost/x@sha256:2"


def _plugin(images: list[str], status: Object | None = None, **spec: Any) -> Plugin:
    """A Plugin after its runs were seen in these images."""
    meta = {"name": "pl-x-1.0.0", "generation": 1}
    body = {"metadata": meta, "spec": plugin(**spec).wire(), "status": status or {}}
    told = plugin_status(Plugin.model_validate(body), 2, NOW, images)
    return Plugin.model_validate(body | {"status": told or status})


@pytest.mark.parametrize(
    ("found", "truth", "reason", "trusted", "words"),
    [
        (_plugin([FIRST]), "True", "OneImage", FIRST, ("equal runs are not run again", FIRST)),
        (_plugin([FIRST], network="egress"), "False", "NetworkEgress", None, ("network: egress",)),
        (
            _plugin([FIRST, SECOND]),
            "False",
            "ImageChanged",
            None,
            ("localhost/x:1", FIRST, SECOND, "register it as a new version"),
        ),
        (_plugin([SECOND], _plugin([FIRST]).status.wire()), "False", "ImageChanged", None, (FIRST, SECOND)),
        (_plugin([FIRST], _plugin([FIRST, SECOND]).status.wire()), "False", "ImageChanged", None, (SECOND,)),
        (_plugin([], _plugin([FIRST]).status.wire()), "True", "OneImage", FIRST, ()),
    ],
    ids=["one", "egress", "two", "another-one-later", "two-once", "remembered"],
)
def test_outputs_are_used_again_while_the_tag_leads_to_one_image(
    found: Plugin, truth: str, reason: str, trusted: str | None, words: tuple[str, ...]
):
    told = find(found.status.conditions, ConditionType.CACHEABLE)
    assert told is not None
    assert (told.status, told.reason) == (truth, reason)
    assert all(word in told.message for word in words), told.message
    assert trusted_image(found) == trusted
    assert find(found.status.conditions, ConditionType.READY) is not None


def test_nothing_is_said_of_images_before_one_is_known():
    found = _plugin([])
    assert find(found.status.conditions, ConditionType.CACHEABLE) is None
    assert (found.status.image, trusted_image(found)) == (None, None)
