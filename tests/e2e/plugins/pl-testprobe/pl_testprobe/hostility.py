"""What an honest plugin never does: to its output, to the platform's state directory, to its children."""

import os
import shutil
import signal
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

STATE = Path("/chris/state")
"""Shared by the containers of the pod; the platform keeps its FIFO, log and usage there."""
LIE = '{"exitCode":0,"cpuSeconds":1e6,"peakMemoryBytes":1}'


def write(outputdir: Path) -> None:
    """Everything that is no regular file, pointing out where it can."""
    (outputdir / "link-to-passwd").symlink_to("/etc/passwd")
    (outputdir / "link-to-root").symlink_to("/")
    (outputdir / "link-up").symlink_to("../..")
    (outputdir / "link-to-nothing").symlink_to("nothing")
    os.mkfifo(outputdir / "fifo")
    with suppress(PermissionError):  # as it should be in a pod; the report tells
        os.mknod(outputdir / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    folder = os.open(outputdir, os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/socket")  # the path itself may be too long for a socket's
    os.close(folder)


def _replace_fifo(state: Path) -> None:
    (state / "alive").unlink(missing_ok=True)
    (state / "alive").write_text("a lie")


def _replace_log(state: Path) -> None:
    (state / "log").unlink(missing_ok=True)
    (state / "log").symlink_to("/etc/passwd")


def _forge_usage(state: Path) -> None:
    """A forged report where it can be read, and in its way a directory that cannot be written over."""
    (state / "usage").unlink(missing_ok=True)
    (state / "usage").mkdir()
    (state / "usage" / "lie").write_text(LIE)
    (state / "usage.new").write_text(LIE)


def _remove_ready(state: Path) -> None:
    (state / "ready").unlink(missing_ok=True)


def _remove_everything(state: Path) -> None:
    for path in state.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


TAMPERINGS: dict[str, Callable[[Path], None]] = {
    "alive": _replace_fifo,
    "everything": _remove_everything,
    "log": _replace_log,
    "ready": _remove_ready,
    "usage": _forge_usage,
}
KNOWN = ", ".join(TAMPERINGS)


def tamper(what: str, state: Path = STATE) -> None:
    """Spoil one thing; ValueError names those there are."""
    if what not in TAMPERINGS:
        raise ValueError(f"tamper is {what!r}; there are {KNOWN}")
    TAMPERINGS[what](state)


def leave_children() -> None:
    """Two children that take no SIGTERM and hold the output open, one of them in a session of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # children inherit it
    children = [_child(own_session=own) for own in (False, True)]
    print("Left behind:", *children, flush=True)


def _child(*, own_session: bool) -> int:
    child = os.fork()
    if child == 0:
        if own_session:
            os.setsid()
        while True:
            signal.pause()
    return child
