"""Swift goes away, rots, forgets; signatures expire in a queue: runs outlive it, and what is wrong is told where it is."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from tests.controller.tenant import Run, Tenant
from tests.world.cluster import PATIENCE, PROBE, SOURCE, World, wait_for

pytestmark = pytest.mark.cluster

MIB = 1 << 20
LIFETIME = 8
FILE_BYTES = 4096


def stored_bytes(world: World) -> int:
    """What lies in Swift's directory, whoever may be reached."""
    found = 0
    for path in (world.swift.root / "data").rglob("*"):
        try:
            found += path.stat().st_size
        except OSError:  # it was renamed into place meanwhile
            continue
    return found


def test_swift_away_at_stage_in_and_in_the_middle_of_publish(world: World, tenant: Tenant):
    big = {"files": 48, "bytes": 4 * MIB, "sleep": 4.0}
    parent = tenant.run("parent", SOURCE)
    parent.until("Completed", "True", seconds=PATIENCE)
    writer = tenant.run("writer", SOURCE, parameters=big, resources={"memory": "128Mi"})
    writer.until("Running", seconds=PATIENCE)
    with world.cordoned():
        reader = tenant.run("reader", PROBE, ["parent"], parameters={"report": True})
        queued = reader.until("Unschedulable", seconds=PATIENCE)
        before = stored_bytes(world)
        wait_for(lambda: stored_bytes(world) > before + 16 * MIB, "the writer's publish is under way")
        world.swift.kill()
    world.says(writer, "publish", "repeating")
    assert writer.until("Publishing") == "the output is being published"
    assert reader.until("StagingIn", seconds=PATIENCE) == "the input is being fetched"
    world.says(reader, "stage-in", "repeating")
    world.swift.start()
    for run, files in ((writer, 48), (reader, 2)):
        run.until("Completed", "True", seconds=PATIENCE)
        assert run.status["output"]["files"] == files
        assert run.status["attempt"]["number"] == 1
        assert "failures" not in run.status
    writer.told(("Normal", "Completed", f"48 files, {48 * 4 * MIB} bytes"))
    reader.heard("Normal", "Unschedulable", queued)
    reader.heard("Normal", "Completed", reader.until("Completed", "True"))
    assert sha256s(world, writer) == {f"00/{n:04}.bin": sha256(n, 4 * MIB) for n in range(48)}


def sha256(number: int, size: int) -> str:
    """Of what the test programs write into their file of this number."""
    return hashlib.sha256(hashlib.shake_128(f"file {number}".encode()).digest(size)).hexdigest()


def place_of(run: Run) -> str:
    status = run.status
    number = status["output"]["attempt"]
    return f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}/attempts/{number}/"


def sha256s(world: World, run: Run) -> dict[str, str]:
    """Of every file of a run's output, of the bytes as they lie in Swift."""
    _, entries = world.storage.read_manifest(f"{place_of(run)}manifest")
    objects = {piece.object for entry in entries for piece in entry.pieces}
    held = {name: world.storage.get(name)[0] for name in objects}

    def content(pieces: object) -> bytes:
        return b"".join(held[p.object][p.offset : p.offset + p.size] for p in pieces)  # type: ignore[attr-defined]

    return {entry.path: hashlib.sha256(content(entry.pieces)).hexdigest() for entry in entries}


# -- what Swift holds is not what was written


@dataclass(frozen=True)
class Damage:
    """Something wrong with one object, as it is told, and how it is done; `do` returns how to undo it."""

    code: str
    words: str
    do: Callable[[World, str, bytes], Callable[[], object]]


def _flip(world: World, _name: str, held: bytes) -> Callable[[], object]:
    """One byte on the disk, under Swift's nose: size, name and recorded ETag stay."""
    files = [path for path in (world.swift.root / "data").rglob("*.data") if held in path.read_bytes()]
    assert files, "the object lies in Swift's directory"
    places = [(path, path.read_bytes().index(held)) for path in files]

    def flip() -> None:
        for path, place in places:
            _flip_byte(path, place)

    flip()
    return flip


