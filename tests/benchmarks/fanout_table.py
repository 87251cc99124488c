"""The table of `examples/hours-to-minutes`, from what `test_fanout.py` has recorded: `python -m tests.benchmarks.fanout_table`.

Where more workers are needed than this machine has processors, a row is computed, and says so.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.benchmarks.bench import read
from tests.readme import ROOT, with_generated

PAGE = ROOT / "examples" / "hours-to-minutes" / "README.md"
NAME = "figures"
COMMAND = "python -m tests.benchmarks.fanout_table"
HEAD = "| what | workers | processors | working | with everything | how known |\n|---|---|---|---|---|---|\n"
PLANES = 100
"""Planes of windows of the example's series: what its slabs are counted in."""
SUBJECTS = 12
MANY = (4, 10, 25)


@dataclass(frozen=True)
class Row:
    """One line: seconds of work from first start to last end, and from creation to the final result."""

    what: str
    workers: int
    processors: int
    working: float
    everything: float
    known: str = "measured here"

    @property
    def text(self) -> str:
        """The line."""
        times = f"{duration(self.working)} | {duration(self.everything)}"
        return f"| {self.what} | {self.workers} | {self.processors} | {times} | {self.known} |\n"


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(59.4), duration(342)
    ('59 s', '5 min 42 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def denoising(found: Mapping[str, float]) -> Iterator[Row]:
    """One series."""
    what = "one series denoised"
    serial = found["fanout_serial_s"]
    yield Row(what, 1, 1, serial, found["fanout_serial_wall_s"])
    yield Row(what, 2, 2, found["fanout_two_s"], found["fanout_two_wall_s"])
    yield Row(what, 4, 2, found["fanout_four_s"], found["fanout_four_wall_s"])
    around = found["fanout_two_wall_s"] - found["fanout_two_s"]
    # What two workers took beyond their share of the planes, in parts of it, is taken to stay.
    loss = found["fanout_two_s"] / (serial * math.ceil(PLANES / 2) / PLANES)
    for workers in MANY:
        working = serial * math.ceil(PLANES / workers) / PLANES * loss
        yield Row(what, workers, workers, working, working + around, "computed")


def registering(found: Mapping[str, float]) -> Iterator[Row]:
    """A group."""
    what = f"{SUBJECTS} subjects registered"
    yield Row(what, 1, 1, found["group_serial_s"], found["group_serial_wall_s"])
    yield Row(what, SUBJECTS, 2, found["group_two_s"], found["group_two_wall_s"])
    around = found["group_two_wall_s"] - found["group_two_s"]
    longest = found["group_longest_s"]
    yield Row(what, SUBJECTS, SUBJECTS, longest, longest + around, "computed")


def table(found: Mapping[str, float]) -> str:
    """The table in Markdown; KeyError where the benchmark has not been run."""
    rows = [*denoising(found), *registering(found)]
    return HEAD + "".join(row.text for row in rows)


def main() -> None:
    """Write the table into the example's page."""
    page = with_generated(PAGE.read_text(encoding="utf-8"), NAME, table(read()), COMMAND)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
