"""Plugins that fail, die, linger, or try to get at what is not theirs."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.staging.pod import Pod, first_process, wait_for, waits_in_open

from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
SECRET = "root:x:0:0"


@pytest.fixture
def pod(storage: Storage, tmp_path: Path, request: pytest.FixtureRequest) -> Pod:
    name = request.node.name.replace("[", "/").strip("]")
    storage.delete_prefix(f"bad/{name}/")
    return Pod(tmp_path / "pod", storage, f"bad/{name}/")


ENDS: dict[str, tuple[str, int, int]] = {
    "success": ('echo out; echo err >&2; echo x > "$OUT/f"', 0, 0),
    "exit-3": ('echo out; echo err >&2; echo x > "$OUT/f"; exit 3', 3, 1),
    "kills-itself": ('echo out; echo err >&2; echo x > "$OUT/f"; kill -9 $$', 137, 1),
    "term-to-itself": ('echo out; echo err >&2; echo x > "$OUT/f"; kill -15 $$', 143, 1),
}


@pytest.mark.parametrize(("script", "code", "published_code"), ENDS.values(), ids=ENDS)
def test_ends_are_told_and_outputs_kept(pod: Pod, script: str, code: int, published_code: int):
    plugin, published = pod.run("/bin/sh", "-c", script)
    assert (plugin.code, published.code) == (code, published_code)
    assert published.report
    assert published.report.exit_code == code
    assert published.report.started < published.report.ended
    assert published.report.cpu_seconds is not None
    header, entries = pod.manifest()
    assert [entry.path for entry in entries] == ["f"]
    assert header.partial == (code != 0)
    assert header.usage
    assert header.usage["exitCode"] == code
    assert pod.published_log() == b"out\nerr\n" == plugin.log.encode()


def test_killed_outright_has_no_exit_code(pod: Pod):
    """SIGKILL to the container's first process, as the out-of-memory killer may do it."""
    assert pod.stage_in().code == 0
    publish = pod.start_staging("publish")
    plugin = pod.start_plugin(["/bin/sh", "-c", 'echo x > "$OUT/f"; echo begun; sleep 1000'])
    wait_for((pod.root / "plugin.log").read_text)
    os.kill(first_process(plugin), signal.SIGKILL)
    published = pod.end("publish", publish)
    plugin.wait()
    assert published.code == 1
    assert published.report
    assert published.report.exit_code is None
    assert pod.manifest()[0].partial
    assert pod.published_log() == b"begun\n"


def test_sigterm_is_forwarded(pod: Pod):
    assert pod.stage_in().code == 0
    publish = pod.start_staging("publish")
    script = 'trap "echo saved > $OUT/f; exit 0" TERM; echo begun; while :; do sleep 0.1; done'
    plugin = pod.start_plugin(["/bin/sh", "-c", script])
    wait_for((pod.root / "plugin.log").read_text)
    os.kill(first_process(plugin), signal.SIGTERM)
    assert pod.end("plugin", plugin).code == 0
    assert pod.end("publish", publish).code == 0
    assert [entry.path for entry in pod.manifest()[1]] == ["f"]


def test_sigterm_before_the_end_publishes_nothing(pod: Pod):
    """A deleted pod: everybody gets SIGTERM, and this plugin ignores it until it is killed."""
    assert pod.stage_in().code == 0
    publish = pod.start_staging("publish")
    plugin = pod.start_plugin(["/bin/sh", "-c", 'trap "" TERM; echo x > "$OUT/f"; echo begun; sleep 1000'])
    wait_for((pod.root / "plugin.log").read_text)
    first = first_process(plugin)
    os.kill(first, signal.SIGTERM)
    publish.terminate()
    published = pod.end("publish", publish)
    assert plugin.poll() is None
    os.kill(first, signal.SIGKILL)
    plugin.wait()
    assert published.code == 143
    assert published.report
    assert published.report.code == "Aborted"
    assert pod.objects() == []


