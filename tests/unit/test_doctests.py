"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest
from tests.installation import ROOT

PACKAGES = (ROOT / "operator" / "chris_operator", ROOT / "localcluster")


def _module(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(
    _module(path, package)
    for package in PACKAGES
    for path in package.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
