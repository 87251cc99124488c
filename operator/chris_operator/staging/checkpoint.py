"""The program's own state: saved when its pod is removed before its end, brought back for the next attempt.

The program writes it, so it is read as its output is: regular files only, no link followed. Its manifest comes last,
so a state is there wholly or not at all, and an older one stays until a newer one is whole.
"""

import signal
import tempfile
from dataclasses import replace

from chris_operator.staging import contract
from chris_operator.staging.contract import Checkpoint, InputRef, Report, StageJob, Step
from chris_operator.staging.crew import Crew, Stopped
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import Header
from chris_operator.staging.places import Places, log
from chris_operator.staging.placing import Placer
from chris_operator.staging.publish import SPOOL_BYTES, publish, read_usage, send_manifest, write_lines
from chris_operator.staging.sentry import Ending, Life, Watch, now
from chris_operator.staging.stage_in import empty_directory, stage_input
from chris_operator.staging.swift_http import SwiftHttp
from chris_operator.staging.upload import Source, Target, Uploader
from chris_operator.staging.walk import Walk

WORTH_WAITING = frozenset({"SwiftUnavailable", "Unauthorized", "SwiftUntrusted", "NoSpace"})
"""What another attempt may not meet: the state itself is well."""


class RemovedError(StagingError):
    """The pod is removed before the program's end; `saved` tells what became of the program's state."""

    def __init__(self, aborted: StagingError, saved: str) -> None:
        super().__init__(aborted.code, aborted.message)
        self.saved = saved

    def report(self, step: Step) -> Report:
        """The termination message, with what was saved."""
        return replace(super().report(step), checkpoint=self.saved)


def restore(places: Places, job: StageJob) -> None:
    """Bring back what an earlier attempt saved; where that is damaged, the program begins anew."""
    if job.checkpoint is None:
        return
    directory = places.path(contract.CHECKPOINT_DIR)
    empty_directory(directory)
    if job.checkpoint.restore is None:
        return
    try:
        fetch(places, job, job.checkpoint.restore, directory)
    except StagingError as error:
        if error.code in WORTH_WAITING:
            raise
        log(f"the checkpoint cannot be restored, so the program begins anew: {error.log_text()}")
        empty_directory(directory)


def fetch(places: Places, job: StageJob, source: InputRef, directory: str) -> None:
    """Bring the files of one manifest; nobody writes any more when this returns, well or badly."""
    crew = Crew(job.limits.threads)
    try:
        stage_input(source, Placer(SwiftHttp(places.load_job, crew.stopped), directory), crew)
    except BaseException:
        crew.stopped.set()
        raise
    finally:
        crew.finish()


def after_removal(error: StagingError, places: Places, watch: Watch, ended: Ending) -> Report:
    """What follows an error of publish's; where it is that the pod is removed, the program's state is saved first.

    A program that ends well within the time that it still has is done: its output is published.
    """
    checkpoint = places.load_job().checkpoint
    if error.code != "Aborted" or checkpoint is None:
        raise error
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    over = watch.ends_within(checkpoint.patience_seconds)
    if not over:
        log(
            f"the program still runs {checkpoint.patience_seconds} s after SIGTERM; its state is saved as it is"
        )
    saved = last_state(places, checkpoint)
    if over and read_usage(places).exit_code == 0:
        return publish(places, places.load_job(), Life(watch.start, now()), ended)
    raise RemovedError(error, saved) from error


def last_state(places: Places, checkpoint: Checkpoint) -> str:
    """Save the program's state; what became of it, in a few words."""
    try:
        header = save(places, places.load_job(), checkpoint)
    except (StagingError, Stopped, OSError) as error:
        code = error.code if isinstance(error, StagingError) else type(error).__name__
        log(f"the checkpoint is not saved: {error.log_text() if isinstance(error, StagingError) else error}")
        return f"not saved ({code})"
    return f"saved ({header.files} files, {header.bytes} bytes)"


def save(places: Places, job: StageJob, checkpoint: Checkpoint) -> Header:
    """Upload the state; its manifest, last, makes it count."""
    walk = Walk(places.path(contract.CHECKPOINT_DIR))
    with Crew(job.limits.threads) as crew, tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        place = checkpoint.put.prefix.removeprefix(job.container_path)
        target = Target(SwiftHttp(places.load_job, crew.stopped), place)
        uploader = Uploader(Source(walk.root), target, crew, job.limits.pack_bytes, job.limits.piece_bytes)
        tally = write_lines(walk, uploader, spool, job.limits.output_bytes)
        header = tally.header([target.prefix] * bool(tally.bytes), partial=False)
        send_manifest(header, Report("publish", ok=True), spool, target)
    return header
