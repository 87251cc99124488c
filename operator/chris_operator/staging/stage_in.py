"""stage-in: brings the inputs from Swift into incoming, then lets the plugin start.

Manifests are read line by line. Neighbouring small files of a pack come in one request, large files in
parallel ranges that are written in place; every file's content is proven by its hash, and a wrong byte is
asked for once more before it is an error. Memory depends on the number of threads, not on the data.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from chris_operator.staging import contract, manifest, ready
from chris_operator.staging.contract import InputRef, Report, StageJob
from chris_operator.staging.crew import Crew
from chris_operator.staging.download import plan
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Checker, Entry, ManifestError
from chris_operator.staging.places import Places
from chris_operator.staging.placing import Member, Placer
from chris_operator.staging.share import division, own_index
from chris_operator.staging.swift_http import SwiftHttp

SPOOL_BYTES = 16 << 20
"""Longer manifests are spooled to TMPDIR."""
BUSYBOX = "/bin/busybox"


def stage_in(places: Places, job: StageJob) -> Report:
    """Stage everything and say "ready"; StagingError where that cannot be."""
    incoming = places.path(contract.INCOMING_DIR)
    empty_directory(incoming)
    with Crew(job.limits.threads) as crew:
        placer = Placer(SwiftHttp(places.load_job, crew.stopped), incoming)
        share = OwnShare(job, placer)
        for each in job.inputs:
            stage_input(each, placer, crew, share.of)
    install_tools(places)
    ready.say(places)
    return Report("stage-in", ok=True, files=share.files, bytes=share.bytes)


class OwnShare:
    """Which files are staged here: all, unless this pod is one of several that divide the input; counts them."""

    def __init__(self, job: StageJob, placer: Placer) -> None:
        self.files = self.bytes = 0
        self._index = own_index(job.share, os.environ) if job.share else 0
        self._divided = None
        if job.share and job.share.split != "index":
            self._divided = division(job.share.split)
            for each in job.inputs:
                with opened(each, placer) as found:
                    for member in found.members:
                        self._divided.note(member.path, member.entry.size)
                    found.checker.finish()
            self._divided.settle(job.share.count)

    def of(self, found: Iterable[Member]) -> Iterator[Member]:
        """Our files among all; they must come by in the inputs' order."""
        for member in found:
            if self._divided is None or self._divided.worker(member.path) == self._index:
                self.files, self.bytes = self.files + 1, self.bytes + member.entry.size
                yield member


class Opened(NamedTuple):
    """An input whose manifest is being read, and proven on the way."""

    checker: Checker
    members: Iterator[Member]


@contextmanager
def opened(source: InputRef, placer: Placer) -> Iterator[Opened]:
    """The files of an input."""
    name = source.manifest.removeprefix(placer.swift.job.container_path)
    if source.into and not manifest.is_safe(source.into):
        raise StagingError("JobInvalid", f"into is {source.into!r}; must be a relative path without . or ..")
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        placer.swift.read_whole(name, spool)
        spool.seek(0)
        try:
            header, entries = promised(spool, source)
            checker = Checker(header, placer.readable_prefixes())
            yield Opened(checker, members(entries, checker, source.into))
        except ManifestError as error:
            raise StagingError(
                "ManifestInvalid", error.rule, object=error.object or name, line=error.line
            ) from error


def promised(spool: IO[bytes], source: InputRef) -> tuple[manifest.Header, Iterator[Entry]]:
    """Header and entries of a manifest, which must be the one that this run was promised."""
    header, entries = manifest.read(spool)
    if header.digest != source.digest:
        raise ManifestError(f"digest is {header.digest}; this run was promised {source.digest}", line=1)
    if header.partial:
        raise ManifestError("belongs to a run that failed; it cannot be an input", line=1)
    return header, entries


def stage_input(
    source: InputRef, placer: Placer, crew: Crew, ours: Callable[[Iterator[Member]], Iterator[Member]] = iter
) -> None:
    """Plan the reading of an input's files, or of those that are `ours`, and hand it to the crew."""
    with opened(source, placer) as found:
        for work in plan(ours(found.members)):
            for task in work.tasks(placer):
                crew.submit(task)
        found.checker.finish()


def members(entries: Iterable[Entry], checker: Checker, into: str) -> Iterator[Member]:
    """The files of a manifest with line and place; links are resolved to where their targets go."""
    target = ""
    for entry in entries:
        line = checker.add(entry)
        if entry.link:
            target = entry.link
            continue
        path = manifest.placed_path(entry, target)
        yield Member(entry, f"{into}/{path}" if into else path, line)


def empty_directory(path: str) -> None:
    """Remove what an earlier start of this container left, as after a reboot of the node."""
    for each in os.scandir(path):
        if each.is_dir(follow_symlinks=False):
            shutil.rmtree(each.path)
        else:
            Path(each.path).unlink()


def install_tools(places: Places) -> None:
    """Put `run` and busybox where the plugin's container finds them, unless an image volume brings them."""
    tools = Path(places.path(contract.TOOLS_DIR))
    if not tools.is_dir():
        return
    for source, name in ((Path(__file__).with_name("run.sh"), "run"), (Path(BUSYBOX), "busybox")):
        shutil.copyfile(source, tools / name)
        (tools / name).chmod(0o555)
