"""The health scripts of manifests/argocd, run by a real Lua 5.1 (Argo CD's dialect) on what the operator writes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51
from tests.installation import ROOT, documents

from chris_operator.core.phases import PHASES, Kind, Reason
from chris_operator.crds import KINDS

(CONFIG,) = documents(ROOT / "manifests" / "argocd" / "health.yaml")
SCRIPTS = {name.rpartition("_")[2]: text for name, text in CONFIG["data"].items()}
RUNS = ROOT / "tests" / "golden" / "runs"
NAMES = {"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}
"""Every health that Argo CD knows."""


def health(kind: str, status: Any) -> tuple[str, str]:
    """What Argo CD shows for an object with this status."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    lua.execute("os, io, require, package, debug, dofile, loadfile = nil")  # as in Argo CD's sandbox
    item: dict[str, Any] = {"kind": kind, "metadata": {"name": "x"}}
    if status is not None:
        item["status"] = status
    lua.globals()["obj"] = lua.table_from(item, recursive=True)
    told = lua.execute(SCRIPTS[kind])
    assert told.status in NAMES
    return str(told.status), str(told.message)


def _succeeded(status: str, reason: str) -> dict[str, Any]:
    other = {"type": "Reconciling", "status": "True", "reason": "Other", "message": "no matter"}
    return {"conditions": [other, {"type": "Succeeded", "status": status, "reason": reason, "message": "m"}]}


def test_every_kind_has_a_script():
    assert set(SCRIPTS) == {kind.model.__name__ for kind in KINDS}
    assert all(name.startswith("resource.customizations.health.chrisproject.org_") for name in CONFIG["data"])


GOLDEN = {
    "completed": "Healthy",
    "failed": "Degraded",
    "refused": "Degraded",
    "retried": "Progressing",
    "started": "Progressing",
    "stopped": "Degraded",
}


@pytest.mark.parametrize("path", sorted(RUNS.glob("status-*.yaml")), ids=lambda path: path.stem)
def test_runs_as_the_operator_writes_them(path: Path):
    status = yaml.safe_load(path.read_text())["status"]
    succeeded = next(each for each in status["conditions"] if each["type"] == "Succeeded")
    shown = health("PluginInstance", status)
    assert shown == (
        GOLDEN[path.stem.removeprefix("status-")],
        f"{succeeded['reason']}: {succeeded['message']}",
    )


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_while_it_lasts(reason: Reason):
    """A run that waits is no failure, whoever must act; only an explicit pause is one for Argo CD, too."""
    if PHASES[reason].kind in {Kind.WAITING, Kind.ACTIVE, Kind.RETRIED}:
        expected = "Suspended" if reason is Reason.SUSPENDED else "Progressing"
        assert health("PluginInstance", _succeeded("Unknown", reason)) == (expected, f"{reason}: m")
    if PHASES[reason].kind in {Kind.FAILED, Kind.RETRIED}:
        assert health("PluginInstance", _succeeded("False", reason))[0] == "Degraded"
    if PHASES[reason].kind is Kind.SUCCEEDED:
        assert health("PluginInstance", _succeeded("True", reason))[0] == "Healthy"


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("status", [None, {}, {"conditions": []}], ids=["none", "empty", "no-conditions"])
def test_what_nobody_has_looked_at_is_on_its_way(kind: str, status: Any):
    assert health(kind, status) == ("Progressing", "the operator has not looked at it yet")


@pytest.mark.parametrize("kind", ["Feed", "Plugin", "Pipeline", "ComputeResource"])
@pytest.mark.parametrize(
    ("status", "expected"), [("True", "Healthy"), ("False", "Degraded"), ("Unknown", "Progressing")]
)
def test_what_is_ready_is_healthy(kind: str, status: str, expected: str):
    condition = {"type": "Ready", "status": status, "reason": "Numbered", "message": "Feed 3"}
    assert health(kind, {"conditions": [condition]}) == (expected, "Numbered: Feed 3")
