"""What all rings of tests share: golden texts and the one switch that writes them anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.together import Together

Golden = Callable[[Path, str], None]

# Their assertions tell both sides too: a test that fails on a busy machine may not fail again.
pytest.register_assert_rewrite(
    *(f"tests.{ring}" for ring in ("controller", "e2e", "staging", "world", "localcluster", "benchmarks")),
    *(f"tests.{path.stem}" for path in Path(__file__).parent.glob("*.py") if path.stem != "together"),
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
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
