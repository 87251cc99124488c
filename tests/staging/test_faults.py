"""Swift fails, lies, comes back; signatures expire: what staging survives and what it reports."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ports import free_ports
from tests.staging.pod import Pod, wait_for
from tests.swift_server import SwiftServer

from chris_operator.staging.manifest import Entry, Piece
from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
MIB = 1 << 20


def three_files(root: Path) -> None:
    (root / "JOHN-DOE.dcm").write_bytes(b"dicom" * 1000)
    (root / "medium.raw").write_bytes(os.urandom(10 * MIB))
    (root / "zlarge.raw").write_bytes(os.urandom(24 * MIB))


@pytest.fixture(scope="module")
def source(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Pod:
    pod = Pod(tmp_path_factory.mktemp("pods") / "source", storage, "faults/source/", (), piece_bytes=16 * MIB)
    pod.publish_files(three_files)
    return pod


def flip(data: bytes) -> bytes:
    return data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes | None], str, str]] = {
    "byte-in-pack": ("JOHN-DOE.dcm", flip, "ChecksumMismatch", "differs"),
    "byte-in-object": ("medium.raw", flip, "ChecksumMismatch", "no longer"),
    "byte-in-piece": ("zlarge.raw", flip, "ChecksumMismatch", "no longer"),
    "pack-cut": ("JOHN-DOE.dcm", lambda data: data[:1000], "ChecksumMismatch", "shorter"),
    "pack-missing": ("JOHN-DOE.dcm", lambda _: None, "ObjectMissing", "missing"),
    "object-missing": ("medium.raw", lambda _: None, "ObjectMissing", "missing"),
    "piece-missing": ("zlarge.raw", lambda _: None, "ObjectMissing", "missing"),
}


@pytest.mark.parametrize(("path", "damage", "code", "words"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found_and_named(
    source: Pod,
    storage: Storage,
    tmp_path: Path,
    path: str,
    damage: Callable[[bytes], bytes | None],
    code: str,
    words: str,
):
    entries = source.manifest()[1]
    line = next(number for number, entry in enumerate(entries, start=2) if entry.path == path)
    name = entries[line - 2].pieces[-1].object
    whole, _ = storage.get(name)
    damaged = damage(whole)
    if damaged is None:
        storage.delete(name)
    else:
        storage.put(name, damaged)
    try:
        ended = Pod(tmp_path / "pod", storage, "faults/target/", [source]).stage_in()
    finally:
        storage.put(name, whole)
    assert ended.code == 75
    assert ended.report
    assert (ended.report.code, ended.report.object, ended.report.line) == (code, name, line)
    assert words in ended.report.message
    assert path in ended.log
    assert path not in ended.report.to_json()


def test_flipped_byte_without_etag_is_found_by_its_hash(source: Pod, storage: Storage, tmp_path: Path):
    """As on a rotten disk: the object's name, size and ETag do not tell."""
    data = os.urandom(40 * MIB)
    entry = next(each for each in source.manifest()[1] if each.path == "zlarge.raw")
    storage.put("faults/rot/object", data)
    rotten = Entry("large", len(data), entry.sha256, (Piece("faults/rot/object", 0, len(data)),))
    header, _ = storage.put_manifest("faults/rot/manifest", [rotten], prefixes=["faults/rot/"])
    pod = Pod(tmp_path / "pod", storage, "faults/target/")
    pod.read_input("faults/rot/manifest", header.digest, "faults/rot/")
    ended = pod.stage_in()
    assert ended.report
    assert (ended.report.code, ended.report.object, ended.report.line) == (
        "ChecksumMismatch",
        "faults/rot/object",
        2,
    )


ENTRY = Entry("a", 1, "0" * 64, (Piece("faults/elsewhere/x", 0, 1),))
MANIFESTS: dict[str, tuple[Callable[[Storage], object], str, str]] = {
    "missing": (lambda storage: storage.delete("faults/m/manifest"), "ObjectMissing", "missing"),
    "no-manifest": (lambda storage: storage.put("faults/m/manifest", b"hello"), "ManifestInvalid", "gzip"),
    "other-digest": (
        lambda storage: storage.put_manifest("faults/m/manifest", [], prefixes=[]),
        "ManifestInvalid",
        "promised",
    ),
}


@pytest.mark.parametrize(("make", "code", "words"), MANIFESTS.values(), ids=MANIFESTS)
def test_bad_manifests_are_refused(
    storage: Storage, tmp_path: Path, make: Callable[[Storage], object], code: str, words: str
):
    make(storage)
    pod = Pod(tmp_path / "pod", storage, "faults/target/")
    pod.read_input("faults/m/manifest", "sha256:0", "faults/m/")
    ended = pod.stage_in()
    assert ended.code == 75
    assert ended.report
    assert (ended.report.code, ended.report.object) == (code, "faults/m/manifest")
    assert words in ended.report.message


