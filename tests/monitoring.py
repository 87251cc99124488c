"""What the shipped dashboard and alerts ask Prometheus: their queries, taken apart by a real parser of PromQL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser
from tests.installation import ROOT, documents
from tests.kubeclient import Object

MONITORING = ROOT / "manifests" / "monitoring"
GIVEN = {"instance", "pod", "namespace", "job"}
"""Labels that Prometheus adds by itself."""
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
"""Of prometheus-client; every program has them."""


@dataclass(frozen=True)
class Question:
    """What one query names: metrics, the labels it matches with their values, the labels it groups or joins by."""

    metrics: tuple[str, ...]
    matched: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]


def alerts() -> list[Object]:
    """Every alert."""
    (rules,) = documents(MONITORING / "rules.yaml")
    return [rule for group in rules["spec"]["groups"] for rule in group["rules"]]


def dashboard() -> Object:
    """The dashboard."""
    found: Object = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def queries() -> dict[str, str]:
    """Every query by the alert or panel that asks it."""
    found = {rule["alert"]: rule["expr"] for rule in alerts()}
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            # Grafana puts a duration there.
            found[f"{panel['title']}-{target['refId']}"] = target["expr"].replace("$__rate_interval", "5m")
    return found


def question(query: str) -> Question:
    """Take a query apart; raises ValueError where it is no PromQL."""
    nodes: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(query), pre_visit=nodes.append)
    selectors = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    matched = [(each.name, each.value) for node in selectors for each in node.matchers.matchers]
    return Question(
        tuple(str(node.name) for node in selectors), tuple(matched), tuple(sorted(set(_groups(nodes))))
    )


def _groups(nodes: list[promql_parser.Expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            yield from node.modifier.labels
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier and node.modifier.matching:
            yield from node.modifier.matching.labels
