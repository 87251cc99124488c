"""What runs have left in Swift: their places, manifests and files."""

from typing import Any

from tests.e2e.tenant import Tenant

from chris_operator.staging.manifest import Entry
from chris_operator.storage import Storage


def place_of(status: dict[str, Any]) -> str:
    """Where everything of a run lies; ends in `/`."""
    return f"home/{status['user']}/feeds/feed_{status['feedId']}/runs/{status['id']}/"


def names_below(swift: Storage, place: str) -> set[str]:
    """Names of the objects at a place, relative to it."""
    return {info.name.removeprefix(place) for info in swift.list(place)}


def output(swift: Storage, tenant: Tenant, name: str) -> list[Entry]:
    """The files of a run as soon as it has succeeded, and its manifest and the copy are the same."""
    status = tenant.reaches(name, "Completed", "True")["status"]
    place = place_of(status)
    committed, _ = swift.get(f"{place}attempts/{status['output']['attempt']}/manifest")
    tenant.until(lambda: _has_copy(swift, place, committed), "the copy of the manifest")
    return swift.read_manifest(f"{place}manifest")[1]


def _has_copy(swift: Storage, place: str, committed: bytes) -> bool:
    return "manifest" in names_below(swift, place) and swift.get(f"{place}manifest")[0] == committed


def content(swift: Storage, entry: Entry) -> bytes:
    """The bytes of a file."""
    return b"".join(swift.get(p.object)[0][p.offset : p.offset + p.size] for p in entry.pieces)


def file(swift: Storage, tenant: Tenant, name: str, path: str) -> bytes:
    """The bytes of one file of a run that succeeds."""
    return next(content(swift, entry) for entry in output(swift, tenant, name) if entry.path == path)
