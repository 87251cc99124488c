"""Manifests that refer to bytes that are there already: links to uploads, files chosen of parents, copies of outputs."""

import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace

from chris_operator.core import caching, inputs, joins, links, parents
from chris_operator.core.observed import ListingFact, Observed, Selection
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import Output, PluginInstance
from chris_operator.staging.manifest import Entry, Header
from chris_operator.storage import NotFound, Storage

from . import matching


class Linker:
    """Writes such manifests. Writing one twice writes the same, as long as nobody uploads in between."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._memory = threading.Lock()
        """Held by whoever has lines of parents' manifests in memory."""

    # -- runs with a pod

    def staged(self, o: Observed) -> ListingFact:
        """The manifest of what a run's parameters name; made once per run, so that every attempt reads the same."""
        place = inputs.named_prefix(o) + inputs.MANIFEST
        try:
            header, _ = self._storage.read_manifest(place)
        except NotFound:
            return self._stage(o, place)
        return _fact(header)

    def _stage(self, o: Observed, place: str) -> ListingFact:
        entries: dict[str, Entry] = {}
        missing, prefixes = [], []
        for path in links.staged(o.instance, o.plugin) if o.plugin else ():
            try:
                found = self._storage.link_entries(path)[1:]
            except NotFound:
                missing.append(path)
                continue
            prefixes.append(_prefix(path, found))
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
        return _fact(header)

    def selected(self, o: Observed) -> dict[str, Selection]:
        """What is left of each parent of which not every file is wanted; made once per run, too."""
        return {name: self._selection(o, name) for name in parents.filtered(o.instance.spec)}

    def _selection(self, o: Observed, name: str) -> Selection:
        prefix = inputs.selection_prefix(o, name)
        try:
            header, _ = self._storage.read_manifest(prefix + inputs.MANIFEST)
        except NotFound:
            parent = o.parents.get(name)
            whole = inputs.output_of(parent) if parent else None
            if whole is None:
                return Selection(problem=f"{name} has no output")
            try:
                with self._memory:
                    header = self._select(whole, parents.asked(o.instance.spec, name).match or "", prefix)
            except matching.TooSlowError as error:
                return Selection(problem=str(error))
        return Selection(prefix, header.prefixes, None, header.digest, header.files, header.bytes)

    def _select(self, whole: inputs.Input, match: str, prefix: str) -> Header:
        header, entries = self._storage.read_manifest(whole.manifest)
        (numbers,) = matching.found([(match, joins.places(entries))])
        kept = joins.chosen(entries, numbers)
        written, _ = self._storage.put_manifest(
            prefix + inputs.MANIFEST, kept, prefixes=_used(kept, header.prefixes)
        )
        return written

    # -- runs without one

    def linked(self, o: Observed, plugin: PluginSpec) -> ListingFact:
        """Writes the manifest of a run that only links, and tells what stands in it; the commit is the status."""
        takes = links.wanted(o)
        with self._memory if takes else nullcontext():
            try:
                return self._linked(o, plugin, takes)
            except matching.TooSlowError as error:
                return ListingFact(problem=str(error))
            except joins.CollisionError as error:
                remedy = "set groupByInstance, or give each parent a directory of its own in inputs"
                return ListingFact(problem=f"{error}: {remedy}")

    def _linked(self, o: Observed, plugin: PluginSpec, takes: Iterable[links.Wanted]) -> ListingFact:
        missing, prefixes, parts = [], [], []
        for path in links.paths(o.instance, plugin):
            try:
                link = self._storage.link_entries(path)
            except NotFound:
                missing.append(path)
                continue
            parts.append(joins.Part("Swift", link))
            prefixes.append(_prefix(path, link[1:]))
        if missing:
            return ListingFact(missing=tuple(missing))
        chosen, theirs = self._chosen(o, takes)
        entries = joins.merged([*chosen, *parts])
        own = inputs.own_prefix(o, links.ATTEMPT)
        header, _ = self._storage.put_manifest(
            own + inputs.MANIFEST, entries, prefixes=[*prefixes, *_used(entries, theirs)]
        )
        return _fact(header)

    def _chosen(self, o: Observed, takes: Iterable[links.Wanted]) -> tuple[list[joins.Part], list[str]]:
        """What is taken of each parent, and where its bytes lie."""
        parts: list[joins.Part] = []
        prefixes: list[str] = []
        for wanted in takes:
            source = inputs.output_of(wanted.parent)
            if source is None:
                continue
            header, entries = self._storage.read_manifest(source.manifest)
            places = joins.places(entries)
            below_data = [f"data/{place}" for place in places]
            first, second = matching.found([(wanted.match, places), (wanted.filter, below_data)])
            kept = joins.chosen(entries, first & second)
            if o.instance.spec.plugin.name == links.UNSTACK:
                kept = joins.unstacked(kept)
            parts.append(joins.Part(wanted.parent.metadata.name, joins.below(kept, wanted.into)))
            prefixes += header.prefixes
        return parts, prefixes

    # -- equal runs

    def adopt(self, o: Observed, source: PluginInstance) -> tuple[Output, tuple[str, ...]]:
        """Copies a run's manifest as this run's, after proving that all it refers to is in Swift.

        Returns the output and the prefixes of its bytes; StorageError where something is wrong.
        """
        whole = inputs.output_of(source)
        if whole is None:
            raise NotFound(source.metadata.name, "has no output")
        target = inputs.own_prefix(o, caching.ATTEMPT) + inputs.MANIFEST
        header = self._storage.adopt_manifest(whole.manifest, target, digest=whole.digest)
        output = Output(attempt=caching.ATTEMPT, digest=header.digest, files=header.files, bytes=header.bytes)
        return output, header.prefixes


def _prefix(path: str, listed: Sequence[Entry]) -> str:
    """Where the bytes of a linked path lie; the path may itself be an object."""
    return f"{path.rpartition('/')[0] if listed[0].path == '' else path}/"


def _used(entries: Iterable[Entry], prefixes: Iterable[str]) -> list[str]:
    """Those prefixes below which a byte of these files lies."""
    objects = {piece.object for entry in entries for piece in entry.pieces}
    return [prefix for prefix in dict.fromkeys(prefixes) if any(name.startswith(prefix) for name in objects)]


def _fact(header: Header) -> ListingFact:
    return ListingFact((), header.prefixes, None, header.digest, header.files, header.bytes)