@pytest.mark.parametrize("partial", [True, False], ids=["partial", "outside-the-grants"])
def test_manifests_beyond_the_attempt_are_refused(storage: Storage, tmp_path: Path, partial: bool):
    entries = [] if partial else [ENTRY]
    header, _ = storage.put_manifest(
        "faults/m/manifest", entries, prefixes=["faults/elsewhere/"], partial=partial
    )
    pod = Pod(tmp_path / "pod", storage, "faults/target/")
    pod.read_input("faults/m/manifest", header.digest, "faults/m/", *(["faults/elsewhere/"] * partial))
    ended = pod.stage_in()
    assert ended.report
    assert ended.report.code == "ManifestInvalid"


def test_two_inputs_with_one_path_conflict(source: Pod, storage: Storage, tmp_path: Path):
    ended = Pod(tmp_path / "pod", storage, "faults/target/", [source, source]).stage_in()
    assert ended.report
    assert ended.report.code == "PathConflict"


def test_full_volume_is_no_space(source: Pod, storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/target/", [source])
    ended = pod.end("stage-in", pod.start_staging("stage-in", "prlimit", f"--fsize={MIB}"))
    assert ended.report
    assert ended.report.code == "NoSpace"
    assert ended.report.line


def test_broken_job_is_reported(storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/target/")
    (pod.root / "chris/job/job.json").write_text("{}")
    ended = pod.stage_in()
    assert ended.code == 75
    assert ended.report
    assert ended.report.code == "JobInvalid"


def waiting_log(pod: Pod, step: str) -> Callable[[], bool]:
    return lambda: "repeating" in (pod.root / f"{step}.log").read_text()


def test_expired_signatures_are_renewed_while_staging_in(source: Pod, storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/target/", [source])
    pod.sign(seconds=-60)
    process = pod.start_staging("stage-in")
    wait_for(waiting_log(pod, "stage-in"))
    pod.sign()
    assert pod.end("stage-in", process).code == 0


def test_expired_signatures_are_renewed_while_publishing(storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/renewed/")
    three_files(pod.outgoing)
    assert pod.stage_in().code == 0
    pod.sign(seconds=-60)
    publish, plugin = pod.start_staging("publish"), pod.start_plugin(["/bin/true"])
    wait_for(waiting_log(pod, "publish"))
    pod.sign()
    assert pod.end("plugin", plugin).code == 0
    assert pod.end("publish", publish).code == 0


def test_signatures_that_stay_expired_are_unauthorized(source: Pod, storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/target/", [source], give_up_seconds=2)
    pod.sign(seconds=-60)
    ended = pod.stage_in()
    assert ended.code == 75
    assert ended.report
    assert ended.report.code == "Unauthorized"


def test_dead_swift_is_given_up(source: Pod, storage: Storage, tmp_path: Path):
    pod = Pod(tmp_path / "pod", storage, "faults/target/", [source], give_up_seconds=2)
    pod.sign(url=f"http://127.0.0.1:{free_ports(1)[0]}")
    start = time.monotonic()
    ended = pod.stage_in()
    assert ended.report
    assert ended.report.code == "SwiftUnavailable"
    assert time.monotonic() - start < 20


def moved(process: subprocess.Popen[bytes], way: str) -> int:
    """Bytes of files that a process has read (rchar) or written (wchar)."""
    text = Path(f"/proc/{process.pid}/io").read_text()
    return int(text.split(f"{way}: ")[1].split()[0])


def half_a_gibibyte(root: Path) -> None:
    with (root / "large.raw").open("wb") as file:
        for _ in range(256):
            file.write(os.urandom(MIB))
    for number in range(500):
        (root / f"{number:05}.dcm").write_bytes(b"d" * 5000)


def test_swift_killed_in_the_middle_of_both_ways(swift: SwiftServer, storage: Storage, tmp_path: Path):
    source = Pod(tmp_path / "a", storage, "faults/killed/a/", (), give_up_seconds=120)
    half_a_gibibyte(source.outgoing)
    assert source.stage_in().code == 0
    publish, plugin = source.start_staging("publish"), source.start_plugin(["/bin/true"])
    wait_for(lambda: moved(publish, "rchar") > 60 * MIB)
    swift.kill()
    wait_for(waiting_log(source, "publish"))
    swift.start()
    assert source.end("plugin", plugin).code == 0
    published = source.end("publish", publish, 180)
    assert published.code == 0, published.log
    assert published.report
    source.digest = published.report.digest

    target = Pod(tmp_path / "b", storage, "faults/killed/b/", [source], give_up_seconds=120)
    stage_in = target.start_staging("stage-in")
    wait_for(lambda: moved(stage_in, "wchar") > 30 * MIB)
    swift.kill()
    wait_for(waiting_log(target, "stage-in"))
    swift.start()
    assert target.end("stage-in", stage_in, 180).code == 0
    subprocess.run(["diff", "-r", str(source.outgoing), str(target.incoming)], check=True)
