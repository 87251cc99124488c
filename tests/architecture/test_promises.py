"""What SECURITY.md and tests/README.md name exists: a test by its file and name, a file by its path."""

import ast
import re
from pathlib import Path

import pytest
from tests.installation import ROOT

PAGES = (ROOT / "SECURITY.md", ROOT / "tests" / "README.md")
_TEST = re.compile(r"`([\w./-]+\.py)::(\w+)`")
_PATH = re.compile(r"`((?:tests|manifests|requirements|operator)/[\w./-]*)`")
PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def named_tests(text: str) -> set[tuple[str, str]]:
    """File and test of every `file::test`."""
    return {(path, name) for path, name in _TEST.findall(text)}


def defined_tests(path: Path) -> set[str]:
    """Names of the tests that a file defines."""
    body = ast.parse(path.read_text()).body if path.exists() else []
    functions = [each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {each.name for each in functions if each.name.startswith("test_")}


@PAGE
def test_every_test_that_a_page_names_exists(page: Path):
    named = named_tests(page.read_text())
    assert named
    assert {f"{path}::{name}" for path, name in named if name not in defined_tests(ROOT / path)} == set()


@PAGE
def test_every_path_that_a_page_names_exists(page: Path):
    paths = _PATH.findall(page.read_text())
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@PAGE
def test_every_row_about_a_threat_or_promise_names_its_proof(page: Path):
    tables = re.findall(r"(?m)^\|.*\| proven by \|\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text())
    rows = [row for table in tables for row in table.splitlines()]
    assert rows
    assert [row for row in rows if "::" not in row and "reviewed: " not in row] == []


def test_a_test_that_is_gone_would_be_told():
    assert named_tests("see `tests/a/test_b.py::test_c`, `x`") == {("tests/a/test_b.py", "test_c")}
    assert defined_tests(ROOT / "tests" / "nowhere.py") == set()
    assert "test_a_test_that_is_gone_would_be_told" in defined_tests(Path(__file__))
