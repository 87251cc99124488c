"""What a plugin writes is what the next one reads, byte for byte, whatever it is."""

import hashlib
import itertools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.staging.pod import Pod

from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
NUMBER = itertools.count()


def write(root: Path, path: bytes, data: bytes) -> None:
    target = root / os.fsdecode(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def content(root: Path) -> dict[str, str]:
    """Every file below a directory with its hash."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def nothing(_: Path) -> None:
    pass


def one(root: Path) -> None:
    write(root, b"brain.nii", b"x" * 1000)


def empty_files(root: Path) -> None:
    for name in (b"a", b"d/b", b"c"):
        write(root, name, b"")
    write(root, b"d/full", b"x")


def many_small(root: Path) -> None:
    for number in range(3000):
        write(root, b"series-%02d/%05d.dcm" % (number % 7, number), os.urandom(number % 600))


def big(root: Path) -> None:
    write(root, b"big.raw", os.urandom((20 << 20) + 12345))
    write(root, b"a/small", b"first")
    write(root, b"z/small", b"last")


def names(root: Path) -> None:
    for name in (
        b"a b",
        b"new\nline",
        "Größe/λ🐈".encode(),
        b"\xff\xfe/\x80",
        b"100%/%41?x=1#y",
        b"-rf",
        b"'\"\\",
    ):
        write(root, name, name)
    write(root, b"n" * 255, b"long")
    write(root, b"/".join([b"d" * 200] * 3) + b"/f", b"long path")


def deep(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for level in range(400):
        name = b"directory-%d" % level
        os.mkdir(name, dir_fd=descriptor)
        inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    with os.fdopen(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor), "wb") as file:
        file.write(b"deep")
    os.close(descriptor)


TREES: dict[str, tuple[Callable[[Path], None], dict[str, int]]] = {
    "nothing": (nothing, {}),
    "one": (one, {}),
    "empty-files": (empty_files, {}),
    "many-small": (many_small, {}),
    "many-packs": (many_small, {"pack_bytes": 100_000}),
    "big": (big, {}),
    "big-in-pieces": (big, {"piece_bytes": 8 << 20}),
    "names": (names, {}),
    "one-thread": (many_small, {"threads": 1, "pack_bytes": 300_000}),
}


@pytest.mark.parametrize(("make", "limits"), TREES.values(), ids=TREES)
def test_trees_arrive_unchanged(
    make: Callable[[Path], None], limits: dict[str, int], storage: Storage, tmp_path: Path
):
    number = next(NUMBER)
    source = Pod(tmp_path / "a", storage, f"rt/{number}/a/", (), **limits)
    report = source.publish_files(make)
    target = Pod(tmp_path / "b", storage, f"rt/{number}/b/", [source], **limits)
    _, published = target.run("/bin/sh", "-c", 'cp -r "$IN/." "$OUT"')
    assert content(target.incoming) == content(source.outgoing)
    assert report.files == len(content(source.outgoing))
    assert published.report
    assert published.report.digest == report.digest


def test_deep_trees_arrive(storage: Storage, tmp_path: Path):
    """400 levels: longer than PATH_MAX, so only descriptors get there."""
    source = Pod(tmp_path / "a", storage, "rt/deep/a/")
    source.publish_files(deep)
    target = Pod(tmp_path / "b", storage, "rt/deep/b/", [source])
    assert target.stage_in().code == 0
    assert target.publish_files().files == 0
    (entry,) = source.manifest()[1]
    assert entry.path.count("/") == 400
    descriptor = os.open(target.incoming, os.O_RDONLY)
    for part in entry.path.split("/")[:-1]:
        inner = os.open(part, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    assert os.stat("leaf", dir_fd=descriptor).st_size == 4
    os.close(descriptor)


def test_packs_are_plain_tar(storage: Storage, tmp_path: Path):
    source = Pod(tmp_path / "a", storage, "rt/tar/a/")
    source.publish_files(names)
    (pack,) = [name for name in source.objects() if name.endswith(".tar")]
    archive = tmp_path / pack
    archive.write_bytes(storage.get(source.prefix + pack)[0])
    for number, tar in enumerate((["tar"], ["/bin/busybox", "tar"])):
        target = tmp_path / str(number)
        target.mkdir()
        subprocess.run([*tar, "-xf", str(archive), "-C", str(target)], check=True)
        assert content(target) == content(source.outgoing)


def test_equal_outputs_have_equal_digests(storage: Storage, tmp_path: Path):
    digests = {
        Pod(tmp_path / str(size), storage, f"rt/digest/{size}/", pack_bytes=size).publish_files(many).digest
        for size in (50_000, 1 << 20)
    }
    assert len(digests) == 1


def many(root: Path) -> None:
    for number in range(300):
        write(root, b"%03d" % number, b"%d" % number * number)
