"""How fast files move between a pod and Swift, against the swift command line on the same real Swift.

The arms alternate, so that what else the machine does weighs on both; each ratio is the median of its rounds.
"""

import os
from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from statistics import median

import pytest
from tests.benchmarks.arms import THREADS, Arm, CommandLine, Staging
from tests.benchmarks.bare import Bare
from tests.benchmarks.bench import record
from tests.staging.fixtures import prepared
from tests.staging.measuring import Cost
from tests.swift_server import SwiftServer, running_swift

from chris_operator.storage import Storage

pytestmark = [pytest.mark.bench, pytest.mark.swift]
MIB = 1 << 20
SMALL_FILES, SMALL_BYTES = 2000, 16 << 10
BIG_BYTES = 1 << 30
SMALL_ROUNDS, BIG_ROUNDS = 3, 5
MANY_FILES = 10_000
SWIFTS = {
    "ours": ("", ()),
    # Read and written in the steps of upstream's defaults, as most sites do: the command line gains more by ours.
    "stock": ("_stock", ("--chunk-bytes", "65536")),
}
Costs = dict[str, list[Cost]]


def small_files(root: Path, count: int, size: int) -> None:
    """Slices of series of 250."""
    for number in range(count):
        path = root / f"series-{number // 250:02}" / f"{number:05}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def big_file(root: Path) -> None:
    root.mkdir()
    with (root / "volume.raw").open("wb") as file:
        for _ in range(BIG_BYTES // MIB):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())  # the first round shall not pay for it


def alternate(arms: Mapping[str, Arm], tree: Path, rounds: int, *, remove: bool) -> tuple[Costs, Costs]:
    """Each arm sends the tree and brings it back, round by round; the costs up and down by arm.

    `remove` frees Swift's disk; for thousands of objects that would take longer than the rest.
    """
    up: Costs = {name: [] for name in arms}
    down: Costs = {name: [] for name in arms}
    for number in range(rounds):
        for name, arm in arms.items():
            place = f"{tree.name}-{name}-{number}"
            up[name].append(arm.up(tree, place))
            down[name].append(arm.down(tree, place))
            if remove:
                arm.remove(place)
    return up, down


def times_better(costs: Costs, arm: str, measure: Callable[[Cost], float], *, than: str = "ours") -> float:
    """How many times an arm's cost is ours, or another's: the median over the rounds, which ran side by side."""
    pairs = zip(costs[arm], costs[than], strict=True)
    return median(measure(theirs) / measure(ours) for theirs, ours in pairs)


def test_small_files(swift: SwiftServer, storage: Storage, tmp_path: Path):
    """In CPU-seconds of client and servers: what moving files leaves to a busy cluster."""
    tree = tmp_path / "small"
    small_files(tree, SMALL_FILES, SMALL_BYTES)
    arms: dict[str, Arm] = {"ours": Staging(tmp_path, storage, swift), "cli": CommandLine(tmp_path, swift)}
    cpu = attrgetter("cpu_seconds")
    for way, costs in zip(("up", "down"), alternate(arms, tree, SMALL_ROUNDS, remove=False), strict=True):
        record(
            **{
                f"stage_small_{way}_vs_cli": times_better(costs, "cli", cpu),
                f"stage_small_{way}_cpu_s": median(map(cpu, costs["ours"])),
            }
        )


@pytest.mark.parametrize(("suffix", "arguments"), SWIFTS.values(), ids=SWIFTS)
def test_one_big_file(tmp_path: Path, suffix: str, arguments: tuple[str, ...]):
    """On the clock. The command line moves an object in one stream; its segmented upload is measured besides.

    So is what no client can exceed here: one that moves the same bytes, proves nothing and keeps nothing.
    """
    tree = tmp_path / "big"
    big_file(tree)
    segments = ("--segment-size", str(64 * MIB), "--segment-threads", THREADS)
    clock = attrgetter("seconds")
    home = tmp_path / "swift"
    home.mkdir()
    with running_swift(home, arguments=arguments) as swift:
        storage = prepared(swift)
        arms: dict[str, Arm] = {
            "ours": Staging(tmp_path, storage, swift),
            "cli": CommandLine(tmp_path, swift),
            "bare": Bare(storage, swift),
            "cli_segmented": CommandLine(tmp_path, swift, *segments),
        }
        both = alternate(arms, tree, BIG_ROUNDS, remove=True)
    for way, costs in zip(("up", "down"), both, strict=True):
        record(
            **{
                f"stage_big_{way}_vs_cli{suffix}": times_better(costs, "cli", clock),
                f"stage_big_{way}_vs_cli_segmented{suffix}": times_better(costs, "cli_segmented", clock),
                f"stage_big_{way}_most_vs_cli{suffix}": times_better(costs, "cli", clock, than="bare"),
                f"stage_big_{way}_mib_per_s{suffix}": BIG_BYTES / MIB / median(map(clock, costs["ours"])),
            }
        )


def test_memory(swift: SwiftServer, storage: Storage, tmp_path: Path):
    """The larger peak of publish and stage-in, over a large file and many small ones."""
    tree = tmp_path / "both"
    big_file(tree)
    small_files(tree, MANY_FILES, 100)
    arm = Staging(tmp_path, storage, swift)
    record(staging_rss_mib=max(arm.up(tree, "both").peak_kib, arm.down(tree, "both").peak_kib) / 1024)
