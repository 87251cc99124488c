"""What a process costs: its time, its CPU time, its largest resident size."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

WRAPPER = """
import json, resource, subprocess, sys, time
begun = time.monotonic()
code = subprocess.call(sys.argv[2:])
taken, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([taken, used.ru_utime + used.ru_stime, used.ru_maxrss], file)
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, CPU-seconds, and the largest resident size in KiB."""

    seconds: float
    cpu_seconds: float
    peak_kib: int


def measured(result: Path) -> tuple[str, ...]:
    """Words before a command that leave its cost in a file.

    A small process in between: a child's peak begins with that of the process which it was forked from.
    """
    return (sys.executable, "-S", "-c", WRAPPER, str(result))


def cost(result: Path) -> Cost:
    """What such a command has cost, once it has ended."""
    return Cost(*json.loads(result.read_text()))