def _flip_byte(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def _remove(world: World, name: str, _held: bytes) -> Callable[[], object]:
    whole, _ = world.storage.get(name)
    world.storage.delete(name)
    return lambda: world.storage.put(name, whole)


DAMAGES = {
    "byte-flipped": Damage("ChecksumMismatch", "", _flip),
    "object-missing": Damage("ObjectMissing", "object is missing in Swift", _remove),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_rots_is_found_by_the_next_run(world: World, tenant: Tenant, damage: Damage):
    """The condition tells object and manifest line, the log the file; mended in time, nobody loses anything."""
    parent = tenant.run("parent", SOURCE, parameters={"files": 3, "bytes": FILE_BYTES})
    parent.until("Completed", "True", seconds=PATIENCE)
    _, entries = world.storage.read_manifest(f"{place_of(parent)}manifest")
    line, entry = next((n, e) for n, e in enumerate(entries, start=2) if e.path == "00/0001.bin")
    held = hashlib.shake_128(b"file 1").digest(FILE_BYTES)
    mend = damage.do(world, entry.pieces[0].object, held)
    try:
        child = tenant.run("child", PROBE, ["parent"], parameters={"report": True})
        message = child.until("StageInFailed", attempt=1, seconds=PATIENCE)
        said = world.log(child, "stage-in")
    finally:
        mend()
    told_line = line if damage.code == "ChecksumMismatch" else 2  # the first file of the object
    words = (
        f"stage-in failed with {damage.code} at object {entry.pieces[0].object}, manifest line {told_line}: "
    )
    assert message.startswith(f"attempt 1: {words}{damage.words}")
    assert message.endswith("; attempt 2 follows")
    named = "00/0001.bin" if damage.code == "ChecksumMismatch" else "00/0000.bin"
    assert named in said
    assert ".bin" not in message
    child.heard("Warning", "StageInFailed", message)
    child.until("Completed", "True", seconds=PATIENCE)
    failures = child.status["failures"]
    assert set(failures) == {"StageInFailed"}
    assert child.status["output"]["attempt"] == failures["StageInFailed"] + 1
    assert sha256s(world, child)["00/0000.bin"] == sha256(0, 1024)
    assert "output" in parent.status


# -- signatures


@pytest.fixture
def short_lived(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operator signs for a few seconds only."""
    with monkeypatch.context() as changed:
        changed.setitem(world.operator.environment, "CHRIS_URL_LIFETIME_SECONDS", str(LIFETIME))
        world.restart_operator()
        yield
    world.restart_operator()


@pytest.mark.usefixtures("short_lived")
@pytest.mark.parametrize("watched", [True, False], ids=["operator-there", "operator-away"])
def test_signatures_that_expire_while_the_pod_is_queued(world: World, tenant: Tenant, watched: bool):
    parent = tenant.run("parent", SOURCE)
    parent.until("Completed", "True", seconds=PATIENCE)
    with world.cordoned():
        child = tenant.run("child", PROBE, ["parent"])
        queued = child.until("Unschedulable", seconds=PATIENCE)
        assert "unschedulable" in queued
        job = child.attempt().stage_job
        if not watched:
            # The status is written first: an operator killed then would never tell the Event.
            child.told(("Normal", "Unschedulable", queued))
            world.operator.kill()
        url = f"{job.swift.url}{job.inputs[0].manifest}?{job.get[0].query}"
        wait_for(lambda: requests.get(url, timeout=10).status_code == 401, "the first signature expires")
    if not watched:
        world.says(child, "stage-in", "repeating")
        world.operator.start()
    child.until("Completed", "True", seconds=PATIENCE)
    child.told(("Normal", "Unschedulable", queued), ("Normal", "Completed", "1 files, 1024 bytes"))
    assert child.status["attempt"]["number"] == 1
    assert "failures" not in child.status
    assert sha256s(world, child) == {"00/0000.bin": sha256(0, 1024)}
