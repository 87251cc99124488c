"""Several inputs on a real Swift: each in its own directory; and manifests that join them hold what a copy would."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.staging.pod import Pod

from chris_operator.core import joins
from chris_operator.staging.contract import InputRef
from chris_operator.staging.manifest import Entry
from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
COPY = 'cp -r "$IN"/. "$OUT"/'
UNSTACK = 'cp -r "$IN"/one/a/. "$OUT"/'


def parent(storage: Storage, root: Path, name: str, files: dict[str, bytes]) -> Pod:
    """A run that has published these files."""
    pod = Pod(root / name, storage, f"joins/{root.name}/{name}/")

    def write(outgoing: Path) -> None:
        for path, data in files.items():
            (outgoing / path).parent.mkdir(parents=True, exist_ok=True)
            (outgoing / path).write_bytes(data)

    pod.publish_files(write)
    return pod


@pytest.fixture
def parents(storage: Storage, tmp_path: Path) -> list[Pod]:
    """Two runs that wrote other bytes under one name."""
    first = parent(storage, tmp_path, "one", {"a/scan.nii": b"first", "a/x.txt": b"same"})
    second = parent(storage, tmp_path, "two", {"a/scan.nii": b"second", "a/x.txt": b"same", "a/y": b""})
    return [first, second]


def joining(storage: Storage, root: Path, parents: Sequence[Pod]) -> Pod:
    """A run that reads each parent in a directory of its own."""
    pod = Pod(root / "join", storage, f"joins/{root.name}/join/", parents)
    told = zip(pod.job.inputs, parents, strict=True)
    placed = tuple(InputRef(ref.manifest, ref.digest, each.root.name) for ref, each in told)
    pod.job = dataclasses.replace(pod.job, inputs=placed)
    pod.sign()
    return pod


def test_equal_names_of_two_parents_do_not_meet(storage: Storage, tmp_path: Path, parents: list[Pod]):
    pod = joining(storage, tmp_path, parents)
    ended = pod.stage_in()
    assert ended.code == 0, ended.log
    found = {str(each.relative_to(pod.incoming)): each.read_bytes() for each in pod.incoming.rglob("*.nii")}
    assert found == {"one/a/scan.nii": b"first", "two/a/scan.nii": b"second"}


def below_each(parents: list[Pod]) -> list[Entry]:
    parts = ((each.root.name, each.manifest()[1]) for each in parents)
    return joins.merged(joins.Part(name, joins.below(lines, name)) for name, lines in parts)


def first_unstacked(parents: list[Pod]) -> list[Entry]:
    return joins.unstacked(parents[0].manifest()[1])


@pytest.mark.parametrize(
    ("command", "linked"), [(COPY, below_each), (UNSTACK, first_unstacked)], ids=["grouped", "unstacked"]
)
def test_what_is_linked_is_what_a_program_would_copy(
    storage: Storage,
    tmp_path: Path,
    parents: list[Pod],
    command: str,
    linked: Callable[[list[Pod]], list[Entry]],
):
    copier = joining(storage, tmp_path, parents)
    plugin, published = copier.run("/bin/sh", "-c", command)
    assert (plugin.code, published.code) == (0, 0), published.log
    place = f"joins/{tmp_path.name}/linked/"
    header, _ = storage.put_manifest(
        f"{place}manifest", linked(parents), prefixes=[each.prefix for each in parents]
    )
    assert header.digest == copier.digest
    reader = Pod(tmp_path / "reader", storage, f"joins/{tmp_path.name}/reader/")
    reader.read_input(f"{place}manifest", header.digest, place, *(each.prefix for each in parents))
    ended = reader.stage_in()
    assert ended.code == 0, ended.log
    written = {
        str(each.relative_to(copier.outgoing)) for each in copier.outgoing.rglob("*") if each.is_file()
    }
    assert {
        str(each.relative_to(reader.incoming)) for each in reader.incoming.rglob("*") if each.is_file()
    } == written


def test_a_manifest_is_adopted_only_with_all_that_it_refers_to(storage: Storage, parents: list[Pod]):
    source, target = f"{parents[0].prefix}manifest", "joins/adopted"
    digest = parents[0].digest
    assert storage.adopt_manifest(source, target, digest=digest).digest == digest
    assert storage.get(target)[0] == storage.get(source)[0]
