"""Fetches what a plan asks for: a number, the input's prefixes, a manifest, a listing, the Job controller's words."""

import asyncio
import logging
import re
from dataclasses import replace

from chris_operator.cluster import EVENTS, INSTANCES, SECRETS, ClusterError
from chris_operator.core import caching, inputs, links, parents
from chris_operator.core.names import referenced, run_prefix
from chris_operator.core.observed import Given, ListingFact, ManifestFact, Observed, Reusable
from chris_operator.core.verdict import Fact
from chris_operator.models.plugininstance import Output, PluginInstance
from chris_operator.staging import manifest
from chris_operator.storage import NotFound, Storage, StorageError, Unauthorized, Unavailable

from . import parts
from .gather import model_of
from .ids import Ids
from .iohandler import IOHandler
from .linking import Linker
from .references import References
from .sites import Sites
from .world import World

log = logging.getLogger(__name__)
_HEAD_BYTES = 64 * 1024
_COPIED = frozenset({Fact.SENT, Fact.FETCHED})
_ERROR_PREFIX = re.compile(r'^Error creating: (pods "[^"]*" is )?')
"""With the pod's name, which is another one at every try and would make each a change of the status."""


class Facts:
    """Answers `Need`s with requests to Swift and the API server."""

    def __init__(
        self,
        sites: Sites,
        storage: Storage,
        ids: Ids,
        world: World,
        references: References,
        *,
        io: IOHandler,
    ) -> None:
        self._sites, self._storage, self._ids, self._world = sites, storage, ids, world
        self._references, self._linker, self._io = references, Linker(storage), io
        self._numbers: dict[str, int] = {}

    async def fetch(self, fact: Fact, o: Observed) -> Given:
        """The facts known so far and this one; an unreachable Swift is a fact too."""
        try:
            return await (self._copied(fact, o) if fact in _COPIED else self._fetch(fact, o))
        except (Unavailable, Unauthorized) as error:
            return _lacking(o, error)

    async def _copied(self, fact: Fact, o: Observed) -> Given:
        """How far a copy between two Swifts is; whatever either of them does to it will pass, as a full disk does."""
        try:
            if fact is Fact.SENT:
                return replace(o.given, sent=await self._io.sent(o))
            return replace(o.given, fetched=await self._io.fetched(o))
        except StorageError as error:
            return _lacking(o, error)

    async def _fetch(self, fact: Fact, o: Observed) -> Given:
        match fact:
            case Fact.RUN_ID:
                return replace(o.given, run_id=await self._number(o.instance.metadata.uid))
            case Fact.PREFIXES:
                return replace(o.given, prefixes=await self._prefixes(o))
            case Fact.REUSABLE:
                return replace(o.given, reusable=await self._reusable(o))
            case Fact.REJECTED:
                return replace(o.given, rejected=await self._rejected(o))
            case Fact.SECRET:
                return replace(o.given, secret=await self._has_secret(o))
            case _:
                if fact is Fact.LISTING and o.no_pod:
                    # Before anything is awaited: the parents were seen alive in this very moment.
                    self._references.pin(o.instance.metadata.uid, _data_of(*o.parents.values()))
                return await asyncio.to_thread(self._stored, fact, o)

    def _stored(self, fact: Fact, o: Observed) -> Given:
        """A fact that is known to Swift alone."""
        match fact:
            case Fact.MANIFEST:
                return replace(o.given, manifest=self._manifest(o))
            case Fact.SELECTED:
                return replace(o.given, selected=self._linker.selected(o))
            case Fact.LISTING:
                return replace(o.given, listing=self._listing(o))
            case Fact.KEPT:
                kept, references = self._kept(o)
                return replace(o.given, kept=kept, kept_references=references or None)
            case Fact.UNITS:
                return replace(o.given, units=parts.units(self._storage, o))
            case Fact.UNION:
                return replace(o.given, union=parts.union(self._storage, o, whole=True))
            case _:
                raise ValueError(f"Swift does not know the {fact}")

    async def _number(self, uid: str) -> int:
        """A run's number; kept for it until its status carries it, so that none is lost to a second look."""
        if uid not in self._numbers:
            self._numbers[uid] = await self._ids.take(INSTANCES, self._world.highest_id(INSTANCES))
        return self._numbers[uid]

    def numbered(self, uid: str) -> None:
        """The run's status carries its number, or the run is gone."""
        self._numbers.pop(uid, None)

    async def _prefixes(self, o: Observed) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for each in inputs.of(o):
            found[each.prefix] = None
            if not each.own_prefix_only:
                header = await asyncio.to_thread(self._header, each)
                found |= dict.fromkeys(header.prefixes if header else ())
        return tuple(found)

    def _header(self, source: inputs.Input) -> manifest.Header | None:
        try:
            data, _ = self._storage.get(source.manifest, first_bytes=_HEAD_BYTES)
        except NotFound:
            return None  # stage-in will say which object is missing
        return manifest.read_header(data)

    def _manifest(self, o: Observed) -> ManifestFact:
        """What Swift holds for the current attempt, held against publish's report."""
        if o.given.fetched and o.given.fetched.problem:
            return ManifestFact(problem=o.given.fetched.problem)
        attempt, publish = o.instance.status.attempt, o.pod.publish
        if any(job.workers for job in o.jobs if attempt and job.number == attempt.number):
            return parts.union(self._storage, o, whole=False)
        if attempt is None or publish is None:
            return ManifestFact(problem="the attempt left no report")
        prefix = inputs.own_prefix(o, attempt.number)
        report = publish.message
        try:
            header = self._storage.check_manifest(
                prefix + inputs.MANIFEST,
                digest=str(report.get("digest", "")),
                allowed_prefixes=(prefix,),
                etag=str(report.get("manifestEtag", "")),
            )
        except (Unavailable, Unauthorized):
            raise
        except StorageError as error:
            return ManifestFact(problem=str(error))
        return ManifestFact(digest=header.digest, files=header.files, bytes=header.bytes)

    def _kept(self, o: Observed) -> tuple[tuple[Output, ...], tuple[int, ...]]:
        """The output whose manifest stands as the run's own, copied there after its commit, and whom it refers to."""
        status = o.instance.status
        if not (status.id and o.tenant.user and o.feed and o.feed.status.id):
            return (), ()
        place = run_prefix(o.tenant.user, o.feed.status.id, status.id)
        try:
            data, _ = self._storage.get(place + inputs.MANIFEST, first_bytes=_HEAD_BYTES)
        except NotFound:
            return (), ()
        header = manifest.read_header(data)
        told = status.attempt.number if status.attempt else links.ATTEMPT
        # The manifest says where its bytes lie; one without bytes lies nowhere.
        numbers = [int(n) for p in header.prefixes for n in re.findall(rf"^{place}attempts/(\d+)/$", p)]
        output = Output(
            attempt=numbers[0] if numbers else told,
            digest=header.digest,
            files=header.files,
            bytes=header.bytes,
            partial=header.partial,
        )
        return (output,), tuple(number for number in referenced(header.prefixes) if number != status.id)

    async def inputs_again(self, o: Observed) -> Observed:
        """What was observed, with all facts about the run's input: for an order that is written anew."""
        known = replace(o, given=await self._fetch(Fact.PREFIXES, o))
        if parents.filtered(o.instance.spec):
            known = replace(known, given=await self._fetch(Fact.SELECTED, known))
        if not await asyncio.to_thread(self._has_named_inputs, known):
            return known
        return replace(known, given=await self._fetch(Fact.LISTING, known))

    def _has_named_inputs(self, o: Observed) -> bool:
        place = inputs.named_prefix(o)
        return any(each.name == place + inputs.MANIFEST for each in self._storage.list(place))

    def _listing(self, o: Observed) -> ListingFact:
        if o.no_pod and o.plugin:
            return self._linker.linked(o, o.plugin)
        return self._linker.staged(o)

    async def _reusable(self, o: Observed) -> tuple[Reusable, ...]:
        """The first equal earlier run whose output is proven to be in Swift, and that is copied as this run's."""
        key = caching.key(o, o.plugin) if o.plugin else None
        equal = self._world.equal(key, o.image) if key and o.image else []
        runs = [run for body in equal if caching.serves(run := model_of(body)[0], o.tenant.user)]
        for run in runs:
            self._references.pin(o.instance.metadata.uid, _data_of(run))
        for run in runs:
            try:
                output, prefixes = await asyncio.to_thread(self._linker.adopt, o, run)
            except (Unavailable, Unauthorized):
                raise
            except StorageError as error:
                log.warning("the output of run %s is not used again: %s", run.status.id, error)
                continue
            return (Reusable(output, caching.origin(run), referenced(prefixes)),)
        return ()

    async def _has_secret(self, o: Observed) -> bool:
        attempt = o.instance.status.attempt
        name = o.attempt_name(attempt.number if attempt else 0)
        return await self._sites.cluster(o.site).find(SECRETS, name, o.namespace) is not None

    async def _rejected(self, o: Observed) -> str:
        """Why no pod appears: quota, LimitRange and Pod Security speak through the Job's Events only."""
        attempt = o.instance.status.attempt
        if attempt is None:
            return ""
        name = o.attempt_name(attempt.number)
        selector = f"involvedObject.kind=Job,involvedObject.name={name},reason=FailedCreate"
        try:
            found = await self._sites.cluster(o.site).list(EVENTS, o.namespace, fields=selector)
        except ClusterError:
            return ""
        job = next((job for job in o.jobs if job.number == attempt.number), None)
        ours = [event for event in found if job and event["involvedObject"].get("uid") == job.uid]
        ours.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        return _ERROR_PREFIX.sub("", ours[-1].get("message", "")) if ours else ""


def _lacking(o: Observed, error: StorageError) -> Given:
    """A Swift that cannot be asked, ours or another cluster's."""
    if error.where:
        return replace(o.given, compute_problem=str(error))
    return replace(o.given, storage_problem=str(error))


def _data_of(*runs: PluginInstance | None) -> set[int]:
    """Numbers of the runs in whose directories the bytes of these runs' outputs lie."""
    known = [run.status for run in runs if run]
    return {number for status in known for number in (status.id, *(status.references or ())) if number}
