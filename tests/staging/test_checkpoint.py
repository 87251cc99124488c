"""A program's own state: saved when its pod is removed, brought back for the next attempt, never half."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.ports import free_ports
from tests.staging.pod import Ended, Pod, first_process, wait_for
from tests.swift_server import SwiftServer

from chris_operator.controller.checkpoints import newest
from chris_operator.storage import NotFound, ObjectInfo, Storage

pytestmark = pytest.mark.swift
SECRET = "root:"
COUNTS = """
cd "$CHRIS_CHECKPOINT_DIR"
[ ! -e count ] || { cp count "$OUT/f"; exit 0; }
trap 'echo 2 >new; mv new count; exit 143' TERM
echo 1 >count
while :; do sleep 0.1; done
"""
"""Counts to one; asked to end it counts to two; begun anew with a count it writes that down and is done."""
DEAF = COUNTS.replace("trap 'echo 2 >new; mv new count; exit 143' TERM", "trap '' TERM")


@pytest.fixture
def place(storage: Storage, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("[", "/").strip("]")
    storage.delete_prefix(f"checkpoint/{name}/")
    return f"checkpoint/{name}/"


@pytest.fixture
def pod(storage: Storage, tmp_path: Path, place: str) -> Pod:
    """The first attempt."""
    found = Pod(tmp_path / "first", storage, f"{place}attempts/1/")
    found.keep_state(f"{place}checkpoint/1/")
    return found


def removed(pod: Pod, script: str = COUNTS, before: Callable[[], object] = bool) -> Ended:
    """How publish ends when the pod is removed while the program runs."""
    assert pod.stage_in().code == 0
    publish, plugin = pod.start_staging("publish"), pod.start_plugin(["/bin/sh", "-c", script])
    wait_for((pod.checkpoint / "count").exists)
    before()
    publish.terminate()
    os.kill(first_process(plugin), signal.SIGTERM)
    ended = pod.end("publish", publish)
    plugin.kill()
    plugin.wait()
    return ended


def told(ended: Ended) -> str:
    """What publish tells of the state of a program whose pod was removed."""
    assert ended.code == 143, ended.log
    assert ended.report
    assert (ended.report.ok, ended.report.code) == (False, "Aborted")
    return ended.report.checkpoint


def test_the_next_attempt_begins_where_the_last_one_ended(
    pod: Pod, storage: Storage, tmp_path: Path, place: str
):
    assert told(removed(pod)) == "saved (1 files, 2 bytes)"
    with pytest.raises(NotFound):
        pod.manifest()
    again = Pod(tmp_path / "second", storage, f"{place}attempts/2/")
    again.keep_state(f"{place}checkpoint/2/", earlier=f"{place}checkpoint/1/")
    _, published = again.run("/bin/sh", "-c", COUNTS)
    assert published.code == 0, published.log
    assert (again.outgoing / "f").read_text() == "2\n"


def test_a_program_that_is_done_within_its_grace_has_its_output_published(pod: Pod):
    script = COUNTS.replace("echo 2 >new; mv new count; exit 143", 'cp count "$OUT/f"; exit 0')
    ended = removed(pod, script)
    assert ended.code == 0, ended.log
    assert [entry.path for entry in pod.manifest()[1]] == ["f"]


def test_a_program_that_does_not_listen_has_its_state_saved_as_it_is(pod: Pod, place: str):
    pod.keep_state(f"{place}checkpoint/1/", patience=1)
    assert told(removed(pod, DEAF)) == "saved (1 files, 2 bytes)"


def test_a_program_that_ends_before_publish_hears_of_it_has_its_state_saved(pod: Pod):
    """The node may tell its containers in any order."""
    pod.keep_state(pod.prefix.replace("attempts", "checkpoint"))
    assert pod.stage_in().code == 0
    publish = pod.start_staging("publish")
    (pod.outgoing / "partial").write_text("what it had done by then")
    plugin = pod.start_plugin(["/bin/sh", "-c", COUNTS])
    wait_for((pod.checkpoint / "count").exists)
    pod.sign(seconds=-60)  # so that publishing what the program left lasts
    os.kill(first_process(plugin), signal.SIGTERM)
    pod.end("plugin", plugin)
    wait_for(lambda: "repeating" in (pod.root / "publish.log").read_text())
    pod.sign()
    publish.terminate()
    assert told(pod.end("publish", publish)) == "saved (1 files, 2 bytes)"


def test_no_link_is_followed_out(pod: Pod, storage: Storage):
    script = (
        'ln -s /etc "$CHRIS_CHECKPOINT_DIR/etc"; ln -s /etc/passwd "$CHRIS_CHECKPOINT_DIR/link"; ' + COUNTS
    )
    assert told(removed(pod, script)) == "saved (1 files, 2 bytes)"
    for each in storage.list(pod.prefix.replace("attempts", "checkpoint")):
        assert SECRET.encode() not in storage.get(each.name)[0]


def test_nothing_is_saved_where_swift_does_not_answer(storage: Storage, tmp_path: Path, place: str):
    pod = Pod(tmp_path / "pod", storage, f"{place}attempts/1/", (), give_up_seconds=1)
    pod.keep_state(f"{place}checkpoint/1/")
    (port,) = free_ports(1)
    assert told(removed(pod, before=lambda: pod.sign(url=f"http://127.0.0.1:{port}"))) == (
        "not saved (SwiftUnavailable)"
    )
    assert list(storage.list(f"{place}checkpoint/")) == []


def test_a_program_without_a_state_is_only_aborted(storage: Storage, tmp_path: Path, place: str):
    pod = Pod(tmp_path / "pod", storage, f"{place}attempts/1/")
    assert told(removed(pod)) == ""
    assert list(storage.list(place)) == []


DAMAGES: dict[str, Callable[[Storage, str], object]] = {
    "pack-gone": lambda storage, place: storage.delete(f"{place}pack-000001.tar"),
    "pack-changed": lambda storage, place: storage.put(f"{place}pack-000001.tar", bytes(4096)),
    "manifest-gone": lambda storage, place: storage.delete(f"{place}manifest"),
    "manifest-changed": lambda storage, place: storage.put_manifest(f"{place}manifest", [], prefixes=[]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_state_is_done_without(
    pod: Pod, storage: Storage, tmp_path: Path, place: str, damage: Callable[[Storage, str], object]
):
    earlier = f"{place}checkpoint/1/"
    told(removed(pod))
    again = Pod(tmp_path / "second", storage, f"{place}attempts/2/")
    again.keep_state(f"{place}checkpoint/2/", earlier=earlier)
    damage(storage, earlier)
    staged = again.stage_in()
    assert staged.code == 0, staged.log
    assert "the program begins anew" in staged.log
    assert list(again.checkpoint.iterdir()) == []


def test_a_state_waits_for_a_swift_that_is_away(pod: Pod, storage: Storage, tmp_path: Path, place: str):
    told(removed(pod))
    again = Pod(tmp_path / "second", storage, f"{place}attempts/2/", (), give_up_seconds=1)
    again.keep_state(f"{place}checkpoint/2/", earlier=f"{place}checkpoint/1/")
    again.sign(url=f"http://127.0.0.1:{free_ports(1)[0]}")
    staged = again.stage_in()
    assert staged.code == 75
    assert staged.report
    assert staged.report.code == "SwiftUnavailable"


def test_the_last_whole_state_counts_and_older_ones_go(storage: Storage, place: str):
    for number in (1, 3, 6):
        storage.put_manifest(f"{place}{number}/manifest", [], prefixes=[])
    storage.put(f"{place}4/pack-000001.tar", b"its pod was killed before its manifest was there")
    found = newest(storage, place, 5)
    assert found is not None
    assert found[0] == f"{place}3/"
    kept = [each.name.removeprefix(place) for each in storage.list(place)]
    assert kept == ["3/manifest", "4/pack-000001.tar", "6/manifest"]
    assert newest(storage, place, 1) is None


def test_a_second_start_of_stage_in_begins_anew(pod: Pod):
    assert pod.stage_in().code == 0
    (pod.checkpoint / "left").write_text("by an earlier start")
    assert pod.stage_in().code == 0
    assert subprocess.run(["ls", "-A", str(pod.checkpoint)], capture_output=True, check=True).stdout == b""


class Lagging(Storage):
    """A Swift whose container servers have not heard yet of what was just written: it is there, but not listed."""

    def list(self, prefix: str, *, delimiter: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002  as its parent's
        yield from ()


def test_what_was_saved_a_moment_ago_need_not_be_listed(storage: Storage, swift: SwiftServer, place: str):
    header, _ = storage.put_manifest(f"{place}2/manifest", [], prefixes=[f"{place}2/"])
    assert newest(Lagging(swift.credentials), place, 4) == (f"{place}2/", header.digest)
