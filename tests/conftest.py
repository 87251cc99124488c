"""What all rings of tests share: golden texts and the one switch that writes them anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

Golden = Callable[[Path, str], None]


SIDE_BY_SIDE = "tests/e2e/"
"""Each test here has a tenant of its own: they run in any order, several at a time, on the one cluster."""

SECOND_CLUSTER = ("tests/e2e/test_readme.py", "tests/e2e/test_your_cluster.py")
"""But these share a second cluster, one after the other."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # untyped
    """Keeps the tests on one worker that share servers of their own: those of a folder.

    pytest-xdist's own groups are marks, which its 3.8 loses under pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(SECOND_CLUSTER):
            return "second cluster"
        return nodeid if nodeid.startswith(SIDE_BY_SIDE) else nodeid.rpartition("/")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Called when several tests run at a time."""
    return Together(config, log)


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
