"""Facts about the workers of one attempt: what there is to share, and what they have left in Swift."""

import io
from contextlib import suppress

from chris_operator.core import inputs
from chris_operator.core.endings import job_of
from chris_operator.core.fanout import indexes
from chris_operator.core.observed import Observed, UnionFact
from chris_operator.models.plugininstance import Usage
from chris_operator.staging import manifest
from chris_operator.staging.share import division
from chris_operator.staging.stage_in import members
from chris_operator.storage import NotFound, Storage, StorageError, Unauthorized, Unavailable
from chris_operator.storage.parts import Uniter


def units(storage: Storage, o: Observed) -> int:
    """How many things the run's input has that workers can share, counted as they will count them."""
    divided = division(o.plugin.split if o.plugin and o.plugin.split else "files")
    for each in inputs.of(o):
        with suppress(NotFound, manifest.ManifestError):  # stage-in will say what is wrong
            data, _ = storage.get(each.manifest)
            header, entries = manifest.read(io.BytesIO(data))
            for member in members(entries, manifest.Checker(header, header.prefixes), each.into):
                divided.note(member.path, member.entry.size)
    return divided.units


def union(storage: Storage, o: Observed, *, whole: bool) -> UnionFact:
    """What the current attempt's workers left, put together; `whole`: only what those did that succeeded."""
    if o.given.fetched and o.given.fetched.problem:
        return UnionFact(problem=o.given.fetched.problem)
    attempt = o.instance.status.attempt
    job = job_of(o, attempt.number) if attempt else None
    if job is None:
        return UnionFact(problem="its Job is gone")
    uniter = Uniter(storage, inputs.own_prefix(o, job.number))
    try:
        made = uniter.unite(indexes(job.succeeded), indexes(job.given_up), whole=whole)
    except (Unavailable, Unauthorized):
        raise
    except StorageError as error:
        return UnionFact(problem=str(error))
    used, clashing = made.used, made.sieve.told[:1]
    return UnionFact(
        digest=made.header.digest,
        files=made.header.files,
        bytes=made.header.bytes,
        clashes=made.sieve.clashes,
        clashing=tuple(worker for each in clashing for worker in (each.first, each.second)),
        usage=Usage(cpu_seconds=used.cpu_seconds, peak_memory_bytes=used.peak_memory_bytes),
        started=used.started,
        ended=used.ended,
    )
