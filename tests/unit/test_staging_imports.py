"""Staging starts twice per run: it loads the standard library only, and little of it before the plugin starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OPERATOR = Path(__file__).resolve().parents[2] / "operator"
FOREIGN = {"kopf", "pydantic", "kubernetes", "swiftclient", "requests", "aiohttp", "yaml"}


def loaded(module: str) -> set[str]:
    """Names of all modules that an import brings."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-S", "-c", code]
    answer = subprocess.run(command, capture_output=True, check=True, env={"PYTHONPATH": str(OPERATOR)})
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("module", ["__main__", "publish", "stage_in"])
def test_nothing_but_the_standard_library(module: str):
    assert loaded(f"chris_operator.staging.{module}") & FOREIGN == set()


def test_watching_needs_no_network_code():
    assert loaded("chris_operator.staging.__main__") & {"http.client", "ssl", "email", "tempfile"} == set()
