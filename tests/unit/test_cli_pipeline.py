"""`kubectl chris pipeline`: what today's ChRIS wrote comes in and goes out; the formats themselves are core's."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from chris_operator.cli.__main__ import main

CHRIS = {
    "name": "Two steps",
    "description": "one after the other",
    "plugin_tree": json.dumps(
        [
            {"title": "first", "plugin_name": "pl-x", "plugin_version": "1.0.0", "previous": None},
            {"title": "second", "plugin_id": 7, "previous": "first"},
        ]
    ),
}
PLUGIN = {
    "metadata": {"name": "pl-y-2.0.0"},
    "spec": {"name": "pl-y", "version": "2.0.0", "type": "ds"},
    "status": {"id": 7},
}
OURS = {
    "metadata": {"name": "two-steps", "namespace": "alice"},
    "spec": {
        "title": "Two steps",
        "nodes": [
            {"name": "first", "plugin": {"name": "pl-x", "version": "1.0.0"}},
            {"name": "second", "plugin": {"name": "pl-y", "version": "2.0.0"}, "previous": ["first"]},
        ],
    },
}


@pytest.fixture(autouse=True)
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that knows one Plugin and one Pipeline, and keeps what is created."""
    answers: dict[str, Any] = {"plugins": {"items": [PLUGIN]}, "two-steps": OURS}
    for name, answer in answers.items():
        (tmp_path / name).write_text(json.dumps(answer))
    program = tmp_path / "kubectl"
    program.write_text(
        f'#!/bin/sh\nfor last; do :; done\ncase "$*" in\n'
        f'  *create*) tee "{tmp_path}/created";;\n  *) cat "{tmp_path}/${{last##*/}}";;\nesac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return tmp_path


def test_in(kubectl: Path, capsys: pytest.CaptureFixture[str]):
    (kubectl / "chris.json").write_text(json.dumps(CHRIS))
    assert main(["pipeline", "import", "-n", "alice", str(kubectl / "chris.json")]) == 0
    assert capsys.readouterr().out == "two-steps\n"
    created = json.loads((kubectl / "created").read_text())
    assert (created["kind"], created["metadata"]) == ("Pipeline", {"name": "two-steps", "namespace": "alice"})
    assert [node["plugin"] for node in created["spec"]["nodes"]] == [
        {"name": "pl-x", "version": "1.0.0"},
        {"name": "pl-y", "version": "2.0.0"},
    ], "a plugin's number is looked up"


def test_a_dry_run_creates_nothing(
    kubectl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(CHRIS)))
    assert main(["pipeline", "import", "-n", "alice", "-", "--name", "other", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["metadata"]["name"] == "other"
    assert not (kubectl / "created").exists()


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_out_and_in_again(form: str, kubectl: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["pipeline", "export", "-n", "alice", "two-steps", "-o", form]) == 0
    (kubectl / "file").write_text(capsys.readouterr().out)
    assert main(["pipeline", "import", "-n", "alice", str(kubectl / "file"), "--dry-run"]) == 0
    nodes = json.loads(capsys.readouterr().out)["spec"]["nodes"]
    assert [(node["name"], node["plugin"]["name"], node.get("previous", [])) for node in nodes] == [
        ("first", "pl-x", []),
        ("second", "pl-y", ["first"]),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("[]", "holds no pipeline"), ('{"name": "x"}', "plugin_tree must be a list of nodes")],
    ids=["no object", "no tree"],
)
def test_what_is_no_pipeline_is_told(
    text: str, words: str, kubectl: Path, capsys: pytest.CaptureFixture[str]
):
    (kubectl / "file").write_text(text)
    assert main(["pipeline", "import", "-n", "alice", str(kubectl / "file")]) == 1
    assert words in capsys.readouterr().err
    assert main(["pipeline", "import", "-n", "alice", str(kubectl / "nowhere")]) == 1
    assert "cannot be read" in capsys.readouterr().err
