"""publish: brings a plugin's output and log to Swift after its end, the manifest last.

All that the plugin could write to (outgoing, the state directory) is untrusted: no link is followed, nothing
but regular files is read, sizes are bounded.
"""

import gzip
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import IO, Any

from chris_operator.staging import contract, manifest
from chris_operator.staging.contract import Report, StageJob, Usage
from chris_operator.staging.crew import Crew
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Entry, Header, Tally
from chris_operator.staging.places import Places, log
from chris_operator.staging.sentry import Ending, Life
from chris_operator.staging.share import own_prefix
from chris_operator.staging.swift_http import CHUNK, SwiftHttp
from chris_operator.staging.upload import Source, Target, Uploader
from chris_operator.staging.walk import Walk

USAGE_BYTES = 4096
LOG_BYTES = 4 << 30
"""Swift takes objects of at most 5 GiB."""
SPOOL_BYTES = 16 << 20
CUT_MARK = b"\n[... %d bytes left out ...]\n"


def publish(places: Places, job: StageJob, life: Life, ended: Ending) -> Report:
    """Publish what a plugin left at its end; `ended` decides what SIGTERM means from now on."""
    usage = read_usage(places)
    ended.usage = usage
    report = Report(
        "publish",
        ok=True,
        exit_code=usage.exit_code,
        cpu_seconds=usage.cpu_seconds,
        peak_memory_bytes=usage.peak_memory_bytes,
        started=life.start,
        ended=life.end,
    )
    return send_all(places, job, report, ended)


def send_all(places: Places, job: StageJob, report: Report, ended: Ending) -> Report:
    """Upload output, log and manifest; returns the completed report."""
    walk = Walk(places.path(contract.OUTGOING_DIR))
    with Crew(job.limits.threads) as crew, tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        target = Target(SwiftHttp(places.load_job, crew.stopped), own_prefix(job, os.environ))
        # A worker of several is tried again within its attempt: nobody may write over what another try left.
        data = target.below(f"try-{secrets.token_hex(4)}") if job.share else target
        crew.submit(partial(send_log, places, target, job.limits.log_bytes))
        uploader = Uploader(Source(walk.root), data, crew, job.limits.pack_bytes, job.limits.piece_bytes)
        tally = write_lines(walk, uploader, spool, job.limits.output_bytes)
        header = tally.header([data.prefix] * bool(tally.bytes), partial=report.exit_code != 0)
        ended.check()
        etag, size = send_manifest(header, report, spool, target)
    if walk.skipped:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(walk.skipped.items()))
        log(f"not published (only regular files are): {kinds}")
    return replace(
        report,
        digest=header.digest,
        files=header.files,
        bytes=header.bytes,
        manifest_etag=etag,
        manifest_bytes=size,
        uploaded_bytes=target.uploaded + (data.uploaded if data is not target else 0),
        skipped=sum(walk.skipped.values()),
    )


def write_lines(walk: Walk, uploader: Uploader, spool: IO[bytes], most_bytes: int | None) -> Tally:
    """Upload every file and write its manifest line to the spool, compressed, in order."""
    tally, seen = Tally(), 0
    with gzip.GzipFile(fileobj=spool, mode="wb", filename="", mtime=0, compresslevel=6) as lines:

        def note(entries: Iterator[Entry]) -> None:
            for entry in entries:
                tally.add(entry)
                lines.write(entry.to_line())

        for found in walk:
            seen += found.size
            if most_bytes is not None and seen > most_bytes:
                raise StagingError(
                    "OutputTooLarge", f"the output is larger than the {most_bytes} bytes that it may be"
                )
            note(uploader.take(found))
        note(uploader.finish())
    return tally


def send_manifest(header: Header, report: Report, spool: IO[bytes], target: Target) -> tuple[str, int]:
    """Write the manifest: its header with what the plugin used, then the spooled lines. ETag and size."""
    used = {
        "exitCode": report.exit_code,
        "cpuSeconds": report.cpu_seconds,
        "peakMemoryBytes": report.peak_memory_bytes,
        "started": report.started,
        "ended": report.ended,
    }
    head = manifest.compress(replace(header, usage=used).to_line())
    size = len(head) + spool.seek(0, os.SEEK_END)

    def chunks() -> Iterator[bytes]:
        yield head
        spool.seek(0)
        while chunk := spool.read(CHUNK):
            yield chunk

    return target.write(contract.MANIFEST_NAME, size, chunks), size


def send_log(places: Places, target: Target, most_bytes: int | None) -> None:
    """Upload the plugin's log, its middle left out where it is too long; none where there is no such file."""
    descriptor = open_untrusted(places.state(contract.LOG_FILE))
    if descriptor is None:
        return
    try:
        size = os.fstat(descriptor).st_size
        spans = log_spans(size, min(most_bytes or LOG_BYTES, LOG_BYTES))
        mark = CUT_MARK % (size - sum(end - start for start, end in spans)) if len(spans) > 1 else b""
        length = sum(end - start for start, end in spans) + len(mark)
        if length:
            target.write(contract.LOG_NAME, length, partial(log_chunks, descriptor, spans, mark))
    finally:
        os.close(descriptor)


def log_spans(size: int, most: int) -> list[tuple[int, int]]:
    """What to keep of a log: all of it, or its head and its tail.

    >>> log_spans(10, 20), log_spans(100, 20)
    ([(0, 10)], [(0, 10), (90, 100)])
    """
    if size <= most:
        return [(0, size)]
    half = most // 2
    return [(0, half), (size - half, size)]


def log_chunks(descriptor: int, spans: list[tuple[int, int]], mark: bytes) -> Iterator[bytes]:
    """The kept bytes with the mark between head and tail."""
    for number, (start, end) in enumerate(spans):
        if number:
            yield mark
        place = start
        while place < end:
            chunk = os.pread(descriptor, min(CHUNK, end - place), place)
            if not chunk:
                raise StagingError("FileChanged", "the log shrank while it was published")
            yield chunk
            place += len(chunk)


def open_untrusted(path: str) -> int | None:
    """A descriptor of a regular file that is there itself: no link, nothing that blocks; else None."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        log(f"{path} is left out: {error.strerror}")
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    log(f"{path} is left out: it is no regular file")
    return None


def read_usage(places: Places) -> Usage:
    """What `run` left behind; nothing is known of a plugin that was killed with it, or that spoilt the file."""
    descriptor = open_untrusted(places.state(contract.USAGE_FILE))
    if descriptor is None:
        return Usage()
    try:
        return parse_usage(os.read(descriptor, USAGE_BYTES))
    finally:
        os.close(descriptor)


def parse_usage(text: bytes) -> Usage:
    """Usage from its JSON; what is no sensible number is unknown."""
    try:
        fields = json.loads(text)
    except ValueError:
        return Usage()
    if not isinstance(fields, dict):
        return Usage()
    exit_code, memory = (number(fields.get(key)) for key in ("exitCode", "peakMemoryBytes"))
    return Usage(
        exit_code=None if exit_code is None else int(exit_code),
        cpu_seconds=number(fields.get("cpuSeconds")),
        peak_memory_bytes=None if memory is None else int(memory),
    )


def number(value: Any) -> float | None:
    """A finite number that is not negative, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 1 << 62 else None  # which excludes NaN and infinity
