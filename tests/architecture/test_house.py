"""The house's rules that no linter knows."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.installation import ROOT

PACKAGES = ("operator", "localcluster", "demo", "plugins", "tests")
MAX_LINES = 400
MAX_BODY = 75
BUILT_IN_MARKERS = {
    "parametrize",
    "skip",
    "skipif",
    "xfail",
    "usefixtures",
    "filterwarnings",
    "asyncio",
}
PYTHON = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "__pycache__" not in path.parts and "node_modules" not in path.parts
)
TESTS = [
    path
    for path in PYTHON
    if path.is_relative_to(ROOT / "tests") and not path.is_relative_to(ROOT / "tests/e2e/plugins")
]
"""Plugins have tests and markers of their own."""
OPERATOR = [path for path in PYTHON if path.is_relative_to(ROOT / "operator")]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", ["operator", "plugins"])
def test_plain_directories_are_no_packages(folder: str):
    """An operator/__init__.py would shadow the standard library's module."""
    assert not (ROOT / folder / "__init__.py").exists()


def test_python_works_at_the_roots_of_the_repository():
    subprocess.run([sys.executable, "-c", "import collections, operator; operator.add"], cwd=ROOT, check=True)


_LOADED = """
import json, runpy, sys
sys.argv = ["staging", "--help"]
try:
    runpy.run_module("chris_operator.staging", run_name="__main__")
except SystemExit:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_staging_starts_with_the_standard_library_alone():
    """It starts twice per run, and its image holds nothing else."""
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    command = [sys.executable, "-S", "-c", _LOADED]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    loaded = set(json.loads(told.splitlines()[-1]))
    assert "chris_operator" in loaded
    assert loaded - {"chris_operator"} <= {*sys.stdlib_module_names, "__main__"}


def test_every_marker_that_is_used_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"][
        "markers"
    ]
    known = BUILT_IN_MARKERS | {marker.partition(":")[0] for marker in declared}
    used = {
        (marker, _name(path))
        for path in TESTS
        for marker in re.findall(r"pytest\.mark\.(\w+)", path.read_text(encoding="utf-8"))
    }
    assert {(marker, path) for marker, path in used if marker not in known} == set()


def test_every_ring_of_tests_is_run():
    """A folder that the task list does not name would never be noticed to fail."""
    rings = {path.parent for path in TESTS if path.name.startswith("test_")} - {ROOT / "tests"}
    named = set(re.findall(r"\btests/[a-z0-9/]+", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {str(ring.relative_to(ROOT)) for ring in rings} - named == set()


def test_files_are_read_in_one_go():
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {path: length for path, length in lengths.items() if length > MAX_LINES} == {}


def _bodies(path: Path) -> dict[str, int]:
    """Lines of each function's body, its docstring not counted."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            found[f"{_name(path)}:{node.name}"] = lines
    return found


def test_functions_do_one_thing():
    lengths = {name: lines for path in OPERATOR for name, lines in _bodies(path).items()}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_BODY} == {}
    ordered = sorted(lengths.values())
    assert ordered[len(ordered) // 2] <= 8
    assert ordered[len(ordered) * 9 // 10] <= 30


def test_nothing_is_left_for_later():
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [_name(path) for path in PYTHON if marks.search(path.read_text(encoding="utf-8"))] == []
