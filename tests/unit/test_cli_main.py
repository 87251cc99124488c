"""The command line itself: help, exit codes, and errors in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.readme import README, ROOT

from chris_operator.cli.__main__ import COMMANDS, main
from chris_operator.cli.access import credentials, reachable
from chris_operator.cli.commands.files import printable
from chris_operator.cli.download import chosen
from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import Kubectl
from chris_operator.cli.upload import place
from chris_operator.staging.manifest import Entry
from chris_operator.staging.placing import Member

FAKE = """#!/bin/sh
echo "$@" >>"$0.log"
case "$*" in
  *missing*) echo 'Error from server (NotFound): plugininstances "missing" not found' >&2; exit 1;;
  *secrets*) echo 'Error from server (Forbidden): secrets is forbidden' >&2; exit 1;;
esac
echo '{"items": [], "metadata": {"resourceVersion": "1"}}'
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that answers what its arguments say; it writes down how it was called."""
    program = tmp_path / "kubectl"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return program


ACTS = {"pipeline": ("import", "export")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]):
    for act in ACTS.get(command, ()):
        with pytest.raises(SystemExit):
            main([command, act, "--help"])
        assert "--namespace" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert ("--namespace" in told) == (command not in ACTS)
    assert COMMANDS[command][1:20] in re.sub(r"\s+", " ", told)


def test_every_command_is_in_the_readme():
    text = README.read_text()
    assert [command for command in COMMANDS if f"| `{command} " not in text] == []


@pytest.mark.parametrize(
    "words", [[], ["dance"], ["tree"], ["crate", "look"]], ids=["nothing", "unknown", "no feed", "no output"]
)
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: kubectl chris" in capsys.readouterr().err


def test_without_kubectl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["why", "scan"]) == 1
    assert capsys.readouterr().err.startswith("kubectl chris: kubectl is not on the PATH")


def test_a_run_that_does_not_exist(kubectl: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["why", "scan", "-n", "alice", "--context", "prod"]) == 1
    told = capsys.readouterr().err
    assert (
        told
        == "kubectl chris: namespace alice has no PluginInstance scan: `kubectl -n alice get pi` lists them\n"
    )
    path = "/apis/chrisproject.org/v1alpha1/namespaces/alice/plugininstances"
    assert Path(f"{kubectl}.log").read_text() == f"--context prod --namespace alice get --raw {path}\n", (
        "one request"
    )


def test_refusals_are_told_in_kubectls_words(kubectl: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["tree", "missing", "-n", "alice"]) == 1
    assert 'plugininstances "missing" not found' in capsys.readouterr().err
    assert kubectl.exists()


def test_credentials_are_the_environments_else_the_installations(kubectl: Path):
    given = {"ST_AUTH": "http://swift/auth", "ST_USER": "u", "ST_KEY": "k", "HOME": "/root"}
    assert credentials(Kubectl("alice"), given) == {
        "ST_AUTH": "http://swift/auth",
        "ST_USER": "u",
        "ST_KEY": "k",
    }
    with pytest.raises(
        UserError, match=r"no Swift credentials: .*forbidden; set ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL"
    ):
        credentials(Kubectl("alice"), {"HOME": "/root"})
    assert kubectl.exists()


def test_a_swift_that_is_a_service_is_forwarded_to_for_as_long_as_it_is_used(tmp_path: Path, kubectl: Path):
    """kubectl says a line about each connection; more of them than a pipe holds must not make it wait."""
    os.mkfifo(tmp_path / "said")
    kubectl.write_text(
        f"#!/bin/sh\necho 'Forwarding from 127.0.0.1:4567 -> 8080'\nhead -c 200000 /dev/zero\n"
        f'echo "$@" >"{tmp_path}/said"\nexec tail -f /dev/null\n'
    )
    values = {"ST_AUTH": "http://swift.chris-swift.svc.cluster.local:8080/auth/v1.0", "ST_USER": "u"}
    with reachable(Kubectl("alice", ("--context", "prod")), values) as found:
        assert found == {"ST_AUTH": "http://127.0.0.1:4567/auth/v1.0", "ST_USER": "u"}
        words = (tmp_path / "said").read_text()
    assert words == "--context prod --namespace chris-swift port-forward service/swift :8080\n"


def test_a_service_that_cannot_be_forwarded_to(kubectl: Path):
    kubectl.write_text("#!/bin/sh\necho 'pods is forbidden' >&2\nexit 1\n")
    told = "Swift is the Service swift in chris-swift, and kubectl cannot forward to it: pods is forbidden"
    with (
        pytest.raises(UserError, match=told),
        reachable(Kubectl(""), {"ST_AUTH": "http://swift.chris-swift.svc"}),
    ):
        pass


def test_another_swift_is_reached_as_it_is(kubectl: Path):
    values = {"ST_AUTH": "https://swift.example.org/auth"}
    with reachable(Kubectl(""), values) as found:
        assert found == values
    assert kubectl.exists()


def test_it_runs_from_the_checkout():
    """As kubectl would start it."""
    program = ROOT / "bin" / "kubectl-chris"
    done = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=False)
    if not (ROOT / "build" / "venv").exists():
        assert "make check" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "draw an analysis" in done.stdout


def test_only_what_a_command_needs_is_loaded():
    """A tree is drawn in less time than pydantic takes to load."""
    code = "import sys, chris_operator.cli.commands.tree; print(*sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert {"pydantic", "kubernetes", "swiftclient", "requests", "kopf"} & set(done.stdout.split()) == set()


MEMBERS = [Member(Entry(path), path, 2) for path in ("a/b.txt", "a/c/d.txt", "ab.txt")]


@pytest.mark.parametrize(
    ("below", "paths"),
    [
        ("", ["a/b.txt", "a/c/d.txt", "ab.txt"]),
        ("a/", ["b.txt", "c/d.txt"]),
        ("a/b.txt", ["b.txt"]),
        ("ab.txt", ["ab.txt"]),
    ],
    ids=["all", "folder", "file", "file at the top"],
)
def test_what_is_brought(below: str, paths: list[str]):
    assert [each.path for each in chosen(MEMBERS, below, "scan")] == paths


def test_what_is_not_there_is_not_brought():
    with pytest.raises(UserError, match="scan has no file b: `kubectl chris files scan` lists those it has"):
        chosen(MEMBERS, "b", "scan")


@pytest.mark.parametrize("text", ["home/dana/uploads", "home/dana/uploads/x/y/"])
def test_places_for_uploads(text: str):
    assert place(text) == text.strip("/")


@pytest.mark.parametrize(
    "text", ["home/dana", "home/dana/feeds/feed_1", "home/dana/uploads/../x", "home//uploads/x", "SERVICES/x"]
)
def test_other_places(text: str):
    with pytest.raises(UserError, match="is no place for uploads: they go to home/<user>/uploads"):
        place(text)


def test_names_cannot_command_a_terminal():
    assert printable("a\x1b[2Jb\nü \udcff") == "a\\x1b[2Jb\\nü \\udcff"
