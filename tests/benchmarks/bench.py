"""What was measured: one flat object of numbers in build/bench.json, and the table that judges it.

    record(ours_ms_p50=48.2)            # a benchmark adds its numbers to what others measured before
    cannot("api_writes_per_run", "this cluster keeps no audit log")
    python -m tests.benchmarks.bench    # prints the table

No test asserts a time: machines differ, and the table is read by people.
"""

import fcntl
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FILE = Path(__file__).resolve().parents[2] / "build" / "bench.json"
REASONS = "bench-missing.json"
"""Beside it: why a number could not be measured here, by its key."""


@dataclass(frozen=True)
class Target:
    """What a number must reach."""

    key: str
    at_most: float | None = None
    at_least: float | None = None
    what: str = ""

    def met(self, value: float) -> bool:
        """Whether the number is good enough."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    @property
    def words(self) -> str:
        """The bound as people write it."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""


TARGETS = (
    Target("ours_ms_p50", at_most=100, what="resource → Job, plus publish's end → Succeeded; median"),
    Target("ours_ms_p95", at_most=400, what="the same, 95th percentile"),
    Target(
        "idle_ms_per_node",
        at_most=150,
        what="a chain of 10 runs: ours of each, from the parent's Succeeded; ChRIS today: about 11,000",
    ),
    Target("run_vs_bare_job", at_most=1.1, what="a run over a bare Job of the same program"),
    Target("api_writes_per_run", at_most=10, what="our writes to the API server, whole life"),
    Target("cache_hit_ms_p50", at_most=300, what="an equal run: created → Succeeded; median"),
    Target("burst_vs_bare", at_least=0.6, what="300 at once: our rate over a bare client's"),
    Target(
        "kwok_vs_raw_jobs",
        at_least=0.6,
        what="5,000 runs on 200 simulated nodes: their rate over that of hand-written Jobs of the same pods",
    ),
    Target("kwok_api_writes_per_run", at_most=10, what="our writes to the API server there, whole life"),
    Target("kwok_rss_growth_mib", at_most=32, what="operator's memory there, from 2,000 ended runs to 5,000"),
    Target("operator_rss_mib", at_most=120, what="operator's memory with 1,000 finished runs"),
    Target("operator_rss_mib_50000", at_most=400, what="the same with 50,000"),
    Target("operator_start_s", what="start → a waiting run's Job, with 1,000 finished runs"),
    Target("operator_start_s_50000", what="the same with 50,000"),
    Target("etcd_bytes_per_run", what="what a finished run keeps in etcd"),
    Target(
        "stage_small_up_vs_cli", at_least=20, what="2,000 small files up: CPU of the swift command over ours"
    ),
    Target("stage_small_down_vs_cli", at_least=20, what="the same, down"),
    Target("stage_big_up_vs_cli", at_least=1.5, what="1 GiB up: time of the swift command over ours"),
    Target("stage_big_down_vs_cli", at_least=2.5, what="the same, down"),
    Target("stage_big_up_most_vs_cli", what="1 GiB up: the command over a client that proves nothing"),
    Target("stage_big_down_most_vs_cli", what="the same, down, and that keeps nothing"),
    Target(
        "stage_big_up_vs_cli_stock", at_least=1.5, what="1 GiB up, on a Swift with upstream's chunk sizes"
    ),
    Target("stage_big_down_vs_cli_stock", at_least=2.5, what="the same, down"),
    Target("slack_gain", at_least=0.6, what="slack's CPU time over what a fully claimed node leaves unused"),
    Target("urgent_slowdown", at_most=1.05, what="an urgent run beside slack over the same alone"),
    Target(
        "fanout_efficiency",
        at_least=0.85,
        what="denoising: one worker's seconds over 2 × those of two, first start to last end",
    ),
    Target("fanout_wall_vs_serial", what="the same, all included and merged: two workers' time over one's"),
    Target("tree_1000_ms", at_most=1000, what="`kubectl chris tree` of 1,000 runs, the whole command"),
    Target("staging_rss_mib", at_most=128, what="staging's memory, whatever the data's size"),
)


def record(**numbers: float) -> None:
    """Merge numbers into build/bench.json."""
    with _files() as (known, reasons):
        for name, value in numbers.items():
            known[name] = round(float(value), 4)
            reasons.pop(name, None)


def cannot(key: str, reason: str) -> None:
    """Say why a number cannot be measured here; one that was measured elsewhere before goes."""
    with _files() as (known, reasons):
        known.pop(key, None)
        reasons[key] = reason


@contextmanager
def _files() -> Iterator[tuple[dict[str, float], dict[str, str]]]:
    """Numbers and reasons, to be changed; written back at the end, whoever else writes."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known, reasons = read(), why_missing()
        yield known, reasons
        FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        FILE.with_name(REASONS).write_text(json.dumps(reasons, indent=1) + "\n")


def read() -> dict[str, float]:
    """All that has been recorded."""
    found: dict[str, float] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def why_missing() -> dict[str, str]:
    """What could not be measured here, and why."""
    file = FILE.with_name(REASONS)
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return found


def table(
    numbers: Mapping[str, float],
    targets: Iterable[Target] = TARGETS,
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Each number with its target and verdict, or why it is missing; numbers without a target follow.

    >>> print(table({"a": 3.0, "b": 1.25}, [Target("a", at_most=2, what="things")]))
    a  3      ≤ 2  MISSED    things
    b  1.25
    """
    targets = tuple(targets)
    known = {target.key for target in targets}
    rows = [_row(target, numbers.get(target.key), reasons.get(target.key)) for target in targets]
    rows += [(key, f"{value:g}", "", "", "") for key, value in sorted(numbers.items()) if key not in known]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _row(target: Target, value: float | None, reason: str | None) -> tuple[str, str, str, str, str]:
    if value is None:
        return target.key, "–", target.words, "MISSING " if reason else "not run", reason or target.what
    verdict = ("reached" if target.met(value) else "MISSED  ") if target.words else ""
    return target.key, f"{value:g}", target.words, verdict, target.what


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"{table(read(), reasons=why_missing())}\n")


if __name__ == "__main__":
    main()
