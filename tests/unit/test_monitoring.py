"""The shipped alerts and dashboard ask for metrics, labels and reasons that exist, in PromQL that parses."""

import re

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from tests.monitoring import GIVEN, PROCESS, Question, alerts, dashboard, queries, question

from chris_operator.controller import metrics
from chris_operator.core.phases import Reason

QUERIES = pytest.mark.parametrize("query", queries().values(), ids=queries())
OURS: dict[str, set[str]] = {
    sample: {*each._labelnames, *({"le"} if sample.endswith("_bucket") else set())}
    for each in vars(metrics).values()
    if isinstance(each, MetricWrapperBase)
    for sample in REGISTRY._collector_to_names[each]
}
"""Samples of the operator's metrics and their labels."""


@QUERIES
def test_metrics_and_labels_exist(query: str):
    asked = question(query)
    assert asked.metrics
    assert set(asked.metrics) <= set(OURS) | PROCESS
    known = GIVEN.union(*(OURS.get(name, set()) for name in asked.metrics))
    assert {name for name, _ in asked.matched} | set(asked.groups) <= known


@QUERIES
def test_reasons_exist(query: str):
    named = [value.split("|") for label, value in question(query).matched if label == "reason"]
    assert {reason for values in named for reason in values} <= set(Reason)


def test_a_question_names_all_that_it_needs():
    query = 'sum by (a) (rate(x_total{b=~"c|d"}[5m])) > 1 and on (instance) y'
    assert question(query) == Question(("x_total", "y"), (("b", "c|d"),), ("a", "instance"))


def test_what_is_no_promql_is_refused():
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        question("sum by (rate(x[5m])")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, dict[str, str]]):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert len(rule["annotations"]["runbook"]) > 100
    asked = question(str(rule["expr"]))
    for label in re.findall(r"\$labels\.(\w+)", "".join(rule["annotations"].values())):
        assert label in GIVEN | set(asked.groups), "an aggregation drops what it does not name"


def test_panels_have_numbers_of_their_own_and_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken
        taken |= cells
