"""`make soak`: many runs while operator, staging, Swift and API server are killed at random; then the proof.

    SOAK_RUNS=500 SOAK_SEED=1 SOAK_PARALLEL=24 SOAK_TENANTS=5 SOAK_EVERY=10 SOAK_MINUTES=90 make soak

Ends with 0 where every run ended as it had to, every byte is right and nothing is left; else says what is not.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import ClusterError
from tests.kubeclient import condition
from tests.soak.check import Checker
from tests.soak.cluster import connected
from tests.soak.drive import Drive
from tests.soak.injector import Injector
from tests.soak.wanted import Wanted, runs

REPORT = Path(__file__).resolve().parents[2] / "build" / "soak.json"
PLUGINS = Path(__file__).resolve().parents[1] / "e2e" / "plugins"
SHOWN = 20
_BEGAN = time.monotonic()


@dataclass(frozen=True)
class Settings:
    """How much, how fast, how cruelly."""

    runs: int
    seed: int
    parallel: int
    tenants: int
    every: float
    """Mean seconds between two blows."""
    minutes: float
    """After so many no more runs are asked for."""

    @classmethod
    def read(cls) -> "Settings":
        """From the environment; ClusterError that names the variable at fault."""

        def number(name: str, default: float) -> float:
            text = os.environ.get(name) or str(default)
            try:
                value = float(text)
            except ValueError:
                value = 0.0
            if value <= 0:
                raise ClusterError(f"{name} must be a positive number, and is {text!r}")
            return value

        seed = int(number("SOAK_SEED", int(time.time())))
        whole = {"runs": 500, "parallel": 24, "tenants": 5}
        return cls(
            **{name: int(number(f"SOAK_{name.upper()}", default)) for name, default in whole.items()},
            seed=seed,
            every=number("SOAK_EVERY", 10),
            minutes=number("SOAK_MINUTES", 90),
        )


def say(text: str) -> None:
    """One line, with the time since the start."""
    print(f"[{time.monotonic() - _BEGAN:4.0f} s] {text}", flush=True)  # noqa: T201  a program of the command line


def main() -> int:
    """Soak, check, report; 0 when clean."""
    settings = Settings.read()
    say(f"soak: {settings}")
    with connected() as cluster:
        for file in PLUGINS.glob("*/plugin.yaml"):
            if cluster.kubectl.ask("apply", "-f", str(file)).returncode:  # changed under the same version
                cluster.kubectl("replace", "--force", "-f", str(file))
        wanted = runs(settings.runs, settings.tenants, settings.seed)
        prefix = f"soak-{settings.seed}"
        drive = Drive(cluster, prefix, settings.tenants, settings.parallel, say)
        injector = Injector(cluster.again(), settings.seed, settings.every, say)
        drive.make_tenants()
        injector.start()
        try:
            stuck = drive.run(wanted, settings.minutes * 60)
            wanted = drive.asked(wanted)
        finally:
            injector.stop()
        lasted = time.monotonic() - _BEGAN
        checker = Checker(cluster, drive)
        checker.wrong += [f"{'/'.join(drive.name(run))} has not ended" for run in stuck] + injector.failed
        say("every run has ended; reading every byte again")
        checker.runs(wanted)
        say("removing the tenants, looking for what stays")
        checker.leave()
    return report(settings, drive, injector, checker, wanted, lasted)


def report(
    settings: Settings,
    drive: Drive,
    injector: Injector,
    checker: Checker,
    wanted: Sequence[Wanted],
    lasted: float,
) -> int:
    """Print what happened, keep it in build/soak.json; 0 where nothing is wrong."""
    items = [item for name, item in drive.last.items() if name not in drive.gone]
    ends = Counter(condition(item, "Succeeded").get("reason", "none") for item in items)
    attempts = Counter(
        (item["status"].get("attempt") or {}).get("number", 0) for item in items if "status" in item
    )
    lost: Counter[str] = Counter()
    for item in items:
        lost.update((item.get("status") or {}).get("failures") or {})
    times = sorted(drive.took.values())
    found = {
        "settings": vars(settings),
        "asked": dict(Counter(str(run.fate) for run in wanted)),
        "ended": dict(ends) | {"deleted": len(drive.gone)},
        "blows": injector.dealt,
        "runs by attempts": {str(number): count for number, count in sorted(attempts.items())},
        "attempts lost, by reason": dict(lost),
        "files read again": checker.read_files,
        "bytes read again": checker.read_bytes,
        "seconds": {"whole": round(lasted, 1), **_quantiles(times)},
        "wrong": checker.wrong,
    }
    REPORT.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    for name, value in found.items():
        if name != "wrong":
            say(f"{name}: {_words(value)}")
    for each in checker.wrong[:SHOWN]:
        say(f"WRONG: {each}")
    say(
        f"{len(checker.wrong)} things are wrong; see {REPORT}"
        if checker.wrong
        else "clean: nothing is wrong, nothing is left"
    )
    return 1 if checker.wrong else 0


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    """Of the runs' times from creation to end."""
    if not times:
        return {}
    marks = {"p50": 0.5, "p95": 0.95, "longest": 1.0}
    return {name: round(times[min(int(len(times) * at), len(times) - 1)], 1) for name, at in marks.items()}


def _words(value: object) -> str:
    pairs: Iterable[tuple[object, object]] = value.items() if isinstance(value, dict) else ()
    return ", ".join(f"{name} {count}" for name, count in pairs) or str(value)


if __name__ == "__main__":
    try:
        code = main()
    except ClusterError as error:
        code = 1
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
