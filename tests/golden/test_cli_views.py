"""What `kubectl chris tree` draws, `why` says (for every reason that there is) and `crate` writes, whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Golden
from tests.crates import record
from tests.runs import NOW, Object, at, condition, instance, text

from chris_operator.cli import tree
from chris_operator.cli.tree import Node
from chris_operator.core.conditions import run_truth
from chris_operator.core.crate.document import documents
from chris_operator.core.crate.entities import METADATA, README, WORKFLOW
from chris_operator.core.observe import pod_facts
from chris_operator.core.phases import PHASES, Kind, Reason
from chris_operator.core.why import Known, why
from chris_operator.models.plugininstance import PluginInstance

FILES = Path(__file__).parent / "cli"


# Trees


def body(name: str, *previous: str, reason: str = "", truth: str = "Unknown", **status: Any) -> Object:
    """A raw run of the Feed `look`, as the API server sends it."""
    spec: Object = {"plugin": {"name": "pl-x", "version": "1.0.0"}, "previous": list(previous)}
    told: Object = {"feed": "look", "conditions": condition(reason, truth, "in words")} if reason else {}
    meta = {"name": name, "creationTimestamp": text(at(-600))}
    return {"metadata": meta, "spec": spec, "status": told | status}


def done(name: str, *previous: str, files: int = 2) -> Object:
    output = {"attempt": 1, "digest": "sha256:0", "files": files, "bytes": files * 1_234_567}
    return body(
        name, *previous, reason="Completed", truth="True", output=output, completionTime=text(at(-300))
    )


TREES: dict[str, list[Object]] = {
    "nothing": [],
    "chain": [
        done("scan"),
        body("register", "scan", reason="Running"),
        body("measure", "register", reason="ParentRunning"),
    ],
    "shared": [
        body("denoise", reason="Running", workers={"count": 12, "succeeded": 3, "failed": 1}),
        done("whole", "denoise"),
    ],
    "unseen": [body("scan")],
    "fan-and-join": [
        done("scan"),
        *(done(f"part-{number}", "scan", files=1) for number in range(5)),
        body(
            "merge",
            *(f"part-{number}" for number in range(5)),
            reason="PluginFailed",
            truth="False",
            completionTime=text(NOW),
        ),
        body("report", "merge", reason="ParentFailed", truth="False", completionTime=text(NOW)),
    ],
    "a-parent-is-missing": [body("late", "gone", reason="ParentNotFound")],
    "circle": [body("a", "b", reason="InvalidSpec", truth="False"), body("b", "a"), body("c", "a")],
    "deep": [done("n-00"), *(done(f"n-{level:02}", f"n-{level - 1:02}") for level in range(1, 30))],
}


@pytest.mark.parametrize("case", TREES)
def test_tree(case: str, golden: Golden):
    nodes = [Node.of(each) for each in TREES[case]]
    assert sorted(place.node.name for place in tree.places(nodes)) == sorted(node.name for node in nodes)
    drawn = "\n".join([tree.heading("look", nodes), *tree.lines(nodes, NOW)])
    golden(FILES / f"tree-{case}.txt", f"{drawn}\n")


def test_tree_for_programs(golden: Golden):
    nodes = [Node.of(each) for each in TREES["chain"]]
    golden(FILES / "tree.json", f"{json.dumps(tree.document('look', nodes, NOW), indent=1)}\n")


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        pytest.param([done("scan"), done("smooth", "scan")], ["scan", "smooth"], id="placed by the operator"),
        pytest.param(
            [done("scan"), body("new", "scan"), body("newer", "new")],
            ["scan", "new", "newer"],
            id="not placed yet",
        ),
        pytest.param(
            [body("look"), body("other"), body("below", "look")],
            ["look", "below"],
            id="a Feed of its own name",
        ),
        pytest.param([body("x", "y"), body("y", "x")], [], id="a circle belongs nowhere"),
        pytest.param([body("orphan", "gone")], [], id="nor does an orphan"),
    ],
)
def test_the_runs_of_a_feed(bodies: list[Object], expected: list[str]):
    assert [node.name for node in tree.of_feed(map(Node.of, bodies), "look")] == expected


# Why


def scene(reason: Reason, *, final: bool = False) -> Known:
    """A run with this reason, and around it what such a run has."""
    truth = run_truth(reason, final=final)
    status: Object = {"conditions": condition(reason, truth, "(the operator's own words)", at(-90))}
    if PHASES[reason].kind is not Kind.WAITING:
        status["attempt"] = {"number": 2, "memory": 400}
    if PHASES[reason].kind is Kind.RETRIED:
        status["failures"] = {reason.value: 2}
    found = instance("register", spec={"previous": ["smooth"]}, status=status)
    return Known(found, RELATIVES.get(reason, {}))


def relative(name: str, reason: str, truth: str, *previous: str) -> PluginInstance:
    return instance(
        name,
        spec={"previous": list(previous)},
        status={"conditions": condition(reason, truth, f"about {name}")},
    )


RELATIVES = {
    Reason.PARENT_RUNNING: {
        "smooth": relative("smooth", "ParentRunning", "Unknown", "scan"),
        "scan": relative("scan", "Unschedulable", "Unknown"),
    },
    Reason.PARENT_FAILED: {
        "smooth": relative("smooth", "ParentFailed", "False", "scan"),
        "scan": relative("scan", "PluginFailed", "False"),
    },
}


def said(known: Known) -> str:
    return "\n".join(why(known, NOW).lines())


def test_why_of_every_reason(golden: Golden):
    parts = []
    for reason in Reason:
        parts += [f"## {reason}", said(scene(reason)), ""]
        if PHASES[reason].kind is Kind.RETRIED:
            parts += [f"## {reason}, for good", said(scene(reason, final=True)), ""]
    golden(FILES / "why-reasons.txt", "\n".join(parts))


def unready(**status: Any) -> Object:
    return {"metadata": {"name": "register-1-abc"}, "spec": {}, "status": {"phase": "Pending", **status}}


SCENES: dict[str, Known] = {
    "new": Known(instance(creationTimestamp=text(at(-5)))),
    "no operator": Known(instance(creationTimestamp=text(at(-500)))),
    "a reason of a newer operator": Known(
        instance(status={"conditions": condition("Bored", "Unknown", "so bored")})
    ),
    "a pod that finds no node": Known(
        scene(Reason.UNSCHEDULABLE).instance,
        pod=pod_facts(
            unready(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes fit",
                    }
                ]
            )
        ),
        events=("FailedScheduling: 0/1 nodes fit",),
    ),
    "shared among workers": Known(
        instance(
            "denoise",
            status={
                "conditions": condition("Running"),
                "workers": {"count": 12, "succeeded": 3, "failed": 1},
            },
        )
    ),
    "an equal run's output": Known(
        instance(
            status={
                "conditions": condition("CacheHit", "True"),
                "cacheHit": {"id": 7, "name": "former", "feed": "look"},
            }
        )
    ),
    "many parents": Known(
        instance(
            "merge",
            spec={"previous": [f"p{n}" for n in range(9)]},
            status={"conditions": condition("ParentRunning")},
        ),
        {f"p{n}": relative(f"p{n}", "Running", "Unknown") for n in range(8)},
    ),
    "parents in a circle": Known(
        instance("a", spec={"previous": ["b"]}, status={"conditions": condition("ParentRunning")}),
        {
            "b": relative("b", "ParentRunning", "Unknown", "a"),
            "a": relative("a", "ParentRunning", "Unknown", "b"),
        },
    ),
}


def test_why_in_other_scenes(golden: Golden):
    golden(
        FILES / "why-scenes.txt", "\n".join(f"## {name}\n{said(known)}\n" for name, known in SCENES.items())
    )


# Crates


@pytest.mark.parametrize("carried", [False, True], ids=["described", "carried"])
def test_a_crate(carried: bool, golden: Golden):
    made = documents(record(), carried=carried)
    kind = "carried" if carried else "described"
    golden(FILES / f"crate-{kind}.json", made.pop(METADATA).decode())
    golden(FILES / "crate-feed.json", made.pop(WORKFLOW).decode())
    golden(FILES / "crate-README.md", made.pop(README).decode())
    assert made == {}
