"""Files of a run to this machine: in parallel, every byte proven, going on where an earlier call was interrupted.

Files arrive in a folder of ours inside the target, named after the output's digest; whole ones found there from an
earlier call are kept, and all are moved to their places when the last one has arrived.
"""

import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from chris_operator.cli.errors import UserError
from chris_operator.cli.outputs import Output
from chris_operator.cli.progress import Progress
from chris_operator.staging.crew import Crew, Task
from chris_operator.staging.download import Large, Small, plan
from chris_operator.staging.placing import Member, Opaque, Placer
from chris_operator.staging.swift_http import SwiftHttp
from chris_operator.storage import Storage

THREADS = 8
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Brought:
    """What a download did."""

    files: int
    bytes: int
    kept: int
    """Files that were there already."""


def chosen(members: Iterable[Member], below: str, name: str) -> list[Member]:
    """The files at or below a path of a run's output, with paths relative to it."""
    below = below.strip("/")
    found = [(each, _relative(each.path, below)) for each in members]
    wanted = [replace(each, path=path) for each, path in found if path is not None]
    if below and not wanted:
        raise UserError(f"{name} has no file {below}: `kubectl chris files {name}` lists those it has")
    return wanted


def _relative(path: str, below: str) -> str | None:
    """A path relative to what was asked for, None outside of it.

    >>> _relative("a/b/c.txt", "a/b"), _relative("a/b/c.txt", "a/b/c.txt"), _relative("ab", "a")
    ('c.txt', 'c.txt', None)
    """
    if not below:
        return path
    if path == below:
        return path.rsplit("/", 1)[-1]
    return path.removeprefix(f"{below}/") if path.startswith(f"{below}/") else None


def download(
    storage: Storage, output: Output, wanted: list[Member], target: Path, *, overwrite: bool
) -> Brought:
    """Bring files below `target`; nothing that is there and differs is touched unless `overwrite` says so."""
    there = _whole(wanted, target)
    missing = [each for each in wanted if each.path not in there]
    if not overwrite:
        _refuse_others(missing, target)
    arriving = target / f".kubectl-chris-{output.header.digest.removeprefix('sha256:')[:16]}"
    with writable(target):
        arriving.mkdir(parents=True, exist_ok=True)
    arrived = _whole(missing, arriving)
    _fetch(storage, output, [each for each in missing if each.path not in arrived], arriving)
    for each in missing:
        _move(arriving / each.path, target / each.path)
    shutil.rmtree(arriving)
    return Brought(len(wanted), sum(each.entry.size for each in wanted), len(there) + len(arrived))


def _whole(wanted: list[Member], root: Path) -> set[str]:
    """Paths of the files that are below `root` with the very content that the manifest promises."""
    with ThreadPoolExecutor(THREADS) as pool:
        return {
            each.path
            for each, whole in zip(wanted, pool.map(partial(_is_whole, root), wanted), strict=True)
            if whole
        }


def _is_whole(root: Path, member: Member) -> bool:
    path, seen = root / member.path, member.hash()
    if (
        path.is_symlink()
        or not path.is_file()
        or path.stat().st_size != member.entry.size
        or isinstance(seen, Opaque)
    ):
        return False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            seen.update(chunk)
    return seen.hexdigest() == member.proof


def _refuse_others(missing: Iterable[Member], target: Path) -> None:
    others = [
        each.path for each in missing if (target / each.path).exists() or (target / each.path).is_symlink()
    ]
    if others:
        more = f" (so do {len(others) - 1} more)" if len(others) > 1 else ""
        raise UserError(
            f"{target / others[0]} exists and differs{more}: name another folder, or add --overwrite"
        )


def _fetch(storage: Storage, output: Output, wanted: list[Member], arriving: Path) -> None:
    """Fetch files into our folder; what lies there half from an earlier call goes first."""
    for each in wanted:
        (arriving / each.path).unlink(missing_ok=True)
    progress = Progress(sum(each.entry.size for each in wanted))
    with ExitStack() as stack, Crew(THREADS) as crew:
        http = SwiftHttp(output.order(storage), crew.stopped)
        stack.callback(http.close)
        placer = Placer(http, str(arriving))
        for work in plan(wanted):
            tasks = list(work.tasks(placer))
            share = _bytes(work) / len(tasks)
            for task in tasks:
                crew.submit(partial(_counted, task, progress, share))
    placer.close()
    progress.clear()


def _bytes(work: Small | Large) -> int:
    return (
        work.member.entry.size if isinstance(work, Large) else sum(each.entry.size for each in work.members)
    )


def _counted(task: Task, progress: Progress, share: float) -> None:
    task()
    progress.add(share)


def _move(source: Path, target: Path) -> None:
    with writable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)


@contextmanager
def writable(target: Path) -> Iterator[None]:
    """Tell of a place that cannot be written."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror}): name another place") from error
