"""The Deployment's variables, read once; a wrong one is named."""

from datetime import timedelta

import pytest

from chris_operator.controller.settings import NetworkSettings, SettingsError, read
from chris_operator.core.demand import GpuSettings

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


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CHRIS_SWIFT_CIDRS", "10.1.2.0/24,10.1.2.3/8", "names '10.1.2.3/8': .* has host bits set"),
        ("CHRIS_SWIFT_PORTS", "8080,http", "names 'http', which is no port"),
        ("CHRIS_DNS_PORTS", "65536", "names '65536', which is no port"),
    ],
    ids=lambda value: value.partition(",")[0],
)
def test_a_part_of_the_network_that_is_none_is_named(name: str, value: str, says: str):
    with pytest.raises(SettingsError, match=f"{name} {says}"):
        read(LEAST | {name: value})


@pytest.mark.parametrize(("text", "wish"), [(None, "auto"), ("auto", "auto"), ("on", "on"), ("off", "off")])
def test_fast_start(text: str | None, wish: str):
    assert read(LEAST | ({"CHRIS_FAST_START": text} if text else {})).fast_start.value == wish


def test_a_fast_start_that_is_none_is_named():
    with pytest.raises(SettingsError, match="CHRIS_FAST_START is 'yes': give auto, on or off"):
        read(LEAST | {"CHRIS_FAST_START": "yes"})


def test_a_gpu_that_no_device_plugin_counts_is_named():
    with pytest.raises(SettingsError, match=r"CHRIS_GPU_RESOURCE is 'gpu', .* give for example amd.com/gpu"):
        read(LEAST | {"CHRIS_GPU_RESOURCE": "gpu"})


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
            "CHRIS_SWIFT_CIDRS": "10.1.2.0/24, fd00::/64",
            "CHRIS_SWIFT_PORTS": "8080",
            "CHRIS_DNS_PORTS": "53,5353",
            "CHRIS_GPU_RESOURCE": "amd.com/gpu",
            "CHRIS_GPU_CLAIM_TEMPLATE": "one-gpu",
            "POD_NAMESPACE": "here",
        }
    )
    plans = options.plans
    assert (plans.keep_ended, plans.pull_patience) == (timedelta(seconds=1.5), timedelta(seconds=2))
    assert plans.backoff_first == timedelta(seconds=3)
    assert (plans.pods.image_pull_secrets, plans.pods.image_pull_policy) == (("a", "b"), "Always")
    assert plans.pods.gpu == GpuSettings("amd.com/gpu", "one-gpu")
    assert options.network == NetworkSettings((8080,), ("10.1.2.0/24", "fd00::/64"), (53, 5353))
    assert (options.swift_url, options.namespace) == ("http://swift:8080", "here")
