"""A run's output in Swift: where it lies, what its manifest lists, and an order that opens it for reading."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chris_operator.cli.errors import UserError
from chris_operator.core.inputs import MANIFEST, NAMED
from chris_operator.core.names import attempt_prefix, referenced, run_prefix
from chris_operator.models.plugininstance import PluginInstance
from chris_operator.staging.contract import Grant, RunRef, StageJob, SwiftEndpoint
from chris_operator.staging.manifest import Checker, Entry, Header
from chris_operator.staging.placing import Member
from chris_operator.staging.stage_in import members
from chris_operator.storage import NotFound, Storage

LIFETIME = 3600
"""Seconds that a signature lasts; whatever takes longer gets new ones."""


def attempt_place(instance: PluginInstance, number: int | None) -> str:
    """The directory of one of a run's attempts in Swift; UserError while the run has none."""
    meta, status = instance.metadata, instance.status
    if number is None or status.id is None or status.feed_id is None or status.user is None:
        where = f"`kubectl chris why -n {meta.namespace} {meta.name}` says why"
        raise UserError(f"{meta.name} has written nothing to Swift yet: {where}")
    return attempt_prefix(status.user, status.feed_id, status.id, number)


@dataclass(frozen=True, slots=True)
class Output:
    """A committed output."""

    prefix: str
    header: Header
    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, storage: Storage, instance: PluginInstance) -> "Output":
        """The output that a run's status names; its manifest is proven."""
        found = instance.status.output
        prefix = attempt_place(instance, found.attempt if found else None)
        header, entries = storage.read_manifest(prefix + MANIFEST)
        if found and header.digest != found.digest:
            name = instance.metadata.name
            raise UserError(
                f"{name}: its manifest has the digest {header.digest}, its status says {found.digest}"
            )
        return cls(prefix, header, tuple(entries))

    @classmethod
    def named(cls, storage: Storage, instance: PluginInstance) -> "Output | None":
        """What a run's parameters named in Swift, listed as it was when the run started; None where they did not."""
        status = instance.status
        if status.id is None or status.feed_id is None or status.user is None:
            return None
        prefix = f"{run_prefix(status.user, status.feed_id, status.id)}{NAMED}"
        try:
            header, entries = storage.read_manifest(prefix + MANIFEST)
        except NotFound:
            return None
        return cls(prefix, header, tuple(entries))

    def files(self) -> list[Member]:
        """Every file with the path at which a plugin would find it."""
        return list(members(self.entries, Checker(self.header, self.header.prefixes), ""))

    def order(self, storage: Storage) -> Callable[[], StageJob]:
        """Makes orders that open the output for reading, each time with fresh signatures."""
        return reading(storage, (self.prefix, *self.header.prefixes))


def log_place(storage: Storage, instance: PluginInstance, number: int | None) -> str:
    """The directory of an attempt's log; where an equal run's output serves, that of the attempt that wrote it."""
    hit = instance.status.cache_hit
    if hit is None or number is not None:
        return attempt_place(instance, number)
    prefixes = Output.read(storage, instance).header.prefixes
    found = [prefix for prefix in prefixes if referenced([prefix]) == (hit.id,)]
    if not found:
        name = instance.metadata.name
        raise UserError(f"{name} has no log: {hit.name} (number {hit.id}) ran in its place and wrote nothing")
    return found[0]


def reading(storage: Storage, prefixes: Sequence[str]) -> Callable[[], StageJob]:
    """Makes orders that open prefixes for reading."""
    return lambda: _order(storage, tuple(dict.fromkeys(prefixes)), prefixes[0], "GET")


def writing(storage: Storage, prefix: str) -> Callable[[], StageJob]:
    """Makes orders that open one prefix for writing."""
    return lambda: _order(storage, (), prefix, "PUT")


def _order(storage: Storage, readable: Sequence[str], put: str, method: str) -> StageJob:
    expires = int(time.time()) + LIFETIME

    def grant(place: str) -> Grant:
        return Grant(storage.path(place), storage.sign(method, place, expires))

    return StageJob(
        run=RunRef("", "kubectl-chris", "", 0, 0),
        swift=SwiftEndpoint(storage.url, storage.ca_bundle),
        inputs=(),
        get=tuple(grant(place) for place in readable),
        put=grant(put),  # where nothing is written, it only tells where the container is
    )
