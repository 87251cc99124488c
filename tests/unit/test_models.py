"""The models refuse every bad example and accept every good one; the API server's half is in tests/controller."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError
from tests import compute_examples
from tests.kubeclient import Object
from tests.resource_examples import BAD, GOOD, MODELS, Example
from tests.shipped_resources import SHIPPED, Shipped

from chris_operator.models.base import explain
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugin import Plugin, PluginParameter
from chris_operator.models.plugininstance import PluginInstance, PluginInstanceStatus
from chris_operator.models.quantity import (
    MEBI,
    QuantityError,
    parse_cpu,
    parse_cpu_limit,
    parse_memory,
    parse_memory_limit,
)


@pytest.mark.parametrize("example", [*BAD, *compute_examples.BAD], ids=lambda example: example.id)
def test_bad_example_is_refused(example: Example):
    with pytest.raises(ValidationError) as refused:
        MODELS[example.kind].parse(example.object("alice"))
    message = explain(refused.value)
    assert all(named in message for named in example.named), message


@pytest.mark.parametrize("example", [*GOOD, *compute_examples.GOOD], ids=lambda example: example.id)
def test_good_example_is_accepted(example: Example):
    model = MODELS[example.kind].parse(example.object("alice"))
    again = type(model).parse(model.wire())
    assert again == model


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.id)
def test_shipped_resource_is_accepted(shipped: Shipped):
    if shipped.kind in MODELS:
        MODELS[shipped.kind].parse(shipped.content)


def test_what_the_api_server_adds_is_tolerated():
    body = GOOD[0].object() | {"status": {"id": 7, "later": True}, "later": {}}
    body["metadata"] |= {"uid": "u", "managedFields": [{}], "generation": 3, "selfLink": None}
    plugin = Plugin.model_validate(body)
    assert (plugin.metadata.uid, plugin.metadata.generation, plugin.status.id) == ("u", 3, 7)


def test_models_are_frozen():
    plugin = Plugin.model_validate(GOOD[0].object())
    with pytest.raises(ValidationError, match="frozen"):
        plugin.spec.name = "other"  # type: ignore[misc]


def test_a_parameters_value_is_never_told():
    run = {
        "metadata": {"name": "a"},
        "spec": {"plugin": {"name": "p", "version": "1"}, "parameters": {"who": ["Doe"]}},
    }
    with pytest.raises(ValidationError) as refused:
        PluginInstance.model_validate(run)
    assert "spec.parameters.who" in explain(refused.value)
    assert "Doe" not in explain(refused.value)


def test_wire_form_says_only_what_is_known():
    moment = "2026-01-01T00:00:00Z"
    status = PluginInstanceStatus.model_validate(
        {
            "id": 1,
            "feedId": 2,
            "phases": {"stageIn": 1.5},
            "conditions": [
                {"type": "Succeeded", "status": "Unknown", "reason": "Running", "lastTransitionTime": moment}
            ],
        }
    )
    assert status.wire() == {
        "id": 1,
        "feedId": 2,
        "phases": {"stageIn": 1.5},
        "conditions": [
            {
                "type": "Succeeded",
                "status": "Unknown",
                "reason": "Running",
                "message": "",
                "lastTransitionTime": moment,
            }
        ],
    }
    assert find(status.conditions, ConditionType.SUCCEEDED) is status.conditions[0]
    assert find(status.conditions, ConditionType.READY) is None


Pair = tuple[int, int]
LIMITS = [
    ({}, (1000, 2147483647), (200, 2147483647), (0, 0), (1, 1)),
    ({"minCpuLimit": "", "maxMemoryLimit": ""}, (1000, 2147483647), (200, 2147483647), (0, 0), (1, 1)),
    ({"minCpuLimit": "50m", "maxCpuLimit": "1000m"}, (50, 1000), (200, 2147483647), (0, 0), (1, 1)),
    ({"minMemoryLimit": "1Gi", "maxMemoryLimit": 2048}, (1000, 2147483647), (1024, 2048), (0, 0), (1, 1)),
    ({"minGpuLimit": 1}, (1000, 2147483647), (200, 2147483647), (1, 2147483647), (1, 1)),
    ({"maxGpuLimit": 2, "maxNumberOfWorkers": 9}, (1000, 2147483647), (200, 2147483647), (0, 2), (1, 1)),
    ({"split": "files", "maxNumberOfWorkers": 9}, (1000, 2147483647), (200, 2147483647), (0, 0), (1, 9)),
    ({"split": "index", "minNumberOfWorkers": 2}, (1000, 2147483647), (200, 2147483647), (0, 0), (2, 2)),
]


@pytest.mark.parametrize(
    ("change", "cpu", "mebibytes", "gpu", "workers"), LIMITS, ids=lambda value: str(value)[:30]
)
def test_limits_of_a_descriptor(change: Object, cpu: Pair, mebibytes: Pair, gpu: Pair, workers: Pair):
    spec = Plugin.model_validate(Example("limits", "Plugin", change).object()).spec
    memory = tuple(bound // MEBI for bound in spec.memory)
    assert (spec.cpu, memory, spec.gpu, spec.workers) == (cpu, mebibytes, gpu, workers)


@pytest.mark.parametrize(
    ("kind", "action", "default", "expected"),
    [
        ("int", None, None, "store"),
        ("bool", None, None, "store_true"),
        ("bool", None, False, "store_true"),
        ("bool", None, True, "store_false"),
        ("bool", "store_true", True, "store_true"),
    ],
)
def test_action_left_out(kind: str, action: str | None, default: object, expected: str):
    given = {"name": "a", "flag": "--a", "type": kind, "action": action, "default": default}
    parameter = PluginParameter.model_validate(given)
    assert parameter.effective_action == expected


Parse = Callable[[str | int], int]
QUANTITIES = [
    (parse_cpu, "1m", 1),
    (parse_cpu, "0.0001", 1),
    (parse_cpu, "100u", 1),
    (parse_cpu, "1e1", 10000),
    (parse_memory, "1k", 1000),
    (parse_memory, "1Ki", 1024),
    (parse_memory, "1.5Gi", 1610612736),
    (parse_memory, "1E", 10**18),
    (parse_memory, "1Ei", 2**60),
    (parse_memory, "1e3", 1000),
    (parse_memory, "1500m", 2),
    (parse_cpu_limit, "1000m", 1000),
    (parse_cpu_limit, 7, 7),
    (parse_memory_limit, "1024Ki", MEBI),
    (parse_memory_limit, 7, 7 * MEBI),
]


@pytest.mark.parametrize(
    ("parse", "text", "expected"), QUANTITIES, ids=[f"{q[0].__name__}-{q[1]}" for q in QUANTITIES]
)
def test_quantity(parse: Parse, text: str | int, expected: int):
    assert parse(text) == expected


NO_QUANTITIES = [
    (parse_cpu, ""),
    (parse_cpu, "-1"),
    (parse_cpu, "1 "),
    (parse_memory, "2GB"),
    (parse_memory, "Gi"),
    (parse_cpu_limit, "1"),
    (parse_cpu_limit, "1.5m"),
    (parse_memory_limit, "200"),
    (parse_memory_limit, "1G"),
]


@pytest.mark.parametrize(
    ("parse", "text"), NO_QUANTITIES, ids=[f"{q[0].__name__}-{q[1]}" for q in NO_QUANTITIES]
)
def test_no_quantity(parse: Parse, text: str):
    with pytest.raises(QuantityError, match="write"):
        parse(text)
