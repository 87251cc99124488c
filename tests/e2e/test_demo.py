"""`make demo`, as a newcomer runs it: a real head, registered for real, its picture kept."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


def test_the_first_look(tmp_path: Path):
    words = [sys.executable, "-m", "demo", "--output", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "register: Completed" in done.stdout
    assert "✘" not in done.stdout
    measured = json.loads((tmp_path / "register" / "pl-register.json").read_text())
    assert measured["passed"] is True
    white = measured["metrics"]["whiteMatterDice"]
    assert white["value"] >= white["threshold"] > white["beforeRegistration"]
    (picture,) = (tmp_path / "register").glob("*.png")
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size > 100_000
    wait = ["kubectl", "-n", "alice", "wait", "--for=condition=Succeeded", "--timeout=5s", "pi/register"]
    assert subprocess.run(wait, check=False, capture_output=True).returncode == 0