def test_sigterm_before_the_start_ends_all(pod: Pod):
    """The pod is deleted while `run` waits for a publish that never comes, and the other way round."""
    assert pod.stage_in().code == 0
    plugin = pod.start_plugin(["/bin/true"])
    first = first_process(plugin)
    wait_for(lambda: waits_in_open(first))
    os.kill(first, signal.SIGTERM)
    assert pod.end("plugin", plugin).code == 143
    publish = pod.start_staging("publish")
    wait_for(lambda: waits_in_open(publish.pid))
    publish.terminate()
    assert pod.end("publish", publish).code == 143


LINGERING = {
    "holds-stdout": "sleep 1000 & echo done",
    "ignores-term": "(trap '' TERM INT HUP; sleep 1000; sleep 1000) & echo done",
    "daemon": "setsid sh -c 'sleep 1000' & echo done",
    "chatters": "(while :; do echo noise; done) > /dev/null & echo done",
}


@pytest.mark.parametrize("script", LINGERING.values(), ids=LINGERING)
def test_children_left_behind_end_with_the_plugin(pod: Pod, script: str):
    plugin, published = pod.run("/bin/sh", "-c", script)
    assert (plugin.code, published.code) == (0, 0)
    assert pod.published_log() == b"done\n"


def test_no_tail_of_the_output_is_lost(pod: Pod):
    plugin, _ = pod.run("/bin/sh", "-c", "seq 300000; exit 5")
    expected = "".join(f"{number}\n" for number in range(1, 300001))
    assert plugin.code == 5
    assert plugin.log == expected
    assert pod.published_log() == expected.encode()


def test_long_logs_keep_head_and_tail(storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "bad/long-log/", (), log_bytes=1000)
    pod.run("/bin/sh", "-c", "echo head; seq 30000; echo tail")
    log = pod.published_log()
    assert log.startswith(b"head\n1\n2\n")
    assert log.endswith(b"30000\ntail\n")
    assert b"bytes left out" in log
    assert len(log) < 1100


TAMPERING: dict[str, str] = {
    "fifo-removed": 'rm "$STATE/alive"',
    "fifo-replaced": 'rm "$STATE/alive"; echo x > "$STATE/alive"',
    "fifo-written": 'echo lies > "$STATE/alive"',
    "log-removed": 'rm "$STATE/log"',
    "log-is-link": 'ln -sf /etc/passwd "$STATE/log"',
    "log-is-fifo": 'rm "$STATE/log"; mkfifo "$STATE/log"',
    "log-is-directory": 'rm "$STATE/log"; mkdir -p "$STATE/log/x"',
    "usage-is-link": 'ln -sf /etc/passwd "$STATE/usage"',
    "usage-is-directory": 'mkdir -p "$STATE/usage/x"',
    "usage-is-locked": 'mkdir -p "$STATE/usage/x"; chmod 0 "$STATE/usage"',
    "usage-is-fifo": 'mkfifo "$STATE/usage"',
    "usage-is-a-lie": 'echo "{\\"exitCode\\":7,\\"cpuSeconds\\":1e9}" > "$STATE/usage"',
    "usage-beforehand": 'mkfifo "$STATE/usage.new"; mkdir "$STATE/usage.aside"',
    "ready-removed": 'rm "$STATE/ready"',
    "everything-removed": 'rm -rf "$STATE"/*',
}


@pytest.mark.parametrize("script", TAMPERING.values(), ids=TAMPERING)
def test_tampering_with_the_state_gains_nothing(pod: Pod, storage: Storage, script: str):
    """And loses nothing but the log, which is the program's own."""
    plugin, published = pod.run("/bin/sh", "-c", f'echo x > "$OUT/f"; {script}')
    assert (plugin.code, published.code) == (0, 0), published.log
    assert published.report
    assert published.report.exit_code == 0
    assert published.report.cpu_seconds is not None
    assert published.report.cpu_seconds < 1000
    assert [entry.path for entry in pod.manifest()[1]] == ["f"]
    for name in pod.objects():
        assert SECRET.encode() not in storage.get(pod.prefix + name)[0]


