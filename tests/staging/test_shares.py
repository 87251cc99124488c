"""Several workers on a real Swift: each gets its share, publishes a part, and the union is what one would have made."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.staging.pod import Pod

from chris_operator.staging.contract import Report, Split
from chris_operator.staging.manifest import Entry, encode
from chris_operator.storage import Storage, StorageError
from chris_operator.storage.parts import READ_TOGETHER, Uniter

pytestmark = pytest.mark.swift
NUMBER = itertools.count()
COUNT = 3
COPY = ("/bin/sh", "-c", "cp -r $IN/. $OUT/")


def tree(root: Path) -> None:
    """Five directories with large and small files, and some beside them."""
    for number in range(40):
        folder = root / f"series-{number % 5}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:03}.dcm").write_bytes(bytes([number]) * (1 + 997 * number))
    (root / "series-2" / "large.nii").write_bytes(bytes(20 << 20))
    (root / "series-2" / "empty").touch()
    (root / "participants.tsv").write_text("id\n")


def new_prefix() -> str:
    return f"home/alice/feeds/feed_9/runs/{next(NUMBER)}/attempts/1/"


@pytest.fixture
def source(tmp_path: Path, storage: Storage) -> Pod:
    pod = Pod(tmp_path / "source", storage, new_prefix())
    pod.publish_files(tree)
    return pod


def worker(source: Pod, prefix: str, split: Split, index: int, *command: str) -> Report:
    """One of COUNT workers, from stage-in to publish; publish's report."""
    pod = Pod(source.root.parent / f"{split}-{index}", source.storage, prefix, [source], pack_bytes=1 << 20)
    _, published = pod.share(split, COUNT, index).run(*(command or COPY))
    assert published.report, published.log
    return published.report


@pytest.mark.parametrize("split", ["files", "directories"])
def test_the_union_of_the_shares_is_the_whole(source: Pod, storage: Storage, split: Split):
    prefix = new_prefix()
    reports = [worker(source, prefix, split, index) for index in range(COUNT)]
    assert all(report.files for report in reports)
    assert sum(report.files for report in reports) == 43
    made = Uniter(storage, prefix).unite(range(COUNT), [], whole=True)
    assert made.header.digest == source.digest
    assert made.header.prefixes == (prefix,)
    assert made.used.cpu_seconds == pytest.approx(sum(report.cpu_seconds or 0 for report in reports))
    header, entries = storage.read_manifest(f"{prefix}manifest")
    assert (header, len(entries)) == (made.header, 43)
    parts = {entry.path: entry.pieces[0].object.split("/parts/")[1][0] for entry in entries if entry.pieces}
    if split == "directories":
        assert len({(path.split("/")[0], part) for path, part in parts.items() if "/" in path}) == 5


def test_the_next_run_reads_the_union(source: Pod, storage: Storage, tmp_path: Path):
    prefix = new_prefix()
    for index in range(COUNT):
        worker(source, prefix, "files", index)
    made = Uniter(storage, prefix).unite(range(COUNT), [], whole=True)
    child = Pod(tmp_path / "child", storage, new_prefix())
    child.read_input(f"{prefix}manifest", made.header.digest, prefix)
    assert child.stage_in().code == 0
    found = {str(path.relative_to(child.incoming)) for path in child.incoming.rglob("*") if path.is_file()}
    assert len(found) == 43
    assert (child.incoming / "series-2" / "large.nii").stat().st_size == 20 << 20


def test_a_program_that_divides_the_work_itself_gets_all_of_it(source: Pod, storage: Storage):
    prefix = new_prefix()
    for index in range(COUNT):
        report = worker(source, prefix, "index", index, "/bin/sh", "-c", f"cp -r $IN $OUT/{index}")
        assert report.files == 43
    made = Uniter(storage, prefix).unite(range(COUNT), [], whole=True)
    assert (made.header.files, made.sieve.clashes) == (3 * 43, 0)


def test_who_writes_the_same_path_is_named_in_the_log(source: Pod, storage: Storage):
    prefix = new_prefix()
    for index in range(COUNT):
        path = "same" if index else f"own-{index}"
        worker(source, prefix, "index", index, "/bin/sh", "-c", f"echo {index} >$OUT/{path}")
    made = Uniter(storage, prefix).unite(range(COUNT), [], whole=True)
    assert (made.sieve.clashes, made.header.files, made.header.partial) == (1, 2, True)
    assert b"path 'same' was written by workers 1 and 2\n" in storage.get(f"{prefix}log")[0]


