"""One attempt's pod as three real processes over directories of a test: stage-in, run with a command, publish.

The plugin's container is a PID namespace, as in Kubernetes: `run` is its first process.
"""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

from chris_operator.staging import contract
from chris_operator.staging.contract import (
    Checkpoint,
    Grant,
    InputRef,
    Limits,
    Report,
    RunRef,
    Share,
    Split,
    StageJob,
    SwiftEndpoint,
)
from chris_operator.staging.manifest import Entry, Header
from chris_operator.storage import Storage

OPERATOR = Path(__file__).resolve().parents[2] / "operator"
BUSYBOX = "/bin/busybox"
RUN = OPERATOR / "chris_operator" / "staging" / "run.sh"
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
if os.getuid() != 0:
    UNSHARE += ["--user", "--map-root-user"]
SECONDS = 60
T = TypeVar("T")


@dataclasses.dataclass
class Ended:
    """How a container ended."""

    code: int
    log: str
    report: Report | None


class Pod:
    """The directories of a pod and the processes in it. Inputs are earlier pods' attempts."""

    def __init__(
        self, root: Path, storage: Storage, prefix: str, inputs: Sequence["Pod"] = (), **limits: int
    ) -> None:
        self.root, self.storage, self.prefix = root, storage, prefix
        self.digest = ""
        for directory in (
            "chris/tools",
            "chris/state",
            "chris/job",
            "chris/checkpoint",
            "share/incoming",
            "share/outgoing",
            "dev",
        ):
            (root / directory).mkdir(parents=True)
        self.job = StageJob(
            run=RunRef("alice", root.name, "uid", 1, 1),
            swift=SwiftEndpoint(storage.url, storage.ca_bundle),
            inputs=tuple(InputRef(storage.path(f"{each.prefix}manifest"), each.digest) for each in inputs),
            get=(),
            put=Grant(storage.path(prefix), ""),
            limits=Limits(**{"give_up_seconds": 30, **limits}),
        )
        self.environment: dict[str, str] = {}
        self._readable = [each.prefix for each in inputs]
        self.sign()

    # Job

    def sign(self, seconds: int = 600, url: str = "") -> None:
        """Write job.json with signatures that last so long."""
        expires = int(time.time()) + seconds
        swift = dataclasses.replace(self.job.swift, url=url or self.job.swift.url)
        self.job = dataclasses.replace(self.job, swift=swift).with_grants(
            get=tuple(
                Grant(self.storage.path(each), self.storage.sign("GET", each, expires))
                for each in self._readable
            ),
            put=self._put(self.prefix, expires),
        )
        if self.job.checkpoint:
            place = self.storage.name(self.job.checkpoint.put.prefix)
            renewed = dataclasses.replace(self.job.checkpoint, put=self._put(place, expires))
            self.job = dataclasses.replace(self.job, checkpoint=renewed)
        new = self.root / "chris" / "job" / "new"
        new.write_text(self.job.to_json())
        new.rename(self.root / "chris" / "job" / "job.json")

    def _put(self, place: str, expires: int) -> Grant:
        return Grant(self.storage.path(place), self.storage.sign("PUT", place, expires))

    def keep_state(self, place: str, earlier: str = "", patience: int = 20) -> None:
        """Have the program's state saved below `place`, and begin with the one below `earlier`."""
        restore = None
        if earlier:
            header, _ = self.storage.read_manifest(f"{earlier}manifest")
            restore = InputRef(self.storage.path(f"{earlier}manifest"), header.digest)
            self._readable.append(earlier)
        told = Checkpoint(Grant(self.storage.path(place), ""), restore, patience)
        self.job = dataclasses.replace(self.job, checkpoint=told)
        self.sign()

    def read_input(self, name: str, digest: str, *prefixes: str) -> None:
        """Add an input by its manifest's name and digest."""
        self._readable += prefixes
        source = InputRef(self.storage.path(name), digest)
        self.job = dataclasses.replace(self.job, inputs=(*self.job.inputs, source))
        self.sign()

    def share(self, split: Split, count: int, index: int) -> Self:
        """Let this pod be one of several workers."""
        self.job = dataclasses.replace(self.job, share=Share(split, count))
        self.environment = {contract.INDEX_VARIABLE: str(index)}
        self.sign()
        return self

    # Places

    @property
    def incoming(self) -> Path:
        return self.root / "share" / "incoming"

    @property
    def outgoing(self) -> Path:
        return self.root / "share" / "outgoing"

    @property
    def checkpoint(self) -> Path:
        return self.root / "chris" / "checkpoint"

    @property
    def state(self) -> Path:
        return self.root / "chris" / "state"

    # Processes

    def start_staging(self, step: str, *before: str) -> subprocess.Popen[bytes]:
        """A step's process; `before` are words of a command that runs it."""
        command = [*before, sys.executable, "-m", "chris_operator.staging", step, "--root", str(self.root)]
        environment = dict(os.environ) | {"PYTHONPATH": str(OPERATOR), "TMPDIR": str(self.state)}
        environment |= self.environment
        with (self.root / f"{step}.log").open("wb") as log:
            return remember(subprocess.Popen(command, stderr=log, stdout=log, env=environment))

    def start_plugin(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        deadline: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """`run` with a command; `deadline` are the seconds that it may run, and those of its grace."""
        words = [*UNSHARE, BUSYBOX, "sh", str(RUN), str(self.state), *deadline, "--", *command]
        places = {
            "IN": str(self.incoming),
            "OUT": str(self.outgoing),
            "STATE": str(self.state),
            contract.CHECKPOINT_VARIABLE: str(self.checkpoint),
        }
        with (self.root / "plugin.log").open("wb") as log:
            return remember(
                subprocess.Popen(
                    words, stdout=log, stderr=log, env=dict(os.environ) | places | dict(environment or {})
                )
            )

    def end(self, step: str, process: subprocess.Popen[bytes], seconds: float = SECONDS) -> Ended:
        """Wait for a process; its log and termination message."""
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        log = (self.root / f"{step}.log").read_text(errors="surrogateescape")
        message = self.root / "dev" / "termination-log"
        report = None
        if step != "plugin" and message.exists():
            report = Report.from_json(message.read_text())
            message.unlink()
        return Ended(code, log, report)

    def stage_in(self) -> Ended:
        return self.end("stage-in", self.start_staging("stage-in"))

    def run(
        self, *command: str, seconds: float = SECONDS, deadline: Sequence[str] = ()
    ) -> tuple[Ended, Ended]:
        """stage-in, then command and publish side by side; the ends of both. stage-in must succeed."""
        staged = self.stage_in()
        assert staged.code == 0, staged.log
        publish = self.start_staging("publish")
        plugin = self.end("plugin", self.start_plugin(command, deadline=deadline), seconds)
        published = self.end("publish", publish, seconds)
        if published.report:
            self.digest = published.report.digest
        return plugin, published

    def publish_files(self, write: Callable[[Path], None] | None = None) -> Report:
        """A run whose output `write` makes; its report."""
        if write:
            write(self.outgoing)
        _, published = self.run("/bin/true")
        assert published.code == 0, published.log
        assert published.report
        return published.report

    # Results

    def manifest(self) -> tuple[Header, list[Entry]]:
        return self.storage.read_manifest(f"{self.prefix}manifest")

    def published_log(self) -> bytes:
        return self.storage.get(f"{self.prefix}{contract.LOG_NAME}")[0]

    def objects(self) -> list[str]:
        return [each.name.removeprefix(self.prefix) for each in self.storage.list(self.prefix)]


_started: list[subprocess.Popen[bytes]] = []


def remember(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The process, which `end_all` will end."""
    _started.append(process)
    return process


def end_all() -> None:
    """End what a test has left running, as the kubelet does with a pod."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.kill()
        process.wait()


def first_process(unshare: subprocess.Popen[bytes]) -> int:
    """The process that is number 1 in the namespace that `unshare` made."""
    return wait_for(lambda: children(unshare.pid))[0]


def waits_in_open(pid: int) -> bool:
    """Whether a process waits for the other end of a FIFO."""
    return (
        "fifo" in Path(f"/proc/{pid}/wchan").read_text()
        or "wait_for_partner" in Path(f"/proc/{pid}/wchan").read_text()
    )


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(probe: Callable[[], T], seconds: float = SECONDS) -> T:
    """The first true value of a probe."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := probe():
            return value
        time.sleep(0.02)
    raise TimeoutError(f"not true after {seconds} s")
