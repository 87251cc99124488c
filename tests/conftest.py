"""What all rings of tests share: golden texts and the one switch that writes them anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[Path, str], None]


SIDE_BY_SIDE = Path(__file__).parent / "e2e"
"""Each test here has a tenant of its own: they run in any order, several at a time, on the one cluster."""

SECOND_CLUSTER = ("test_readme", "test_your_cluster")
"""But these share a second cluster, one after the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together when several run at a time: those that share servers of their own."""
    for item in items:
        group = _group(item.path)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


def _group(path: Path) -> str | None:
    if path.stem in SECOND_CLUSTER:
        return "second-cluster"
    if path.is_relative_to(SIDE_BY_SIDE):
        return None
    return path.parent.name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a committed file; with --regenerate, write it there."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        committed = path.read_text() if path.exists() else ""
        assert committed == text, f"{path} is not up to date: run `make gen` and look at the difference"

    return check
