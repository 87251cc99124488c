"""What a running cluster leaves on disk so that a later command can find it, heal it or clean it up."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from localcluster import files


@dataclass(frozen=True)
class Record:
    """Written before anything is created, so that a cluster killed half-way can be removed."""

    index: int
    init_pid: int | None = None
    init_start: str | None = None
    """Start time of the box's first process in clock ticks: tells it from a reuse of its process id."""
    ready: bool = False

    def with_box(self, pid: int) -> "Record":
        """The same cluster, with its box running."""
        return replace(self, init_pid=pid, init_start=start_time(pid))

    def with_ready(self) -> "Record":
        """The same cluster, once it has been usable."""
        return replace(self, ready=True)

    def alive(self) -> bool:
        """Whether the box still runs."""
        return self.init_pid is not None and start_time(self.init_pid) == self.init_start


def load(path: Path) -> Record | None:
    """Read a record; None where there is none or its writer was killed before the first byte."""
    try:
        return Record(**json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def save(path: Path, record: Record) -> None:
    """Replace the record atomically."""
    files.write(path, json.dumps(asdict(record)))


def start_time(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None when it does not exist or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may hold blanks and brackets: count the fields behind the last bracket.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
