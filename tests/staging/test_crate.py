"""An analysis exported as an RO-Crate is one to the community's own validator, which is run without a network."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.crate_validator import PROFILE, judged
from tests.crates import DATA, NAMED, record

from chris_operator.core.crate.document import documents
from chris_operator.core.crate.entities import METADATA

EXCUSED = {
    "process-run-crate-0.5_3.2": "not every plugin has a URL",
    "process-run-crate-0.5_5.1": "it takes the classes themselves for applications",
    "provenance-run-crate-0.5_17.0": "it wants each step of a tool to have all connections of that tool's steps",
    "ro-crate-1.1_22.3": "no publisher is known",
    "ro-crate-1.1_28.1": "it cannot fetch from arcp, which names what is not carried along",
    "ro-crate-1.1_30.2": "no affiliation is known",
    "ro-crate-1.1_30.3": "no affiliation is known",
}
"""Recommendations that are not followed, and why."""


def write(folder: Path, *, carried: bool) -> Path:
    """The crate of the example."""
    for name, data in documents(record(), carried=carried).items():
        (folder / name).write_bytes(data)
    for kind, runs in (("runs", DATA), ("inputs", NAMED)) if carried else ():
        for run, files in runs.items():
            for path, data in files.items():
                target = folder / kind / run / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    return folder


@pytest.mark.parametrize("carried", [False, True], ids=["described", "carried"])
def test_the_validator_accepts_it(carried: bool, tmp_path: Path):
    found = judged(write(tmp_path, carried=carried))
    assert found.required == []
    assert [line for line in found.recommended if line.partition(":")[0] not in EXCUSED] == []


def _without(folder: Path, identifier: str, key: str) -> None:
    path = folder / METADATA
    document: dict[str, Any] = json.loads(path.read_text())
    (entity,) = [each for each in document["@graph"] if each["@id"] == identifier]
    del entity[key]
    path.write_text(json.dumps(document))


def test_the_validator_would_not_accept_another(tmp_path: Path):
    """It has the profile and the context at hand: what is wrong is found, also what only the profile asks for."""
    write(tmp_path, carried=True)
    shutil.rmtree(tmp_path / "runs" / "scan")
    _without(tmp_path, "#control/register", "instrument")
    found = judged(tmp_path).required
    assert any("runs/scan/" in line for line in found)
    assert any(line.startswith(PROFILE) and "#control/register" in line for line in found)
