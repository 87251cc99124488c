"""`make demo`: apply examples/first-look, watch it, tell where the time went, keep the pictures."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chris_operator.cluster import INSTANCES, NAMESPACES, Cluster
from chris_operator.core.plan import final_condition
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugininstance import PluginInstance

from . import report, tree
from .download import fetch
from .screen import Screen

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


async def clear(cluster: Cluster) -> None:
    """Remove what an earlier demonstration left, data in Swift included; never somebody else's namespace."""
    found = await cluster.find(NAMESPACES, NAMESPACE)
    if found is None:
        return
    if not is_ours(found):
        sys.exit(
            f"namespace {NAMESPACE}: must be absent or carry the label {PART_OF}={EXAMPLE.name}, and does not: it may "
            f"be somebody's; if it is not, `kubectl label namespace {NAMESPACE} {PART_OF}={EXAMPLE.name}`"
        )
    say(f"Removing the earlier demonstration (namespace {NAMESPACE}) …")
    kubectl("delete", "namespace", NAMESPACE, "--wait=true", f"--timeout={int(_PATIENCE)}s")


async def instances(cluster: Cluster) -> list[PluginInstance]:
    """The demonstration's runs."""
    return [PluginInstance.parse(body) for body in await cluster.list(INSTANCES, NAMESPACE)]


def changes(found: list[PluginInstance]) -> list[str]:
    """One line per run and state, for output that is no terminal."""
    lines = []
    for instance in found:
        condition = find(instance.status.conditions, ConditionType.SUCCEEDED)
        if condition:
            lines.append(f"  {instance.metadata.name}: {condition.reason}: {condition.message}")
    return lines


async def watch(cluster: Cluster) -> list[PluginInstance]:
    """Show the tree until every run has ended."""
    screen, start, tick = Screen(), time.monotonic(), 0
    while time.monotonic() - start < _PATIENCE:
        found = await instances(cluster)
        drawn = tree.lines(tree.rows(found, datetime.now(UTC), tick))
        screen.draw([f"first-look   {time.monotonic() - start:5.1f} s", *drawn], changes(found))
        if tree.all_ended(found):
            return found
        tick += 1
        await asyncio.sleep(_TICK)
    sys.exit(
        f"the demonstration did not end within {_PATIENCE:.0f} s: see `kubectl -n {NAMESPACE} describe pi`"
    )


def conclude(found: list[PluginInstance], output: Path, elapsed: float) -> int:
    """Tables and places; 0 when everything succeeded and the registration reached its thresholds."""
    say("")
    for line in report.phase_table(sorted(found, key=lambda run: run.status.completion_time or "")):
        say(line)
    failed = [i for i in found if (ended := final_condition(i)) is None or ended.status != "True"]
    if failed:
        for line in changes(failed):
            say(line)
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


async def demonstrate(output: Path) -> int:
    """The whole demonstration; returns the process's exit code."""
    async with await Cluster.connect() as cluster:
        await clear(cluster)
        started = time.monotonic()
        say(f"$ kubectl apply -f {EXAMPLE.relative_to(ROOT)}")
        kubectl("apply", "-f", str(EXAMPLE))
        found = await watch(cluster)
        done = [i for i in found if i.status.output and not i.status.output.partial]
        for instance in done:
            await asyncio.to_thread(fetch, instance, output / instance.metadata.name)
        return conclude(found, output, time.monotonic() - started)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output", help="where results are put")
    return asyncio.run(demonstrate(parser.parse_args().output))


if __name__ == "__main__":
    sys.exit(main())
