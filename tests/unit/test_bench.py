"""The benchmark's judge: its table and its figures. A wrong one would praise a slow operator."""

from pathlib import Path

import pytest
from tests.benchmarks import bench
from tests.benchmarks.bench import TARGETS, Target, table
from tests.benchmarks.figures import median_interval, percentile

SOME = (Target("a", at_most=2, what="things"), Target("b", at_least=2), Target("c", at_most=1), Target("d"))


def test_the_table_judges_every_target_and_shows_the_rest():
    assert table({"a": 2.0, "b": 1.25, "d": 7, "z": 3}, SOME).splitlines() == [
        "a  2     ≤ 2  reached   things",
        "b  1.25  ≥ 2  MISSED",
        "c  –     ≤ 1  not run",
        "d  7",
        "z  3",
    ]


def test_a_number_that_cannot_be_measured_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And takes the place of one that another cluster gave, until it is measured again."""
    monkeypatch.setattr(bench, "FILE", tmp_path / "bench.json")
    bench.record(a=1.0, b=3.0)
    bench.cannot("a", "no audit log")
    assert table(bench.read(), SOME[:2], bench.why_missing()).splitlines() == [
        "a  –  ≤ 2  MISSING   no audit log",
        "b  3  ≥ 2  reached",
    ]
    bench.record(a=2.0)
    assert (bench.read(), bench.why_missing()) == ({"a": 2.0, "b": 3.0}, {})


def test_every_number_is_judged_once():
    keys = [target.key for target in TARGETS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5.0], 0.95, 5.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([0.0, 10.0], 0.95, 9.5), ([1.0, 2.0], 1.0, 2.0)],
    ids=["one", "median", "between", "last"],
)
def test_percentiles(values: list[float], share: float, expected: float):
    assert percentile(values, share) == expected


def test_the_interval_holds_the_median_and_narrows_with_more_values():
    few = [1.0, 1.1, 1.2, 1.3, 1.4]
    low, high = median_interval(few)
    assert few[0] <= low < 1.2 < high <= few[-1]
    closer = median_interval(few * 40)
    assert closer[1] - closer[0] < high - low