def test_a_second_try_leaves_the_firsts_data_alone(source: Pod, storage: Storage, tmp_path: Path):
    """A pod that was given up may still write: what a manifest of the other refers to must stay as it is."""
    prefix = new_prefix()
    tries = []
    for number in range(2):
        pod = Pod(tmp_path / f"try-{number}", storage, prefix, [source]).share("index", COUNT, 1)
        pod.run("/bin/sh", "-c", f"echo {number} >$OUT/x")
        _, entries = storage.read_manifest(f"{prefix}parts/1/manifest")
        tries.append(entries[0].pieces[0].object)
    assert tries[0] != tries[1]
    assert {tries[0], tries[1]} <= {each.name for each in storage.list(f"{prefix}parts/1/")}


def test_what_failed_workers_left_is_kept_with_the_end_of_their_logs(source: Pod, storage: Storage):
    prefix = new_prefix()
    worker(source, prefix, "index", 0, "/bin/sh", "-c", "echo 0 >$OUT/good")
    failed = worker(source, prefix, "index", 1, "/bin/sh", "-c", "echo 1 >$OUT/half; echo it broke; exit 3")
    assert failed.exit_code == 3
    made = Uniter(storage, prefix).unite([0], [1, 2], whole=False)
    assert (made.header.files, made.header.partial) == (2, True)
    log = storage.get(f"{prefix}log")[0].decode()
    assert log.startswith("1 workers succeeded, 2 failed; ")
    assert "--- the end of the log of worker 1\nit broke\n" in log
    assert log.endswith("--- the end of the log of worker 2\n(it left none)\n")
    with pytest.raises(StorageError, match="parts/1/manifest: is that of a worker that failed"):
        Uniter(storage, prefix).unite([0, 1], [], whole=True)


def part(storage: Storage, prefix: str, index: int, *paths: str, elsewhere: str = "") -> None:
    """A part's manifest, of empty files, as publish would write it."""
    entries = [Entry(path, sha256="0" * 64) for path in paths]
    own = f"{prefix}parts/{index}/"
    storage.put(f"{own}manifest", encode(entries, [elsewhere or f"{own}try-0/"]))


def test_many_parts_are_merged_in_turns(storage: Storage):
    prefix, many = new_prefix(), 2 * READ_TOGETHER + 3
    for index in range(many):
        part(storage, prefix, index, *(f"{file}/{index:03}" for file in range(7)))
    part(storage, prefix, 1, "0/000")
    first = Uniter(storage, prefix).unite(range(many), [], whole=True)
    data = storage.get(f"{prefix}manifest")[0]
    assert (first.header.files, first.sieve.clashes) == (7 * (many - 1), 1)
    assert first.sieve.told[0] == ("0/000", 0, 1)
    assert Uniter(storage, prefix).unite(range(many), [], whole=True) == first
    assert storage.get(f"{prefix}manifest")[0] == data, "done twice it writes the same bytes"


def test_a_long_part_is_read_range_by_range(storage: Storage):
    prefix = new_prefix()
    part(
        storage,
        prefix,
        0,
        *(f"{number * 7919 % 100_003:06}-{number * 104_729:x}" for number in range(30_000)),
    )
    size = storage.head(f"{prefix}parts/0/manifest").bytes
    assert size > 128 << 10
    assert Uniter(storage, prefix).unite([0], [], whole=True).header.files == 30_000


def _nothing(_storage: Storage, _prefix: str) -> None:
    pass


def _foreign(storage: Storage, prefix: str) -> None:
    part(storage, prefix, 1, "x", elsewhere="home/mallory/")


def _nonsense(storage: Storage, prefix: str) -> None:
    storage.put(f"{prefix}parts/1/manifest", b"nonsense")


def _cut(storage: Storage, prefix: str) -> None:
    part(storage, prefix, 1, *(f"{number:05}" for number in range(1000)))
    data = storage.get(f"{prefix}parts/1/manifest")[0]
    storage.put(f"{prefix}parts/1/manifest", data[: len(data) // 2])


BROKEN: dict[str, tuple[Callable[[Storage, str], None], str]] = {
    "missing": (_nothing, "parts/1/manifest: is missing"),
    "refers-elsewhere": (_foreign, "prefix is not among the allowed ones"),
    "nonsense": (_nonsense, "is no whole gzip"),
    "cut": (_cut, "is no whole gzip"),
}


@pytest.mark.parametrize(("damage", "words"), BROKEN.values(), ids=BROKEN)
def test_a_part_that_does_not_hold_is_named(
    storage: Storage, damage: Callable[[Storage, str], None], words: str
):
    prefix = new_prefix()
    part(storage, prefix, 0, "a")
    damage(storage, prefix)
    with pytest.raises(StorageError, match=words) as caught:
        Uniter(storage, prefix).unite([0, 1], [], whole=True)
    assert caught.value.object == f"{prefix}parts/1/manifest"
    assert f"{prefix}manifest" not in [each.name for each in storage.list(prefix)]
