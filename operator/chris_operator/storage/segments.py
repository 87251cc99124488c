"""Segmented objects, which is what uploads beyond 5 GiB are: taken apart here, put together there with the same ETag.

Swift makes that ETag of the segments' own, so manifests that name it hold there too. A dynamic large object becomes a
static one: its ETag is made in the same way.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from chris_operator.storage.client import ObjectInfo
from chris_operator.storage.errors import StorageError
from chris_operator.storage.runs import Storage

KEPT = ".segments/"
"""Below a user's home there: names of segments may lie anywhere in the account here."""


@dataclass(frozen=True)
class Segment:
    """Some bytes of a segmented object; `range` where they are not a whole object."""

    container: str
    name: str
    etag: str
    bytes: int
    range: str = ""

    def place(self, whole: str) -> str:
        """Its name there, beside the uploads of the user whose the whole is."""
        home = "/".join(whole.split("/", 2)[:2])
        mark = hashlib.sha256(f"{self.container}/{self.name}".encode()).hexdigest()
        return f"{home}/{KEPT}{mark}"


def of(storage: Storage, name: str) -> list[Segment]:
    """What a segmented object is made of, in order; StorageError where segments have segments themselves."""
    listed = storage.segments(name)
    if any(each.get("sub_slo") for each in listed):
        raise StorageError(name, "is made of segmented objects; upload it with segments of one level")
    found = []
    for each in listed:
        container, _, rest = str(each["name"]).lstrip("/").partition("/")
        found.append(
            Segment(container, rest, str(each["hash"]), int(each["bytes"]), str(each.get("range") or ""))
        )
    return found


def send(home: Storage, there: Storage, whole: ObjectInfo, copy: Callable[[Storage, str, str], None]) -> None:
    """Make a segmented object there; `copy` sends one object of a container under a name."""
    parts = of(home, whole.name)
    for each in dict.fromkeys((part.container, part.name, part.place(whole.name)) for part in parts):
        container, name, place = each
        copy(home.beside(container), name, place)
    lines = [
        {"path": f"{there.container}/{part.place(whole.name)}", "etag": part.etag, "size_bytes": part.bytes}
        | ({"range": part.range} if part.range else {})
        for part in parts
    ]
    there.put_segmented(whole.name, json.dumps(lines).encode())
