"""What the benchmark of shared work reads off pods, and the table that it makes of it."""

import pytest
from tests.benchmarks import fanout_table
from tests.benchmarks.test_fanout import EXAMPLE, Span, runs, span
from tests.kubeclient import Object
from tests.readme import with_generated

MEASURED = {
    "fanout_serial_s": 400.0,
    "fanout_serial_wall_s": 410.0,
    "fanout_two_s": 210.0,
    "fanout_two_wall_s": 235.0,
    "fanout_four_s": 220.0,
    "fanout_four_wall_s": 250.0,
    "group_serial_s": 264.0,
    "group_serial_wall_s": 270.0,
    "group_two_s": 140.0,
    "group_two_wall_s": 150.0,
    "group_longest_s": 24.0,
    "idle_ms_per_node": 80.6,
    "kwok_runs": 5000.0,
    "kwok_nodes": 200.0,
    "kwok_runs_per_s": 24.0,
    "kwok_raw_jobs_per_s": 40.0,
    "kwok_vs_raw_jobs": 0.6,
}


def pod(program: Object | None, staged: str = "2026-01-01T00:00:07Z") -> Object:
    stage_in = {"terminated": {"finishedAt": staged, "exitCode": 0}}
    return {
        "status": {
            "initContainerStatuses": [{"name": "stage-in", "state": stage_in}],
            "containerStatuses": [{"name": "plugin", "state": {"terminated": program} if program else {}}],
        }
    }


def program(started: str, code: int = 0) -> Object:
    return {"startedAt": started, "finishedAt": "2026-01-01T00:01:00Z", "exitCode": code}


@pytest.mark.parametrize(
    ("found", "length"),
    [
        pytest.param(pod(program("2026-01-01T00:00:10Z")), 50, id="started after its input"),
        pytest.param(pod(program("2026-01-01T00:00:05Z")), 53, id="waited for its input"),
        pytest.param(pod(program("2026-01-01T00:00:05Z", 1)), None, id="failed"),
        pytest.param(pod(None), None, id="at work"),
    ],
)
def test_when_a_program_worked(found: Object, length: float | None):
    worked = span(found)
    assert (worked.end - worked.start if isinstance(worked, Span) else None) == length


def test_runs_become_a_tenants():
    found = {run["metadata"]["name"]: run for run in runs("denoise.yaml", "bench")}
    assert {run["metadata"]["namespace"] for run in found.values()} == {"bench"}
    assert found["scan"]["spec"]["feed"] == "feed"
    assert "feed" not in found["by-two"]["spec"]


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("denoise.yaml", ["scan", "series", "by-one", "by-two", "merged-two", "by-four", "merged-four"]),
        ("group.yaml", ["scan", "subjects", "by-one", "by-twelve"]),
    ],
)
def test_parents_come_before_their_children(file: str, names: list[str]):
    """They are created one after another, each when the last has ended."""
    found = list(runs(file, "bench"))
    assert [run["metadata"]["name"] for run in found] == names
    assert all(set(run["spec"].get("previous", [])) <= set(names[:place]) for place, run in enumerate(found))


def test_the_table_says_what_was_measured_and_what_is_computed():
    lines = fanout_table.table(MEASURED).splitlines()
    assert "| one series denoised | 1 | 1 | 6 min 40 s | 6 min 50 s | measured here |" in lines
    assert "| one series denoised | 2 | 2 | 3 min 30 s | 3 min 55 s | measured here |" in lines
    assert "| one series denoised | 25 | 25 | 17 s | 42 s | computed |" in lines
    assert "| 12 subjects registered | 12 | 12 | 24 s | 34 s | computed |" in lines
    assert "| 500 subjects registered | 1 | 1 | 3 h 3 min | 3 h 3 min | computed |" in lines
    assert "| 500 subjects registered | 100 | 100 | 2 min 0 s | 2 min 10 s | computed |" in lines
    assert (
        "| a node of a chain of ten waits for us | 81 ms | ChRIS today: about 11,000 ms | measured here |"
        in lines
    )
    crowd = next(line for line in lines if line.startswith("| 5,000 runs at once on 200 nodes |"))
    assert (
        "| 24.0 runs a second | 40.0 hand-written Jobs a second: 60% of it | simulated on kwok nodes |"
        in crowd
    )


def test_the_page_has_a_place_for_it():
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    filled = with_generated(page, fanout_table.NAME, fanout_table.table(MEASURED), fanout_table.COMMAND)
    assert "6 min 40 s" in filled


WAYS = {fanout_table.MEASURED, fanout_table.SIMULATED, fanout_table.COMPUTED}


@pytest.mark.parametrize("missing", sorted(MEASURED))
def test_what_was_not_measured_is_not_made_up(missing: str):
    """Whatever is lacking, every other row stays as it is and says how it is known."""
    whole = fanout_table.table(MEASURED).splitlines()
    partial = fanout_table.table({key: MEASURED[key] for key in MEASURED if key != missing}).splitlines()
    assert len(partial) < len(whole)
    assert set(partial) <= set(whole)
    rows = [line for line in partial if line.startswith("|") and not line.startswith(("| what", "|---"))]
    assert {row.split(" | ")[-1].removesuffix(" |") for row in rows} <= WAYS


def test_formulas_stand_below_what_is_computed_only():
    assert "Computed rows" in fanout_table.table(MEASURED)
    only = {key: MEASURED[key] for key in ("fanout_serial_s", "fanout_serial_wall_s")}
    assert "omputed" not in fanout_table.table(only)


def test_without_any_number_the_page_says_so():
    assert fanout_table.table({}) == fanout_table.NOTHING
