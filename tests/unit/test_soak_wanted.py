"""What the soak asks for: the same from the same seed, parents first, and an end that follows from the parents'."""

import hashlib
from collections import Counter

import pytest
from tests.soak.wanted import COPIER, PROBE, SILENT, SOURCE, Fate, Wanted, expected, runs

COUNT, TENANTS = 400, 5


def asked() -> list[Wanted]:
    return runs(COUNT, TENANTS, seed=7)


def test_a_seed_gives_the_same_runs_again():
    assert asked() == asked()
    assert asked() != runs(COUNT, TENANTS, seed=8)


def test_every_kind_of_run_is_there_and_most_succeed():
    found = asked()
    fates = Counter(run.fate for run in found)
    assert set(fates) == set(Fate)
    assert fates[Fate.SUCCEEDS] > COUNT / 2
    assert {run.plugin for run in found} == {SOURCE, PROBE, COPIER}
    assert {run.tenant for run in found} == set(range(TENANTS))
    assert len({(run.tenant, run.name) for run in found}) == len(found) == COUNT


def test_a_run_ends_as_its_parent_lets_it():
    before: dict[tuple[int, str], Wanted] = {}
    for run in asked():
        before[run.tenant, run.name] = run
        for name in run.parents:
            parent = before[run.tenant, name]
            assert parent.fate not in {Fate.CANCELLED, Fate.DELETED}
            broken = parent.fate in {Fate.FAILS, Fate.ORPHANED, Fate.STARVED}
            assert (run.fate is Fate.ORPHANED) == broken
            assert (run.fate is Fate.STARVED) == (parent.parameters == SILENT and not broken)


PARENT = {"00/0000.bin": "1", "report.json": "2"}


@pytest.mark.parametrize(
    ("run", "sums"),
    [
        pytest.param(
            Wanted(0, "a", COPIER, "1", ("p",), {"prefix": "x-"}),
            {"00/x-0000.bin": "1", "x-report.json": "2"},
            id="copies",
        ),
        pytest.param(
            Wanted(0, "a", SOURCE, "1", parameters={"files": 1, "bytes": 0}),
            {"00/0000.bin": hashlib.sha256(b"").hexdigest()},
            id="writes",
        ),
        pytest.param(Wanted(0, "a", SOURCE, "1", parameters=SILENT), {}, id="is-silent"),
    ],
)
def test_what_a_run_must_have_written(run: Wanted, sums: dict[str, str]):
    assert expected(run, PARENT) == sums
