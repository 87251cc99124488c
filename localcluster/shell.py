"""Running other programs: one place that turns their failures into messages."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from localcluster.errors import ClusterError

TAIL_LINES = 15


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command to its end and return its standard output; ClusterError with its last words on failure."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=_merged(env), cwd=cwd)
    if done.returncode != 0:
        raise ClusterError(failure(words, done.returncode, done.stderr or done.stdout))
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> bool:
    """Whether a command exits with 0; its output is dropped."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(words, check=False, capture_output=True, env=_merged(env))
    except FileNotFoundError:
        return False
    return done.returncode == 0


def run_watched(
    argv: Sequence[str | Path],
    watch: Callable[[Iterable[str]], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long command and hand its output, line by line, to `watch`; ClusterError with the tail on failure."""
    words = [str(word) for word in argv]
    tail: list[str] = []

    def remembered(stream: Iterable[str]) -> Iterable[str]:
        for line in stream:
            tail.append(line)
            del tail[:-TAIL_LINES]
            yield line

    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_merged(env),
        cwd=cwd,
    ) as process:
        if process.stdout is not None:
            watch(remembered(process.stdout))
        code = process.wait()
    if code != 0:
        raise ClusterError(failure(words, code, "".join(tail)))


def failure(words: Sequence[str], code: int, output: str) -> str:
    """Text of a failed command: what was run, how it ended, its last lines."""
    tail = "\n".join(output.strip().splitlines()[-TAIL_LINES:])
    return f"command failed with exit code {code}: {shlex.join(words)[:600]}\n{tail}"


def wait_until(check: Callable[[], bool], *, seconds: float, what: str, hint: str = "") -> None:
    """Poll `check` until it holds; ClusterError naming `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not so after {seconds:.0f} s. {hint}".strip())
        time.sleep(0.1)


def _merged(env: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if env is None else {**os.environ, **env}
