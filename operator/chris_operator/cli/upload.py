"""Files of this machine to Swift: in parallel, proven by their ETags, going on where an earlier call was interrupted.

They become plain objects, which is what users' uploads are: any Swift client may read them, and `pl-dircopy` brings
them into an analysis. An object is there wholly or not at all, so what is there already need not be sent again.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from chris_operator.cli.errors import UserError
from chris_operator.cli.outputs import writing
from chris_operator.cli.progress import Progress
from chris_operator.staging.crew import Crew
from chris_operator.staging.swift_http import SwiftHttp
from chris_operator.staging.upload import Source
from chris_operator.staging.walk import Found, Walk
from chris_operator.storage import NotFound, ObjectInfo, Storage

THREADS = 8
LARGEST = 5 << 30
"""Swift takes no larger object in one piece."""
_PARTS = 3
"""home, the user, uploads"""


@dataclass(frozen=True, slots=True)
class Local:
    """One file to send, and the name of its object."""

    source: Source
    found: Found
    name: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What an upload did."""

    files: int
    bytes: int
    kept: int
    """Files that were there already."""
    skipped: int
    """Links, devices and the like, which are never sent."""


def place(text: str) -> str:
    """Where uploads go, without slashes at its ends; UserError for a place that is not a user's uploads."""
    parts = text.strip("/").split("/")
    bad = [part for part in parts if part in ("", ".", "..")]
    if bad or len(parts) < _PARTS or parts[0] != "home" or parts[2] != "uploads":
        raise UserError(f"{text} is no place for uploads: they go to home/<user>/uploads or below it")
    return "/".join(parts)


def upload(storage: Storage, sources: list[Path], target: str, *, overwrite: bool) -> Sent:
    """Send files and whole folders below `target`; an object that is there and differs stays unless `overwrite`."""
    root, skipped = place(target), dict[str, int]()
    readers = cache(Source)  # one for all the files of a folder
    wanted = [each for source in sources for each in _files(source, root, readers, skipped)]
    for each in wanted:
        _check(each)
    there = _there(storage, sources, root)
    with ThreadPoolExecutor(THREADS) as pool:
        same = list(pool.map(lambda each: _is_there(each, there.get(each.name)), wanted))
    missing = [each for each, whole in zip(wanted, same, strict=True) if not whole]
    others = [each.name for each in missing if each.name in there]
    if others and not overwrite:
        more = f" (so do {len(others) - 1} more)" if len(others) > 1 else ""
        raise UserError(
            f"{others[0]} is there already and differs{more}: name another place, or add --overwrite"
        )
    _send(storage, missing, root)
    return Sent(len(wanted), sum(each.found.size for each in wanted), sum(same), sum(skipped.values()))


def _files(
    source: Path, root: str, readers: Callable[[str], Source], skipped: dict[str, int]
) -> Iterator[Local]:
    """The regular files of a source; a folder keeps its name."""
    try:
        mode = source.stat().st_mode
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}") from error
    here = source.resolve()
    if stat.S_ISREG(mode):
        yield Local(readers(str(here.parent)), Found(here.name, source.stat().st_size), f"{root}/{here.name}")
        return
    if not stat.S_ISDIR(mode):
        raise UserError(f"{source} is neither a file nor a folder: only those can be sent")
    walk, reader = Walk(str(here), skipped), readers(str(here))
    for found in walk:
        yield Local(reader, found, f"{root}/{here.name}/{found.path}")


def _check(local: Local) -> None:
    if local.found.size > LARGEST:
        raise UserError(
            f"{local.found.path} has {local.found.size} bytes, and Swift takes objects of at most {LARGEST}: send it by "
            "OpenStack's client, `swift upload --segment-size 1G --use-slo`"
        )
    try:
        os.fsencode(local.found.path).decode()
    except UnicodeDecodeError:
        raise UserError(
            f"{local.found.path!r} is no UTF-8, and Swift knows no other names: rename it"
        ) from None


def _there(storage: Storage, sources: list[Path], root: str) -> dict[str, ObjectInfo]:
    """What is at the sources' places already."""
    found: dict[str, ObjectInfo] = {}
    for source in sources:
        name = f"{root}/{source.resolve().name}"
        if source.is_dir():
            found |= {info.name: info for info in storage.list(f"{name}/")}
            continue
        try:
            found[name] = storage.head(name)
        except NotFound:
            continue
    return found


def _is_there(local: Local, info: ObjectInfo | None) -> bool:
    """Whether an object is the file: equal size and equal MD5, which is what its ETag is."""
    if info is None or info.bytes != local.found.size:
        return False
    seen = hashlib.md5(usedforsecurity=False)
    for chunk in local.source.read(local.found):
        seen.update(chunk)
    return seen.hexdigest() == info.etag


def _send(storage: Storage, missing: list[Local], root: str) -> None:
    progress = Progress(sum(each.found.size for each in missing))
    with ExitStack() as stack, Crew(THREADS) as crew:
        http = SwiftHttp(writing(storage, f"{root}/"), crew.stopped)
        stack.callback(http.close)
        for each in missing:
            crew.submit(partial(_send_one, http, each, progress))
    progress.clear()


def _send_one(http: SwiftHttp, local: Local, progress: Progress) -> None:
    """Send a file; what Swift answers is compared with the MD5 of what was sent."""
    http.write(local.name, local.found.size, partial(_watched, local, progress))


def _watched(local: Local, progress: Progress) -> Iterator[memoryview]:
    for chunk in local.source.read(local.found):
        yield chunk
        progress.add(len(chunk))
