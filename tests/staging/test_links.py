"""Links to uploads: their targets arrive where ChRIS puts them, known by the ETag of those who wrote them."""

import os
from pathlib import Path

import pytest
from tests.staging.pod import Ended, Pod

from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
LARGE = os.urandom(40 << 20)


@pytest.fixture(scope="module")
def uploads(storage: Storage) -> str:
    """A folder as other tools leave it: nested, empty, large and segmented objects, and a neighbour."""
    storage.put("home/alice/uploads/x/s/1.dcm", b"dicom")
    storage.put("home/alice/uploads/x/empty", b"")
    storage.put("home/alice/uploads/x/large", LARGE)
    storage.put("home/alice/uploads/x10/foreign", b"not mine")
    storage.put("home/alice/segments/1", b"a" * 10)
    storage._connection().put_object(
        "users",
        "home/alice/uploads/x/segmented",
        b'[{"path": "users/home/alice/segments/1"}]',
        query_string="multipart-manifest=put",
    )
    return "home/alice/uploads/x"


def stage(storage: Storage, root: Path, target: str, prefix: str) -> tuple[Pod, Ended]:
    """A pod whose input is the manifest that `pl-dircopy` would have for `target`."""
    entries = storage.link_entries(target, directory="d")
    header, _ = storage.put_manifest("links/manifest", entries, prefixes=[prefix])
    pod = Pod(root, storage, "links/target/")
    pod.read_input("links/manifest", header.digest, "links/", prefix)
    return pod, pod.stage_in()


def test_a_folder_arrives_below_its_flattened_path(uploads: str, storage: Storage, tmp_path: Path):
    pod, ended = stage(storage, tmp_path / "pod", uploads, f"{uploads}/")
    assert ended.code == 0, ended.log
    place = pod.incoming / "d" / "home_alice_uploads_x"
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()) == [
        "empty",
        "large",
        "s/1.dcm",
        "segmented",
    ]
    assert (place / "large").read_bytes() == LARGE
    assert (place / "segmented").read_bytes() == b"a" * 10


def test_an_object_arrives_below_its_folders_flattened_path(uploads: str, storage: Storage, tmp_path: Path):
    pod, ended = stage(storage, tmp_path / "pod", f"{uploads}/s/1.dcm", f"{uploads}/s/")
    assert ended.code == 0, ended.log
    assert (pod.incoming / "d" / "home_alice_uploads_x_s" / "1.dcm").read_bytes() == b"dicom"


@pytest.mark.parametrize("name", ["s/1.dcm", "large", "segmented"])
def test_what_was_replaced_since_is_refused(uploads: str, storage: Storage, tmp_path: Path, name: str):
    entries = storage.link_entries(uploads)
    header, _ = storage.put_manifest("links/manifest", entries, prefixes=[f"{uploads}/"])
    whole, _ = storage.get(f"{uploads}/{name}")
    storage.put(f"{uploads}/{name}", whole[:-1] + b"?")
    pod = Pod(tmp_path / "pod", storage, "links/target/")
    pod.read_input("links/manifest", header.digest, "links/", f"{uploads}/")
    ended = pod.stage_in()
    assert ended.report
    assert (ended.report.code, ended.report.object) == ("ChecksumMismatch", f"{uploads}/{name}")
