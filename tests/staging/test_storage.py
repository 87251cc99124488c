"""The operator's door to Swift, on a real Swift."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from tests.ports import free_ports
from tests.swift_server import SwiftServer

from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, Piece
from chris_operator.storage import (
    NotFound,
    PreconditionFailed,
    Storage,
    StorageError,
    Unauthorized,
    Unavailable,
)

pytestmark = pytest.mark.swift


def test_objects_are_written_read_and_removed(storage: Storage):
    etag = storage.put("t1/a", b"hello")
    data, info = storage.get("t1/a")
    assert (data, info.etag, info.bytes) == (b"hello", etag, 5)
    assert storage.head("t1/a").etag == etag
    assert storage.get("t1/a", first_bytes=2)[0] == b"he"
    storage.delete("t1/a")
    storage.delete("t1/a")
    with pytest.raises(NotFound):
        storage.head("t1/a")


def test_first_bytes_of_an_empty_object(storage: Storage):
    storage.put("t2/empty", b"")
    assert storage.get("t2/empty", first_bytes=100)[0] == b""


def test_create_refuses_what_exists(storage: Storage):
    storage.delete_prefix("t3/")
    storage.put_json("t3/owner", {"cluster": "one"}, create=True)
    with pytest.raises(PreconditionFailed):
        storage.put_json("t3/owner", {"cluster": "two"}, create=True)
    assert storage.get_json("t3/owner") == {"cluster": "one"}
    assert storage.get_json("t3/none") is None


def test_another_object_is_not_read(storage: Storage):
    storage.put("t4/a", b"new")
    with pytest.raises(PreconditionFailed):
        storage.get("t4/a", if_match="0" * 32)


def test_listing_stops_at_the_slash(storage: Storage):
    for name in ("t5/feed_1/a", "t5/feed_1/d/b", "t5/feed_10/c"):
        storage.put(name, b"x")
    assert [each.name for each in storage.list("t5/feed_1/")] == ["t5/feed_1/a", "t5/feed_1/d/b"]
    assert [each.name for each in storage.list("t5/feed_1/", delimiter="/")] == [
        "t5/feed_1/a",
        "t5/feed_1/d/",
    ]
    with pytest.raises(StorageError, match="feed_10"):
        list(storage.list("t5/feed_1"))


def test_deletion_stops_at_the_slash(storage: Storage):
    for name in ("t6/feed_1/a b", "t6/feed_1/é\n%41", "t6/feed_10/c"):
        storage.put(name, b"x")
    assert storage.delete_prefix("t6/feed_1/") == 2
    assert [each.name for each in storage.list("t6/")] == ["t6/feed_10/c"]


@pytest.mark.parametrize("prefix", ["", "t7"])
def test_deletion_refuses(storage: Storage, prefix: str):
    with pytest.raises(StorageError):
        storage.delete_prefix(prefix)


def fetch(url: str, method: str = "GET", data: bytes | None = None) -> int:
    request = urllib.request.Request(url, method=method, data=data)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


SIGNED = {
    "read": ("GET", "t8/run_1/", "GET", "t8/run_1/a", 60, 200),
    "read-neighbour": ("GET", "t8/run_1/", "GET", "t8/run_10/a", 60, 401),
    "write-with-read": ("GET", "t8/run_1/", "PUT", "t8/run_1/b", 60, 401),
    "write": ("PUT", "t8/run_1/", "PUT", "t8/run_1/b", 60, 201),
    "expired": ("GET", "t8/run_1/", "GET", "t8/run_1/a", -60, 401),
    "user-with-umlaut": ("PUT", "t8/jürgen x/", "PUT", "t8/jürgen x/b", 60, 201),
}


@pytest.mark.parametrize(
    ("signed", "prefix", "method", "name", "seconds", "status"), SIGNED.values(), ids=SIGNED
)
def test_a_signature_opens_its_prefix_only(
    storage: Storage, signed: str, prefix: str, method: str, name: str, seconds: int, status: int
):
    storage.put("t8/run_1/a", b"x")
    storage.put("t8/run_10/a", b"x")
    query = storage.sign(signed, prefix, int(time.time()) + seconds)
    path = urllib.request.quote(storage.path(name))  # type: ignore[attr-defined]
    assert fetch(f"{storage.url}{path}?{query}", method, b"y" if method == "PUT" else None) == status


def test_signature_needs_a_slash(storage: Storage):
    with pytest.raises(ValueError, match="must be"):
        storage.sign("GET", "t8/run_1", 0)


ENTRIES = [Entry("a", 3, "0" * 64, (Piece("t9/attempts/1/pack-0.tar", 512, 3),))]


def test_manifests_are_proven_both_ways(storage: Storage):
    header, etag = storage.put_manifest("t9/manifest", ENTRIES, prefixes=["t9/attempts/1/"])
    allowed = ["t9/attempts/1/"]
    assert storage.read_manifest("t9/manifest") == (header, ENTRIES)
    assert (
        storage.check_manifest("t9/manifest", digest=header.digest, allowed_prefixes=allowed, etag=etag)
        == header
    )
    assert storage.copy_manifest("t9/manifest", "t9/copy", etag=etag) == etag


def test_a_manifest_is_copied_as_it_was_checked(storage: Storage):
    """Once: whoever copies it again asks Swift."""
    header, etag = storage.put_manifest("t9/manifest", ENTRIES, prefixes=["t9/attempts/1/"])
    allowed = ["t9/attempts/1/"]
    storage.check_manifest("t9/manifest", digest=header.digest, allowed_prefixes=allowed, etag=etag)
    storage.put("t9/manifest", b"something else")
    assert storage.copy_manifest("t9/manifest", "t9/copy") == etag
    assert storage.copy_manifest("t9/manifest", "t9/copy") != etag


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "digest": ({"digest": "sha256:1"}, "digest is not"),
    "etag": ({"etag": "1" * 32}, "ETag is not"),
    "prefix": ({"allowed_prefixes": ["t9/attempts/2/"]}, "allowed"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_check_manifest_says_what_differs(storage: Storage, change: dict[str, Any], words: str):
    header, etag = storage.put_manifest("t9/manifest", ENTRIES, prefixes=["t9/attempts/1/"])
    facts: dict[str, Any] = {
        "digest": header.digest,
        "etag": etag,
        "allowed_prefixes": ["t9/attempts/1/"],
    }
    with pytest.raises(StorageError, match=words):
        storage.check_manifest("t9/manifest", **(facts | change))


def test_put_manifest_refuses_untrue_lines(storage: Storage):
    with pytest.raises(StorageError, match="outside"):
        storage.put_manifest("t9/bad", ENTRIES, prefixes=["t9/attempts/2/"])


def test_link_to_a_folder_lists_it(storage: Storage):
    storage.delete_prefix("t10/")
    for name in ("t10/x/s/1.dcm", "t10/x/2.dcm", "t10/x/empty", "t10/x/", "t10/x10/no"):
        storage.put(name, b"" if name.endswith(("empty", "/")) else b"dicom")
    link, *files = storage.link_entries("t10/x/", directory="d")
    assert link == Entry("d/t10_x.chrislink", link="t10/x")
    assert [(each.path, each.size, each.within) for each in files] == [
        ("2.dcm", 5, link.path),
        ("empty", 0, link.path),
        ("s/1.dcm", 5, link.path),
    ]
    assert files[0].pieces == (Piece("t10/x/2.dcm", 0, 5, files[0].etag),)
    header, _ = storage.put_manifest("t10/manifest", [link, *files], prefixes=["t10/x/"])
    assert (header.files, header.bytes) == (3, 10)


def test_link_to_an_object_is_that_object(storage: Storage):
    storage.put("t11/d/scan.nii", b"nii")
    link, scan = storage.link_entries("t11/d/scan.nii")
    assert (link.path, scan.path) == ("t11_d_scan.nii.chrislink", "")
    assert manifest.placed_path(scan, link.link) == "t11_d/scan.nii"


def test_link_to_nothing_is_not_found(storage: Storage):
    with pytest.raises(NotFound):
        storage.link_entries("t12/nothing")


def test_segmented_objects_are_known_by_their_quoted_etag(storage: Storage):
    storage.put("t13/seg/1", b"a" * 10)
    connection = storage._connection()
    connection.put_object("users", "t13/x/dlo", b"", headers={"X-Object-Manifest": "users/t13/seg/"})
    slo = b'[{"path": "users/t13/seg/1"}]'
    connection.put_object("users", "t13/x/slo", slo, query_string="multipart-manifest=put")
    _, dynamic, static = storage.link_entries("t13/x")
    assert (dynamic.size, static.size) == (10, 10)
    for entry in (dynamic, static):
        assert entry.etag.startswith('"')
        assert storage.get(entry.pieces[0].object, if_match=entry.etag)[0] == b"a" * 10


CALLS: dict[str, Callable[[Storage], Any]] = {
    "login": lambda storage: storage.url,
    "get": lambda storage: storage.get("a"),
    "list": lambda storage: list(storage.list("a/")),
    "key": lambda storage: storage.ensure_temp_url_key(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_dead_swift_is_unavailable_in_seconds(call: Callable[[Storage], Any]):
    (port,) = free_ports(1)
    dead = Storage({"ST_AUTH": f"http://127.0.0.1:{port}/auth/v1.0", "ST_USER": "a:b", "ST_KEY": "c"})
    start = time.monotonic()
    with pytest.raises(Unavailable):
        call(dead)
    assert time.monotonic() - start < 10


def test_wrong_key_is_unauthorized(swift: SwiftServer):
    wrong = Storage(dict(swift.credentials) | {"ST_KEY": "wrong"})
    with pytest.raises(Unauthorized):
        wrong.head("a")


def test_threads_have_connections_of_their_own(storage: Storage):
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                storage.put(f"t14/{number}", str(number).encode())
                assert storage.get(f"t14/{number}")[0] == str(number).encode()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_restarted_swift_is_not_noticed(swift: SwiftServer, storage: Storage):
    """Kept-alive connections are dead then: the first call opens a new one."""
    storage.put("t15/a", b"before")
    swift.stop()
    swift.start()
    storage.put("t15/b", b"after")
    swift.stop()
    swift.start()
    assert storage.get("t15/b")[0] == b"after"
