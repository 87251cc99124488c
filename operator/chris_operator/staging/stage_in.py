"""stage-in: brings the inputs from Swift into incoming, then lets the plugin start.

Manifests are read line by line. Neighbouring small files of a pack come in one request, large files in
parallel ranges that are written in place; every file's content is proven by its hash, and a wrong byte is
asked for once more before it is an error. Memory depends on the number of threads, not on the data.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from chris_operator.staging import contract, manifest, ready
from chris_operator.staging.contract import InputRef, Report, StageJob
from chris_operator.staging.crew import Crew
from chris_operator.staging.download import plan
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Checker, Entry, ManifestError
from chris_operator.staging.places import Places
from chris_operator.staging.placing import Member, Placer
from chris_operator.staging.swift_http import SwiftHttp

SPOOL_BYTES = 16 << 20
"""Longer manifests are spooled to TMPDIR."""
BUSYBOX = "/bin/busybox"


def stage_in(places: Places, job: StageJob) -> Report:
    """Stage everything and say "ready"; StagingError where that cannot be."""
    incoming = places.path(contract.INCOMING_DIR)
    empty_directory(incoming)
    files = size = 0
    with Crew(job.limits.threads) as crew:
        placer = Placer(SwiftHttp(places.load_job, crew.stopped), incoming)
        for each in job.inputs:
            header = stage_input(each, placer, crew)
            files, size = files + header.files, size + header.bytes
    install_tools(places)
    ready.say(places)
    return Report("stage-in", ok=True, files=files, bytes=size)


def stage_input(source: InputRef, placer: Placer, crew: Crew) -> manifest.Header:
    """Submit the reading of one input, whose manifest is proven on the way; returns its header."""
    name = source.manifest.removeprefix(placer.swift.job.container_path)
    if source.into and not manifest.is_safe(source.into):
        raise StagingError("JobInvalid", f"into is {source.into!r}; must be a relative path without . or ..")
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        placer.swift.read_whole(name, spool)
        spool.seek(0)
        try:
            return submit_all(spool, source, placer, crew)
        except ManifestError as error:
            raise StagingError(
                "ManifestInvalid", error.rule, object=error.object or name, line=error.line
            ) from error


def submit_all(spool: IO[bytes], source: InputRef, placer: Placer, crew: Crew) -> manifest.Header:
    """Plan the reading of a manifest's files and hand it to the crew."""
    header, entries = manifest.read(spool)
    if header.digest != source.digest:
        raise ManifestError(f"digest is {header.digest}; this run was promised {source.digest}", line=1)
    if header.partial:
        raise ManifestError("belongs to a run that failed; it cannot be an input", line=1)
    checker = Checker(header, placer.readable_prefixes())
    for work in plan(members(entries, checker, source.into)):
        for task in work.tasks(placer):
            crew.submit(task)
    checker.finish()
    return header


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
