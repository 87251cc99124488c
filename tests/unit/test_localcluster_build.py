"""Binaries are keyed by what goes into them; what the machine lacks is named."""

import subprocess
import sys
from pathlib import Path

import pytest
from localcluster import binaries, prepare, shell, toolchain
from localcluster.config import MODULES
from localcluster.errors import ClusterError


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> binaries.Module:
    monkeypatch.setattr(binaries, "MODULES", tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "go.mod").write_text("module m\n\ngo 1.26.0\n")
    (tmp_path / "m" / "main.go").write_text("package main\n\nfunc main() {}\n")
    return binaries.Module("m", (".",), ("m",))


def test_key_follows_sources_compiler_and_flags(module: binaries.Module):
    keys = [binaries.key(module, "1.26.8"), binaries.key(module, "1.27.3")]
    keys.append(binaries.key(binaries.Module("m", (".",), ("m",), ldflags="-s"), "1.26.8"))
    (module.source / "go.mod").write_text("module m\n\ngo 1.26.1\n")
    keys.append(binaries.key(module, "1.26.8"))
    assert len(set(keys)) == 4


def test_a_half_landed_build_is_made_again(module: binaries.Module, tmp_path: Path):
    """A fake compiler that writes what it is told to: what is tested is which files count as built."""
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho built > "$2/m"\n')
    go.chmod(0o755)
    tools = toolchain.Toolchain(go, "1.26.8")
    target = binaries.directory(tmp_path / "cache", module, tools.version)
    target.mkdir(parents=True)
    assert binaries.ensure(tmp_path / "cache", module, tools) == target
    assert (target / "m").read_text() == "built\n"
    (target / "m").write_text("kept")
    binaries.ensure(tmp_path / "cache", module, tools)
    assert (target / "m").read_text() == "kept"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_failed_build_shows_the_compilers_words(module: binaries.Module, tmp_path: Path):
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho main.go:3: undefined: x\nexit 2\n")
    go.chmod(0o755)
    with pytest.raises(ClusterError, match=r"exit code 2(.|\n)*main.go:3: undefined: x"):
        binaries.ensure(tmp_path / "cache", module, toolchain.Toolchain(go, "1.26.8"))


def test_every_pinned_module_names_its_go_version():
    assert toolchain.required_version() >= (1, 26)
    for source in MODULES.iterdir():
        assert (source / "go.mod").exists()


@pytest.mark.parametrize("text", ["", "go version devel", "go1"], ids=["empty", "devel", "bare"])
def test_unusual_go_versions(text: str):
    if text == "go1":
        assert toolchain.parse_version(text) == (1,)
    else:
        with pytest.raises(ClusterError, match="Go: no version in"):
            toolchain.parse_version(text)


def test_missing_packages_are_named(tmp_path: Path):
    here = prepare.Need("python3", sys.executable)
    gone = prepare.Need("containernetworking-plugins", file=tmp_path / "ptp")
    module = prepare.Need("python3-venv", module="no_such_module")
    assert prepare.missing((here, gone, module)) == [gone, module]
    text = prepare.instructions([gone, module])
    assert "sudo apt-get install containernetworking-plugins python3-venv" in text
    assert f"containernetworking-plugins: provides {tmp_path / 'ptp'}" in text


def test_a_failed_command_is_told_with_its_last_words():
    with pytest.raises(ClusterError, match=r"exit code 3: sh -c(.|\n)*the reason"):
        shell.run(["sh", "-c", "echo the reason >&2; exit 3"])


def test_a_deadline_names_what_was_waited_for():
    with pytest.raises(ClusterError, match=r"etcd answers: not so after 0 s. See etcd.log"):
        shell.wait_until(lambda: False, seconds=0, what="etcd answers", hint="See etcd.log")


def test_the_command_line_needs_only_the_standard_library():
    """It runs before any environment exists: isolated from site-packages it still answers."""
    root = Path(binaries.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-S", "-m", "localcluster", "--help"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "COMMAND" in done.stdout
