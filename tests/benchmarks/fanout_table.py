"""The tables of `examples/hours-to-minutes`, from what `make bench` has recorded: `python -m tests.benchmarks.fanout_table`.

Every row says how it is known. Where more workers are needed than this machine has processors, it is computed from
what was measured, by a formula that is printed below; what was not measured has no row.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from tests.benchmarks.bench import read
from tests.readme import ROOT, with_generated

PAGE = ROOT / "examples" / "hours-to-minutes" / "README.md"
NAME = "figures"
COMMAND = "python -m tests.benchmarks.fanout_table"
TIMES = "| what | workers | processors | working | with everything | how known |\n|---|---|---|---|---|---|\n"
FIGURES = "| what | here | compared with | how known |\n|---|---|---|---|\n"
NOTHING = "Nothing was measured yet: `make bench` does it.\n"
MEASURED, SIMULATED, COMPUTED = "measured here", "simulated on kwok nodes", "computed"
PLANES = 100
"""Planes of windows of the example's series: what its slabs are counted in."""
SUBJECTS = 12
MANY = (4, 10, 25)
COHORT, CREW = 500, 100
"""A study, and workers for it: where hours become minutes."""
IDLE_OF_CHRIS_MS = 11_000
"""For which a node of a tree of today's ChRIS waits: its schedulers poll."""
Found = Mapping[str, float]
T = TypeVar("T")

FORMULAS = f"""
Computed rows follow from measured ones, for nodes like this one:

- *denoised by w workers*: serial time × ⌈{PLANES} / w⌉ / {PLANES} × what sharing cost two workers (their time over half
  the serial time, rounded up to whole planes); with everything: plus what two workers took besides working.
- *registered by as many workers as subjects*: the longest of the {SUBJECTS}; by w workers: ⌈subjects / w⌉ × the longest; by
  one: subjects × the serial time of {SUBJECTS} / {SUBJECTS}; with everything: plus what was measured besides working, with
  {SUBJECTS} workers, or with one.
"""


@dataclass(frozen=True)
class Row:
    """One line: seconds of work from first start to last end, and from creation to the final result."""

    what: str
    workers: int
    processors: int
    working: float
    everything: float
    known: str = MEASURED

    @property
    def text(self) -> str:
        """The line."""
        times = f"{duration(self.working)} | {duration(self.everything)}"
        return f"| {self.what} | {self.workers} | {self.processors} | {times} | {self.known} |\n"


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(59.4), duration(342), duration(11_000)
    ('59 s', '5 min 42 s', '3 h 3 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {of_hour} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _measured(what: str, workers: int, processors: int, prefix: str) -> Callable[[Found], Row]:
    return lambda found: Row(what, workers, processors, found[f"{prefix}_s"], found[f"{prefix}_wall_s"])


SERIES, GROUP, STUDY = (
    "one series denoised",
    f"{SUBJECTS} subjects registered",
    f"{COHORT} subjects registered",
)


def _denoised(workers: int) -> Callable[[Found], Row]:
    def row(found: Found) -> Row:
        serial, two = found["fanout_serial_s"], found["fanout_two_s"]
        # What two workers took beyond their share of the planes, in parts of it, is taken to stay.
        loss = two / (serial * math.ceil(PLANES / 2) / PLANES)
        working = serial * math.ceil(PLANES / workers) / PLANES * loss
        return Row(SERIES, workers, workers, working, working + found["fanout_two_wall_s"] - two, COMPUTED)

    return row


def _registered(what: str, subjects: int, workers: int) -> Callable[[Found], Row]:
    def row(found: Found) -> Row:
        working = math.ceil(subjects / workers) * found["group_longest_s"]
        around = found["group_two_wall_s"] - found["group_two_s"]
        return Row(what, workers, workers, working, working + around, COMPUTED)

    return row


def _registered_by_one(found: Found) -> Row:
    working = found["group_serial_s"] * COHORT / SUBJECTS
    around = found["group_serial_wall_s"] - found["group_serial_s"]
    return Row(STUDY, 1, 1, working, working + around, COMPUTED)


ROWS: tuple[Callable[[Found], Row], ...] = (
    _measured(SERIES, 1, 1, "fanout_serial"),
    _measured(SERIES, 2, 2, "fanout_two"),
    _measured(SERIES, 4, 2, "fanout_four"),
    *(_denoised(workers) for workers in MANY),
    _measured(GROUP, 1, 1, "group_serial"),
    _measured(GROUP, SUBJECTS, 2, "group_two"),
    _registered(GROUP, SUBJECTS, SUBJECTS),
    _registered_by_one,
    _registered(STUDY, COHORT, CREW),
)


def _idle(found: Found) -> str:
    here = f"{found['idle_ms_per_node']:.0f} ms"
    return f"| a node of a chain of ten waits for us | {here} | ChRIS today: about {IDLE_OF_CHRIS_MS:,} ms | {MEASURED} |\n"


def _crowd(found: Found) -> str:
    what = f"{found['kwok_runs']:,.0f} runs at once on {found['kwok_nodes']:.0f} nodes"
    here = f"{found['kwok_runs_per_s']:.1f} runs a second"
    raw = f"{found['kwok_raw_jobs_per_s']:.1f} hand-written Jobs a second: {found['kwok_vs_raw_jobs']:.0%} of it"
    return f"| {what} | {here} | {raw} | {SIMULATED} |\n"


def _made(makers: tuple[Callable[[Found], T], ...], found: Found) -> Iterator[T]:
    """What can be made of the numbers that there are."""
    for maker in makers:
        with suppress(KeyError):
            yield maker(found)


def table(found: Found) -> str:
    """The tables in Markdown, without what was not measured."""
    rows = list(_made(ROWS, found))
    figures = "".join(_made((_idle, _crowd), found))
    parts = [TIMES + "".join(row.text for row in rows)] if rows else []
    parts += [FORMULAS.lstrip()] if any(row.known == COMPUTED for row in rows) else []
    parts += [FIGURES + figures] if figures else []
    return "\n".join(parts) or NOTHING


def main() -> None:
    """Write the tables into the example's page."""
    page = with_generated(PAGE.read_text(encoding="utf-8"), NAME, table(read()), COMMAND)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
