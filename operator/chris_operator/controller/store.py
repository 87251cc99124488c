"""The objects of one kind as the API server showed them last: found by name, by UID and by what they refer to.

Fifty thousand finished runs must fit into memory, so what nobody reads is dropped, and what is seldom read is
kept as text.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Name = tuple[str, str]
"""Namespace (empty where there is none) and name."""
_REMEMBERED = 1_000
_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "finalizers",
    "ownerReferences",
)


def slim(body: Mapping[str, Any]) -> Object:
    """An object without what nobody here reads."""
    meta = body["metadata"]
    return {
        "metadata": {key: meta[key] for key in _META if key in meta},
        "spec": body.get("spec") or {},
        "status": body.get("status") or {},
    }


def name_of(body: Mapping[str, Any]) -> Name:
    """Where an object is found."""
    meta = body["metadata"]
    return sys.intern(meta.get("namespace") or ""), meta["name"]


def version_of(body: Mapping[str, Any]) -> int:
    """A resourceVersion as a number; Kubernetes orders those of one resource."""
    return int(body["metadata"].get("resourceVersion") or 0)


@dataclass(slots=True)
class _Entry:
    version: int
    uid: str
    kept: Object | bytes
    brief: Any

    @property
    def body(self) -> Object:
        if isinstance(self.kept, bytes):
            found: Object = json.loads(self.kept)
            return found
        return self.kept


@dataclass(frozen=True, slots=True)
class Change:
    """What a newer version of an object has replaced."""

    before: Object | None
    """None: nothing was known of it."""


def _nothing(_body: Object) -> Any:
    return None


class Store:
    """All objects of one kind. Writes of ours enter at once; the watch brings them again, which changes nothing."""

    def __init__(
        self,
        indexes: Mapping[str, Callable[[Object], Iterable[Any]]] | None = None,
        *,
        slim: Callable[[Mapping[str, Any]], Object] = slim,
        brief: Callable[[Object], Any] = _nothing,
        seldom: Callable[[Any], bool] = bool,
    ) -> None:
        """`indexes` give keys to find an object by; `brief` is kept of each; `seldom(brief)`: keep it as text."""
        self._functions = dict(indexes or {})
        self._slim, self._brief, self._seldom = slim, brief, seldom
        self._entries: dict[Name, _Entry] = {}
        self._by_uid: dict[str, Name] = {}
        self._found: dict[str, dict[Any, dict[Name, None]]] = {name: {} for name in self._functions}
        self._gone: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, raw: Mapping[str, Any]) -> Change | None:
        """Take an object in; None where this version, or a newer one, is known already."""
        name, version = name_of(raw), version_of(raw)
        old = self._entries.get(name)
        uid = raw["metadata"].get("uid") or ""
        if (old is not None and old.uid == uid and old.version >= version) or uid in self._gone:
            return None
        body = self._slim(raw)
        before = old.body if old else None
        brief = self._brief(body)
        kept = json.dumps(body, separators=(",", ":")).encode() if self._seldom(brief) else body
        if old is not None:
            self._by_uid.pop(old.uid, None)
        self._entries[name] = _Entry(version, uid, kept, brief)
        self._by_uid[uid] = name
        self._index(name, before, body)
        return Change(before)

    def remove(self, name: Name, uid: str | None = None) -> bool:
        """Forget an object, for good if `uid` is given: an answer that is still on its way cannot bring it back."""
        if uid:
            self._gone[uid] = None
            if len(self._gone) > _REMEMBERED:
                del self._gone[next(iter(self._gone))]
        entry = self._entries.get(name)
        if entry is None or (uid and entry.uid != uid):
            return False
        del self._entries[name]
        self._by_uid.pop(entry.uid, None)
        self._index(name, entry.body, None)
        return True

    def _index(self, name: Name, before: Object | None, after: Object | None) -> None:
        for index, function in self._functions.items():
            old = set(function(before)) if before is not None else set()
            new = set(function(after)) if after is not None else set()
            found = self._found[index]
            for key in old - new:
                del found[key][name]
                if not found[key]:
                    del found[key]
            for key in new - old:
                found.setdefault(key, {})[name] = None

    def get(self, name: Name) -> Object | None:
        """An object."""
        entry = self._entries.get(name)
        return entry.body if entry else None

    def brief(self, name: Name) -> Any:
        """What is kept of an object besides; None where there is no such object."""
        entry = self._entries.get(name)
        return entry.brief if entry else None

    def by_uid(self, uid: str) -> Name | None:
        """Where the object with this UID is found."""
        return self._by_uid.get(uid)

    def names(self, index: str, key: Any) -> list[Name]:
        """The objects that an index finds under a key, in the order in which they came."""
        return list(self._found[index].get(key, ()))

    def all(self, index: str, key: Any) -> list[Object]:
        """The objects themselves."""
        return [self._entries[name].body for name in self._found[index].get(key, ())]

    def __iter__(self) -> Iterator[Name]:
        return iter(list(self._entries))

    def older(self, version: int) -> list[Name]:
        """What is known in a version that a list of `version` must have shown."""
        return [name for name, entry in self._entries.items() if entry.version <= version]
