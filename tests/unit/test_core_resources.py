"""What a run gets: its wish within the plugin's limits, and more memory after running out of it."""

from typing import Any

import pytest
from tests.runs import plugin

from chris_operator.core import resources
from chris_operator.core.demand import Resources
from chris_operator.models.plugininstance import PluginInstanceSpec

MIB = 1 << 20
GIB = 1 << 30
BOUNDED = plugin(
    minCpuLimit="500m",
    maxCpuLimit="2000m",
    minMemoryLimit="200Mi",
    maxMemoryLimit="1Gi",
    minGpuLimit=0,
    maxGpuLimit=1,
    minNumberOfWorkers=1,
    maxNumberOfWorkers=4,
    maxDiskLimit="100Gi",
    split="index",
)


def wish(**spec: Any) -> PluginInstanceSpec:
    return PluginInstanceSpec.model_validate({"plugin": {"name": "pl-x", "version": "1.0.0"}, **spec})


@pytest.mark.parametrize(
    ("asked", "memory_mib", "expected"),
    [
        ({}, None, Resources(500, 200 * MIB, 0, 10 * GIB)),
        ({"cpu": "1"}, None, Resources(1000, 200 * MIB, 0, 10 * GIB)),
        ({"cpu": 2, "memory": "0.5Gi"}, None, Resources(2000, 512 * MIB, 0, 10 * GIB)),
        ({"gpu": 1, "ephemeralStorage": "50Gi"}, None, Resources(500, 200 * MIB, 1, 50 * GIB)),
        ({"memory": "1G"}, None, Resources(500, 10**9, 0, 10 * GIB)),
        ({"memory": "1G"}, 10**9 // MIB, Resources(500, 10**9, 0, 10 * GIB)),
        ({"memory": "300Mi"}, 600, Resources(500, 600 * MIB, 0, 10 * GIB)),
        ({}, 400, Resources(500, 400 * MIB, 0, 10 * GIB)),
    ],
    ids=["minimum", "cpu", "cores", "gpu-disk", "decimal", "decimal-again", "grown-wish", "grown-minimum"],
)
def test_requested(asked: dict[str, Any], memory_mib: int | None, expected: Resources):
    """A size that is no whole number of MiB is never rounded down: a run gets what it asked for."""
    assert resources.requested(wish(resources=asked), BOUNDED, memory_mib) == expected


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"resources": {"cpu": "3"}}, ("resources.cpu is 3000m", "pl-x 1.0.0", "500m to 2000m")),
        ({"resources": {"cpu": "100m"}}, ("resources.cpu is 100m", "500m")),
        ({"resources": {"memory": "2Gi"}}, ("resources.memory is 2048Mi", "200Mi to 1024Mi")),
        ({"resources": {"memory": "1Mi"}}, ("resources.memory is 1Mi", "200Mi")),
        ({"resources": {"gpu": 2}}, ("resources.gpu is 2,", "0 to 1:")),
        (
            {"resources": {"ephemeralStorage": "200Gi"}},
            ("resources.ephemeralStorage is 204800Mi", "0Mi to 102400Mi"),
        ),
        ({"workers": 5}, ("workers is 5", "1 to 4")),
    ],
    ids=["cpu-high", "cpu-low", "memory-high", "memory-low", "gpu-high", "disk-high", "workers-high"],
)
def test_what_lies_outside_the_limits_is_named(spec: dict[str, Any], words: tuple[str, ...]):
    (complaint,) = resources.complaints(wish(**spec), BOUNDED)
    assert all(word in complaint for word in words), complaint


@pytest.mark.parametrize(
    "spec",
    [{}, {"workers": "auto"}, {"workers": 4}, {"resources": {"cpu": "2", "memory": "1Gi", "gpu": 1}}],
    ids=["nothing", "auto", "workers", "most"],
)
def test_what_lies_within_is_no_complaint(spec: dict[str, Any]):
    assert resources.complaints(wish(**spec), BOUNDED) == []


def test_work_that_cannot_be_shared_is_one_workers():
    (complaint,) = resources.complaints(wish(workers=3), plugin(maxNumberOfWorkers=8))
    assert complaint == (
        "workers is 3, but pl-x 1.0.0 does not say how its work can be shared (its Plugin's split): leave workers out"
    )
    assert resources.complaints(wish(workers="auto"), plugin()) == []


def test_all_wrong_wishes_are_told_at_once():
    spec = {"resources": {"cpu": "3", "memory": "2Gi", "gpu": 2}, "workers": 9}
    assert len(resources.complaints(wish(**spec), BOUNDED)) == 4


@pytest.mark.parametrize(
    ("bounds", "asked", "gets"),
    [
        ({}, {}, 10 * GIB),
        ({"minDiskLimit": "20Gi"}, {}, 20 * GIB),
        ({"maxDiskLimit": 512}, {}, 512 * MIB),
        ({"minDiskLimit": "20Gi"}, {"ephemeralStorage": "30Gi"}, 30 * GIB),
    ],
    ids=["usual", "least", "most", "wish"],
)
def test_disk(bounds: dict[str, Any], asked: dict[str, Any], gets: int):
    """Unasked, a run gets what is usual, or as near to it as its Plugin's bounds allow."""
    spec, bounded = wish(resources=asked), plugin(**bounds)
    assert resources.disk(spec, bounded) == gets
    assert resources.complaints(spec, bounded) == []


@pytest.mark.parametrize(
    ("had", "gets"), [(200, 400), (400, 800), (800, 1024), (1024, None), (4096, None)], ids=str
)
def test_memory_doubles_up_to_the_maximum(had: int, gets: int | None):
    assert resources.grown(had, BOUNDED) == gets
