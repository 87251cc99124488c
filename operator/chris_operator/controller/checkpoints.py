"""What programs saved of their state when their pods were removed, as it lies in Swift: one directory an attempt."""

from collections.abc import Callable, Iterator

from chris_operator.core import inputs
from chris_operator.core.observed import Observed
from chris_operator.staging import manifest
from chris_operator.staging.contract import Checkpoint, Grant, InputRef
from chris_operator.storage import NotFound, Storage

_HEAD_BYTES = 64 * 1024
_ASKED = 3
"""So many of the latest attempts are asked for by name: what was saved a moment ago may not be listed yet."""


def order(
    storage: Storage, o: Observed, number: int, grant: Callable[[str, str], Grant]
) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """What an attempt is told about its program's state, and the prefixes below which it may read an earlier one."""
    if o.plugin is None or not o.plugin.checkpoint:
        return None, ()
    place = inputs.checkpoints_prefix(o)
    saved = newest(storage, place, number)
    told = Checkpoint(
        put=grant("PUT", f"{place}{number}/"),
        restore=InputRef(storage.path(f"{saved[0]}{inputs.MANIFEST}"), saved[1]) if saved else None,
        patience_seconds=max(o.settings.pods.grace_seconds // 2, 1),
    )
    return told, (saved[0],) if saved else ()


def newest(storage: Storage, place: str, before: int) -> tuple[str, str] | None:
    """Prefix and digest of the last whole state that an attempt before this one saved; older ones are removed."""
    found: tuple[str, str] | None = None
    for prefix in _attempts(storage, place, before):
        if found is not None:
            storage.delete_prefix(prefix)
        elif (digest := _digest(storage, prefix)) is not None:
            found = prefix, digest
    return found


def _attempts(storage: Storage, place: str, before: int) -> Iterator[str]:
    """Where earlier attempts saved something, or may have, the latest first; the first attempt need not ask."""
    listed = storage.list(place, delimiter="/") if before > 1 else ()
    names = (each.name.removeprefix(place).rstrip("/") for each in listed)
    numbers = {int(text) for text in names if text.isdecimal()} | set(range(max(before - _ASKED, 1), before))
    for number in sorted(numbers, reverse=True):
        if number < before:
            yield f"{place}{number}/"


def _digest(storage: Storage, prefix: str) -> str | None:
    try:
        data, _ = storage.get(prefix + inputs.MANIFEST, first_bytes=_HEAD_BYTES)
    except NotFound:
        return None  # its pod was killed before all was there
    return manifest.read_header(data).digest