USAGES: dict[str, str] = {
    "no-json": "hello",
    "list": "[]",
    "huge": '{"exitCode": 1e999, "cpuSeconds": -1, "peakMemoryBytes": "x"}',
    "long": '{"exitCode": 0, "x": "' + "y" * 9000 + '"}',
}


@pytest.mark.parametrize("text", USAGES.values(), ids=USAGES)
def test_forged_usage_is_unknown(pod: Pod, text: str):
    """As if the plugin had killed `run` after writing the file itself."""
    assert pod.stage_in().code == 0
    publish = pod.start_staging("publish")
    descriptor = os.open(pod.state / "alive", os.O_WRONLY)
    (pod.state / "usage").write_text(text)
    os.close(descriptor)
    published = pod.end("publish", publish)
    assert published.code == 1
    assert published.report
    assert published.report.exit_code is None


def outside(root: Path) -> None:
    """Everything in an output directory that is no regular file, each pointing somewhere."""
    (root / "d").mkdir()
    (root / "d" / "kept").write_text("kept")
    (root / "link-to-file").symlink_to("/etc/passwd")
    (root / "link-to-directory").symlink_to("/etc")
    (root / "link-up").symlink_to("..")
    (root / "link-to-neighbour").symlink_to("d/kept")
    (root / "dangling").symlink_to("/nowhere")
    (root / "home_x.chrislink").write_text("home/bob/secret")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(root)
        server.bind("socket")


def test_only_regular_files_are_published(pod: Pod, storage: Storage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir("/")  # restored afterwards: sockets' paths are short
    outside(pod.outgoing)
    if os.getuid() == 0:
        os.mknod(pod.outgoing / "device", 0o600 | 0o020000, os.makedev(1, 3))
    report = pod.publish_files()
    assert [entry.path for entry in pod.manifest()[1]] == ["d/kept"]
    assert report.files == 1
    assert report.skipped == 8 + (os.getuid() == 0)
    for name in pod.objects():
        assert SECRET.encode() not in storage.get(pod.prefix + name)[0]


def test_too_much_output_is_refused(storage: Storage, tmp_path: Path):
    """A sparse file costs the plugin nothing and Swift a lot."""
    pod = Pod(tmp_path / "pod", storage, "bad/sparse/", (), output_bytes=1 << 20)
    _, published = pod.run("/bin/sh", "-c", 'truncate -s 1T "$OUT/f"')
    assert published.code == 75
    assert published.report
    assert published.report.code == "OutputTooLarge"


def test_programs_come_from_the_image_not_from_busybox(pod: Pod, monkeypatch: pytest.MonkeyPatch):
    programs = pod.root / "bin"
    programs.mkdir()
    (programs / "sleep").write_text("#!/bin/sh\necho mine\n")
    (programs / "sleep").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    pod.run("sleep", "1000")
    assert pod.published_log() == b"mine\n"


def test_missing_program_is_127(pod: Pod):
    plugin, published = pod.run("no-such-program")
    assert (plugin.code, published.code) == (127, 1)
    assert b"no-such-program" in pod.published_log()


ARGUMENTS = ["a b", "$HOME", "*", "", "'", '"', "\\n", "new\nline", "--", "-x"]


def test_arguments_arrive_as_they_are(pod: Pod):
    pod.run("/usr/bin/printf", "%s|", *ARGUMENTS)
    assert pod.published_log().decode() == "|".join(ARGUMENTS) + "|"


CHECKS: dict[str, Callable[[Pod], Path]] = {
    "run": lambda pod: pod.root / "chris/tools/run",
    "busybox": lambda pod: pod.root / "chris/tools/busybox",
}


@pytest.mark.parametrize("tool", CHECKS.values(), ids=CHECKS)
def test_tools_are_installed_read_only(pod: Pod, tool: Callable[[Pod], Path]):
    assert pod.stage_in().code == 0
    assert tool(pod).stat().st_mode & 0o777 == 0o555
