"""`make demo`: apply examples/first-look, watch it, tell where the time went, keep the pictures."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chris_operator.cli import tree
from chris_operator.cli.access import swift
from chris_operator.cli.download import download
from chris_operator.cli.errors import NotFoundError, UserError
from chris_operator.cli.kubectl import INSTANCES, Kubectl
from chris_operator.cli.outputs import Output
from chris_operator.cli.screen import Screen
from chris_operator.cli.tree import Node
from chris_operator.core.plan import final_condition
from chris_operator.models.plugininstance import PluginInstance

from . import report

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "first-look"
NAMESPACE = "alice"
PART_OF = "app.kubernetes.io/part-of"
_TICK = 0.25
_PATIENCE = 900.0


def say(text: str) -> None:
    """One line for the reader."""
    print(text, flush=True)


def kubectl(*words: str) -> None:
    """Run kubectl as a user would; its own words are the error message."""
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"kubectl {' '.join(words)}: {done.stderr.strip()}")


def is_ours(namespace: Mapping[str, Any]) -> bool:
    """Whether an earlier demonstration made a namespace."""
    return bool(namespace["metadata"].get("labels", {}).get(PART_OF) == EXAMPLE.name)


def clear(cluster: Kubectl) -> None:
    """Remove what an earlier demonstration left, data in Swift included; never somebody else's namespace."""
    try:
        found = cluster.raw(f"/api/v1/namespaces/{NAMESPACE}")
    except NotFoundError:
        return
    if not is_ours(found):
        sys.exit(
            f"namespace {NAMESPACE}: must be absent or carry the label {PART_OF}={EXAMPLE.name}, and does not: it may "
            f"be somebody's; if it is not, `kubectl label namespace {NAMESPACE} {PART_OF}={EXAMPLE.name}`"
        )
    say(f"Removing the earlier demonstration (namespace {NAMESPACE}) …")
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", f"--timeout={int(_PATIENCE)}s")


def watch(cluster: Kubectl) -> list[PluginInstance]:
    """Show the tree until every run has ended."""
    screen, start, tick = Screen(), time.monotonic(), 0
    while time.monotonic() - start < _PATIENCE:
        bodies, _ = cluster.all(INSTANCES)
        nodes = [Node.of(body) for body in bodies]
        drawn = tree.lines(nodes, datetime.now(UTC), tick)
        screen.draw([f"first-look   {time.monotonic() - start:5.1f} s", *drawn], tree.changes(nodes))
        if nodes and all(node.final for node in nodes):
            return [PluginInstance.parse(body) for body in bodies]
        tick += 1
        time.sleep(_TICK)
    sys.exit(
        f"the demonstration did not end within {_PATIENCE:.0f} s: see `kubectl -n {NAMESPACE} describe pi`"
    )


def fetch(cluster: Kubectl, found: Sequence[PluginInstance], folder: Path) -> None:
    """Bring the outputs here, each into an empty folder of its run's name."""
    with swift(cluster, {}) as storage:  # the cluster's own, whatever the terminal is logged in to
        for run in found:
            target, output = folder / run.metadata.name, Output.read(storage, run)
            shutil.rmtree(target, ignore_errors=True)
            download(storage, output, output.files(), target, overwrite=False)


def conclude(found: list[PluginInstance], output: Path, elapsed: float) -> int:
    """Tables and places; 0 when everything succeeded and the registration reached its thresholds."""
    say("")
    for line in report.phase_table(sorted(found, key=lambda run: run.status.completion_time or "")):
        say(line)
    failed = [i for i in found if (ended := final_condition(i)) is None or ended.status != "True"]
    if failed:
        for run in failed:
            say(f"`kubectl chris why -n {NAMESPACE} {run.metadata.name}` says what went wrong")
        return 1
    measured: dict[str, Any] = json.loads((output / "register" / "pl-register.json").read_text())
    say("")
    for line in report.metric_table(measured["metrics"]):
        say(line)
    say("")
    for path in sorted((output / "register").rglob("*")):
        if path.suffix == ".png" or path.name.endswith("T1w.nii.gz"):
            say(f"look at  {os.path.relpath(path)}")
    say(f"\nFrom `kubectl apply` to here: {elapsed:.0f} s.")
    return 0 if measured["passed"] else 1


def demonstrate(output: Path) -> int:
    """The whole demonstration; returns the process's exit code."""
    cluster = Kubectl.of(NAMESPACE)
    clear(cluster)
    started = time.monotonic()
    say(f"$ kubectl apply -f {EXAMPLE.relative_to(ROOT)}")
    kubectl("apply", "-f", str(EXAMPLE))
    found = watch(cluster)
    fetch(cluster, [run for run in found if run.status.output and not run.status.output.partial], output)
    return conclude(found, output, time.monotonic() - started)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output", help="where results are put")
    try:
        return demonstrate(parser.parse_args().output)
    except UserError as error:
        sys.exit(f"demo: {error}")


if __name__ == "__main__":
    sys.exit(main())
