"""Lines of manifests chosen, moved and put together: as a program would that copies the same files."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from chris_operator.core import joins
from chris_operator.core.joins import CollisionError, Part
from chris_operator.staging import manifest
from chris_operator.staging.manifest import Entry, Piece

LINK = "home_a_x.chrislink"


def file(path: str, content: str = "", within: str = "") -> Entry:
    """A file whose bytes lie somewhere."""
    content = content or path
    sha = hashlib.sha256(content.encode()).hexdigest()
    return Entry(path, len(content), sha, (Piece(f"p/{content}", 0, len(content)),), within=within)


def files(*paths: str) -> list[Entry]:
    return [file(path) for path in paths]


LINKED = [Entry(LINK, link="home/a/x"), file("1.dcm", within=LINK), file("s/2.nii", within=LINK)]
TREE = [*LINKED, *files("a", "b/c")]


def lines(entries: Sequence[Entry]) -> list[str]:
    """Each line's path; a link's and what stands behind one with their link."""
    return [f"{each.within}>{each.path}" if each.within else each.path for each in entries]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({0, 1, 2, 3, 4}, [LINK, f"{LINK}>1.dcm", f"{LINK}>s/2.nii", "a", "b/c"]),
        ({0}, [LINK, f"{LINK}>1.dcm", f"{LINK}>s/2.nii"]),
        ({2, 4}, ["home_a_x/s/2.nii", "b/c"]),
        (set[int](), []),
    ],
    ids=["everything", "a-link", "behind-a-link", "nothing"],
)
def test_lines_are_chosen(numbers: set[int], expected: list[str]):
    assert lines(joins.chosen(TREE, numbers)) == expected


def test_a_part_may_come_into_a_directory():
    assert lines(joins.below(TREE, "7")) == [
        f"7/{LINK}",
        f"7/{LINK}>1.dcm",
        f"7/{LINK}>s/2.nii",
        "7/a",
        "7/b/c",
    ]
    assert joins.below(TREE, "") == TREE


def test_equal_files_become_one():
    joined = joins.merged([Part("one", files("a", "b")), Part("two", [*files("b", "c")])])
    assert lines(joined) == ["a", "b", "c"]


def test_a_file_behind_a_link_and_the_same_beside_it_are_one():
    plain = [file("home_a_x/1.dcm", "1.dcm")]
    assert lines(joins.merged([Part("one", LINKED), Part("two", plain)])) == lines(LINKED)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([("one", files("a")), ("two", [file("a", "x")])], "one and two hold different files at one path"),
        (
            [("one", files("a", "b")), ("two", [file("a", "x"), file("b", "y")])],
            "one and two hold different files at 2 paths",
        ),
        ([("one", files("a")), ("two", files("a/b"))], "one and two hold different files at one path"),
        ([("two", files("a/b")), ("one", files("a", "a.b"))], "one and two hold different files at one path"),
        ([("one", LINKED), ("two", [file("home_a_x/1.dcm", "x")])], "one and two hold different"),
        ([("one", [*LINKED, file("home_a_x/1.dcm", "x")])], "one holds different files at one path"),
    ],
    ids=["content", "two", "below-a-file", "above-a-file", "behind-a-link", "alone"],
)
def test_unequal_files_of_one_path_are_refused_without_their_names(
    parts: list[tuple[str, list[Entry]]], words: str
):
    with pytest.raises(CollisionError, match=words) as refusal:
        joins.merged([Part(name, entries) for name, entries in parts])
    assert not any(name in str(refusal.value) for name in ("a.b", ".dcm", "home"))


UNSTACKED: dict[str, tuple[list[str], dict[str, str]]] = {
    "deep": (["a/b/1", "a/b/c/2"], {"1": "a/b/1", "c/2": "a/b/c/2"}),
    "flat": (["1", "2"], {"1": "1", "2": "2"}),
    "one-file": (["a/b/1"], {"1": "a/b/1"}),
    "a-file-at-the-top": (["1"], {"1": "1"}),
    "two-folders": (["a/1", "b/1"], {"a/1": "a/1", "b/1": "b/1"}),
    "hidden-files-count": (["a/.x", "a/b/1"], {".x": "a/.x", "b/1": "a/b/1"}),
    "special-files-stay-behind": (["a/1", "a/2", "input.meta.json"], {"1": "a/1", "2": "a/2"}),
    "special-files-come-with-others": (
        ["a/1", "b/1", "output.meta.json"],
        {"a/1": "a/1", "b/1": "b/1", "output.meta.json": "output.meta.json"},
    ),
    "special-files-count-below": (
        ["a/b/1", "a/input.meta.json"],
        {"b/1": "a/b/1", "input.meta.json": "a/input.meta.json"},
    ),
    "only-special-files": (["input.meta.json"], {"input.meta.json": "input.meta.json"}),
}


@pytest.mark.parametrize(("paths", "expected"), UNSTACKED.values(), ids=UNSTACKED)
def test_unstacking(paths: list[str], expected: Mapping[str, str]):
    found = joins.unstacked(files(*paths))
    assert {each.path: each.pieces[0].object.removeprefix("p/") for each in found} == expected


def test_unstacking_looks_behind_links():
    assert lines(joins.unstacked(LINKED)) == ["1.dcm", "s/2.nii"]


def copied(parts: Mapping[str, Sequence[Entry]], root: Path) -> list[Entry]:
    """What a program writes that copies each part below its directory, and publish reads again."""
    for directory, entries in parts.items():
        for entry in entries:
            target = root / directory / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(entry.pieces[0].object.removeprefix("p/"))
    return [file(str(each.relative_to(root)), each.read_text()) for each in root.rglob("*") if each.is_file()]


@pytest.mark.parametrize("grouped", [False, True], ids=["together", "grouped"])
def test_the_digest_is_that_of_a_copy(tmp_path: Path, grouped: bool):
    parts = {"7": files("a.nii", "s/b"), "12": files("s/c", "s/b", "a/z", "a.txt")}
    directories = {number: number if grouped else "" for number in parts}
    joined = joins.merged([Part(n, joins.below(part, directories[n])) for n, part in parts.items()])
    copy: dict[str, list[Entry]] = {}
    for number, part in parts.items():
        copy.setdefault(directories[number], []).extend(part)
    assert manifest.digest(joined) == manifest.digest(copied(copy, tmp_path))
