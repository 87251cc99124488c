"""The Deployment's variables, read once; a wrong one is named."""

from datetime import timedelta

import pytest

from chris_operator.controller.settings import SettingsError, read

LEAST = {"CHRIS_STAGING_IMAGE": "staging:1", "POD_NAME": "chris-operator-0"}


def test_the_least_that_must_be_given():
    options = read(LEAST)
    assert (options.identity, options.namespace) == ("chris-operator-0", "chris-system")
    assert options.plans.pods.staging_image == "staging:1"
    assert options.plans.pods.image_pull_secrets == ()


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_what_is_missing_is_named(name: str, value: str | None):
    given = {key: text for key, text in LEAST.items() if key != name} | (
        {name: value} if value is not None else {}
    )
    with pytest.raises(SettingsError, match=name):
        read(given)


@pytest.mark.parametrize(
    "name", ["CHRIS_KEEP_ENDED_SECONDS", "CHRIS_PULL_PATIENCE_SECONDS", "CHRIS_BACKOFF_SECONDS"]
)
def test_a_time_that_is_none_is_named(name: str):
    with pytest.raises(SettingsError, match=rf"{name} is 'ten'"):
        read(LEAST | {name: "ten"})


def test_everything_can_be_set():
    options = read(
        LEAST
        | {
            "CHRIS_KEEP_ENDED_SECONDS": "1.5",
            "CHRIS_PULL_PATIENCE_SECONDS": "2",
            "CHRIS_BACKOFF_SECONDS": "3",
            "CHRIS_IMAGE_PULL_SECRETS": "a,b,",
            "CHRIS_IMAGE_PULL_POLICY": "Always",
            "CHRIS_SWIFT_URL": "http://swift:8080",
            "POD_NAMESPACE": "here",
        }
    )
    plans = options.plans
    assert (plans.keep_ended, plans.pull_patience) == (timedelta(seconds=1.5), timedelta(seconds=2))
    assert plans.backoff_first == timedelta(seconds=3)
    assert (plans.pods.image_pull_secrets, plans.pods.image_pull_policy) == (("a", "b"), "Always")
    assert (options.swift_url, options.namespace) == ("http://swift:8080", "here")
