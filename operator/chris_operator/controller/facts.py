"""Fetches what a plan asks for: a number, the input's prefixes, a manifest, a listing, the Job controller's words."""

import asyncio
import re
from dataclasses import replace

from chris_operator.cluster import EVENTS, INSTANCES, SECRETS, Cluster, ClusterError
from chris_operator.core import inputs, links
from chris_operator.core.names import attempt_name, run_prefix
from chris_operator.core.observed import Given, ListingFact, ManifestFact, Observed
from chris_operator.core.verdict import Fact
from chris_operator.models.plugininstance import Output
from chris_operator.staging import manifest
from chris_operator.storage import NotFound, Storage, StorageError, Unauthorized, Unavailable

from . import parts
from .ids import Ids
from .world import World

_HEAD_BYTES = 64 * 1024
_ERROR_PREFIX = re.compile(r'^Error creating: (pods "[^"]*" is )?')
"""With the pod's name, which is another one at every try and would make each a change of the status."""


class Facts:
    """Answers `Need`s with requests to Swift and the API server."""

    def __init__(self, cluster: Cluster, storage: Storage, ids: Ids, world: World) -> None:
        self._cluster, self._storage, self._ids, self._world = cluster, storage, ids, world
        self._numbers: dict[str, int] = {}

    async def fetch(self, fact: Fact, o: Observed) -> Given:
        """The facts known so far and this one; an unreachable Swift is a fact too."""
        try:
            return await self._fetch(fact, o)
        except (Unavailable, Unauthorized) as error:
            return replace(o.given, storage_problem=str(error))

    async def _fetch(self, fact: Fact, o: Observed) -> Given:  # noqa: PLR0911  one return per fact
        match fact:
            case Fact.RUN_ID:
                return replace(o.given, run_id=await self._number(o.instance.metadata.uid))
            case Fact.PREFIXES:
                return replace(o.given, prefixes=await self._prefixes(o))
            case Fact.MANIFEST:
                return replace(o.given, manifest=await asyncio.to_thread(self._manifest, o))
            case Fact.LISTING:
                return replace(o.given, listing=await asyncio.to_thread(self._listing, o))
            case Fact.REJECTED:
                return replace(o.given, rejected=await self._rejected(o))
            case Fact.KEPT:
                return replace(o.given, kept=await asyncio.to_thread(self._kept, o))
            case Fact.UNITS:
                return replace(o.given, units=await asyncio.to_thread(parts.units, self._storage, o))
            case Fact.UNION:
                return replace(
                    o.given, union=await asyncio.to_thread(parts.union, self._storage, o, whole=True)
                )
            case Fact.SECRET:
                return replace(o.given, secret=await self._has_secret(o))

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

    def _kept(self, o: Observed) -> tuple[Output, ...]:
        """The output whose manifest stands as the run's own, copied there after its commit."""
        status = o.instance.status
        if not (status.id and o.tenant.user and o.feed and o.feed.status.id):
            return ()
        place = run_prefix(o.tenant.user, o.feed.status.id, status.id)
        try:
            data, _ = self._storage.get(place + inputs.MANIFEST, first_bytes=_HEAD_BYTES)
        except NotFound:
            return ()
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
        return (output,)

    async def inputs_again(self, o: Observed) -> Observed:
        """What was observed, with all facts about the run's input: for an order that is written anew."""
        known = replace(o, given=await self._fetch(Fact.PREFIXES, o))
        if not await asyncio.to_thread(self._has_named_inputs, known):
            return known
        return replace(known, given=await self._fetch(Fact.LISTING, known))

    def _has_named_inputs(self, o: Observed) -> bool:
        return any(True for _ in self._storage.list(inputs.named_prefix(o)))

    def _listing(self, o: Observed) -> ListingFact:
        return self._linked(o) if o.no_pod else self._staged(o)

    def _staged(self, o: Observed) -> ListingFact:
        """The manifest of what a run's parameters name; made once per run, so that every attempt reads the same."""
        place = inputs.named_prefix(o) + inputs.MANIFEST
        try:
            header, _ = self._storage.read_manifest(place)
        except NotFound:
            return self._stage(o, place)
        return ListingFact((), header.prefixes, None, header.digest, header.files, header.bytes)

    def _stage(self, o: Observed, place: str) -> ListingFact:
        entries: dict[str, manifest.Entry] = {}
        missing, prefixes = [], []
        for path in links.staged(o.instance, o.plugin) if o.plugin else ():
            try:
                found = self._storage.link_entries(path)[1:]
            except NotFound:
                missing.append(path)
                continue
            whole = found[0].path == ""  # the path is itself an object
            prefixes.append(f"{path.rpartition('/')[0] if whole else path}/")
            for each in found:
                name = each.path or path.rpartition("/")[2]
                if name in entries:
                    words = (
                        f"path {path!r} and another one given hold a file of the same name: name one of them"
                    )
                    return ListingFact(problem=words)
                entries[name] = replace(each, path=name, within="")
        if missing:
            return ListingFact(missing=tuple(missing))
        header, _ = self._storage.put_manifest(place, entries.values(), prefixes=prefixes)
        return ListingFact((), header.prefixes, None, header.digest, header.files, header.bytes)

    def _linked(self, o: Observed) -> ListingFact:
        """Links the named paths: writes the attempt's manifest and its copy, and tells what stands in it.

        Writing it twice writes the same bytes, as long as nobody uploads in between; the commit is the status.
        """
        entries: list[manifest.Entry] = []
        missing, prefixes = [], []
        for path in links.paths(o.instance):
            try:
                linked = self._storage.link_entries(path)
            except NotFound:
                missing.append(path)
                continue
            entries += linked
            whole = linked[1].path == ""  # the target is itself an object
            prefixes.append(f"{path.rpartition('/')[0] if whole else path}/")
        if missing:
            return ListingFact(missing=tuple(missing))
        run_id = o.instance.status.id or o.given.run_id
        if run_id is None or o.feed is None or o.feed.status.id is None or o.tenant.user is None:
            return ListingFact(problem="the run has no Feed or no number yet")
        own = inputs.own_prefix(o, links.ATTEMPT)
        header, _ = self._storage.put_manifest(own + inputs.MANIFEST, entries, prefixes=prefixes)
        root = run_prefix(o.tenant.user, o.feed.status.id, run_id)
        self._storage.copy_manifest(own + inputs.MANIFEST, root + inputs.MANIFEST)
        return ListingFact((), header.prefixes, None, header.digest, header.files, header.bytes)

    async def _has_secret(self, o: Observed) -> bool:
        attempt, meta = o.instance.status.attempt, o.instance.metadata
        name = attempt_name(meta.name, attempt.number if attempt else 0)
        return await self._cluster.find(SECRETS, name, meta.namespace) is not None

    async def _rejected(self, o: Observed) -> str:
        """Why no pod appears: quota, LimitRange and Pod Security speak through the Job's Events only."""
        attempt = o.instance.status.attempt
        if attempt is None:
            return ""
        name = attempt_name(o.instance.metadata.name, attempt.number)
        selector = f"involvedObject.kind=Job,involvedObject.name={name},reason=FailedCreate"
        try:
            found = await self._cluster.list(EVENTS, o.instance.metadata.namespace, fields=selector)
        except ClusterError:
            return ""
        job = next((job for job in o.jobs if job.number == attempt.number), None)
        ours = [event for event in found if job and event["involvedObject"].get("uid") == job.uid]
        ours.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        return _ERROR_PREFIX.sub("", ours[-1].get("message", "")) if ours else ""
