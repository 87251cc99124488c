"""`kubectl chris cp`: files of a run here and files from here to Swift; proven, resumed, never over others."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from tests.runs import instance
from tests.staging.pod import Pod
from tests.staging.test_round_trip import big, content, many_small, names, nothing, write

from chris_operator.cli.access import told
from chris_operator.cli.download import chosen, download
from chris_operator.cli.errors import UserError
from chris_operator.cli.outputs import Output
from chris_operator.cli.upload import upload
from chris_operator.core.names import attempt_prefix
from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
NUMBER = count(1000)


def published(
    storage: Storage, root: Path, make: Callable[[Path], None], **limits: int
) -> tuple[Pod, Output]:
    """A run with what `make` writes as its output."""
    number = next(NUMBER)
    pod = Pod(root / f"pod-{number}", storage, attempt_prefix("alice", 3, number, 1), (), **limits)
    report = pod.publish_files(make)
    output = {"attempt": 1, "digest": report.digest, "files": report.files, "bytes": report.bytes}
    run = instance(status={"id": number, "feed": "look", "feedId": 3, "user": "alice", "output": output})
    return pod, Output.read(storage, run)


def here(target: Path) -> dict[str, str]:
    found = content(target)
    assert [path for path in found if ".kubectl-chris" in path] == []
    return found


@pytest.mark.parametrize("make", [nothing, names, many_small, big], ids=lambda make: make.__name__)
def test_everything_comes_here(make: Callable[[Path], None], storage: Storage, tmp_path: Path):
    pod, output = published(storage, tmp_path, make, piece_bytes=8 << 20)
    brought = download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert here(tmp_path / "target") == content(pod.outgoing)
    assert (brought.files, brought.kept) == (len(content(pod.outgoing)), 0)
    again = download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert again.kept == again.files, "what is here already is not brought anew"


def test_it_goes_on_where_it_was_interrupted(storage: Storage, tmp_path: Path):
    pod, output = published(storage, tmp_path, big)
    (large,) = [each.entry.pieces[0].object for each in output.files() if each.path == "big.raw"]
    data, _ = storage.get(large)
    storage.delete(large)
    with pytest.raises(UserError, match="ObjectMissing"), told():
        download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert not (tmp_path / "target" / "big.raw").exists(), "a file is there wholly or not at all"
    storage.put(large, data)
    brought = download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert brought.kept == 2, "the small files had arrived"
    assert here(tmp_path / "target") == content(pod.outgoing)


def test_a_byte_that_rots_on_the_way_is_found(storage: Storage, tmp_path: Path):
    pod, output = published(storage, tmp_path, lambda root: write(root, b"a", b"x" * 5000))
    (pack,) = [name for name in pod.objects() if name.endswith(".tar")]
    data, _ = storage.get(pod.prefix + pack)
    storage.put(pod.prefix + pack, data.replace(b"xx", b"xy", 1))
    with pytest.raises(UserError, match="ChecksumMismatch"), told():
        download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert not (tmp_path / "target" / "a").exists()


def test_what_differs_is_left_alone_unless_asked(storage: Storage, tmp_path: Path):
    _, output = published(storage, tmp_path, lambda root: write(root, b"a", b"theirs"))
    write(tmp_path / "target", b"a", b"mine")
    write(tmp_path / "target", b"b", b"mine as well")
    with pytest.raises(
        UserError, match="target/a exists and differs: name another folder, or add --overwrite"
    ):
        download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert (tmp_path / "target" / "a").read_bytes() == b"mine"
    download(storage, output, output.files(), tmp_path / "target", overwrite=True)
    assert (tmp_path / "target" / "a").read_bytes() == b"theirs"
    assert (tmp_path / "target" / "b").read_bytes() == b"mine as well"


def test_a_target_that_is_a_file_is_told(storage: Storage, tmp_path: Path):
    _, output = published(storage, tmp_path, lambda root: write(root, b"a", b"theirs"))
    write(tmp_path, b"target", b"mine")
    with pytest.raises(UserError, match=r"cannot be written \(Not a directory\): name another place"):
        download(storage, output, output.files(), tmp_path / "target", overwrite=False)
    assert (tmp_path / "target").read_bytes() == b"mine"


def test_a_part_of_it(storage: Storage, tmp_path: Path):
    def make(root: Path) -> None:
        write(root, b"sub/x/1", b"one")
        write(root, b"sub/2", b"two")
        write(root, b"other", b"three")

    _, output = published(storage, tmp_path, make)
    download(storage, output, chosen(output.files(), "sub", "scan"), tmp_path / "target", overwrite=False)
    assert set(here(tmp_path / "target")) == {"x/1", "2"}


# Uploads


def folder(root: Path) -> Path:
    write(root / "study", b"a.dcm", b"alpha")
    write(root / "study", "sub/Größe, 1.dcm".encode(), b"beta")
    write(root / "study", b"empty", b"")
    write(root / "study", b"large", os.urandom(3 << 20))
    (root / "study" / "link").symlink_to("/etc/passwd")
    return root / "study"


def stored(storage: Storage, place: str) -> dict[str, bytes]:
    return {info.name.removeprefix(place): storage.get(info.name)[0] for info in storage.list(place)}


def test_a_folder_goes_up_with_its_name(storage: Storage, tmp_path: Path):
    source, place = folder(tmp_path), f"home/alice/uploads/up-{next(NUMBER)}/"
    sent = upload(storage, [source], place, overwrite=False)
    assert stored(storage, place) == {
        f"study/{path}": (source / path).read_bytes()
        for path in ("a.dcm", "sub/Größe, 1.dcm", "empty", "large")
    }
    assert (sent.files, sent.kept, sent.skipped) == (4, 0, 1)


def test_what_is_there_is_not_sent_again_and_what_differs_stays(storage: Storage, tmp_path: Path):
    source, place = folder(tmp_path), f"home/alice/uploads/up-{next(NUMBER)}/"
    upload(storage, [source / "a.dcm"], f"{place}study", overwrite=False)
    assert upload(storage, [source], place, overwrite=False).kept == 1
    (source / "a.dcm").write_bytes(b"ALPHA")
    with pytest.raises(
        UserError, match=r"study/a\.dcm is there already and differs: name another place, or add"
    ):
        upload(storage, [source], place, overwrite=False)
    assert stored(storage, place)["study/a.dcm"] == b"alpha"
    assert upload(storage, [source], place, overwrite=True).kept == 3
    assert stored(storage, place)["study/a.dcm"] == b"ALPHA"


def absent(root: Path) -> Path:
    return root / "nothing"


def fifo(root: Path) -> Path:
    os.mkfifo(root / "fifo")
    return root / "fifo"


def odd_name(root: Path) -> Path:
    write(root / "d", b"\xff", b"")
    return root / "d"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (absent, "cannot be read: No such file or directory"),
        (fifo, "is neither a file nor a folder"),
        (odd_name, "is no UTF-8"),
    ],
    ids=["absent", "fifo", "name"],
)
def test_what_cannot_be_sent_is_named(
    make: Callable[[Path], Path], words: str, storage: Storage, tmp_path: Path
):
    with pytest.raises(UserError, match=words):
        upload(storage, [make(tmp_path)], "home/alice/uploads/x", overwrite=False)
