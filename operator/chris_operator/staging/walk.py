"""Walking an untrusted directory: regular files only, by descriptors, in the manifest's order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from chris_operator.staging.below import DIRECTORY, file_errors
from chris_operator.staging.manifest import LINK_SUFFIX


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file: its path relative to the walk's root, and its size."""

    path: str
    size: int


@dataclass(slots=True)
class Walk:
    """Iterates over the regular files below a directory; counts what it leaves out.

    Left out are links (they may point anywhere), devices, FIFOs, sockets, and `*.chrislink` files, which only
    the platform makes. One directory's names are held at a time, for each level of depth.
    """

    root: str
    skipped: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Found]:
        """All files, by path part by part."""
        with file_errors(self.root):
            descriptor = os.open(self.root, DIRECTORY)
        stack = [(descriptor, "", names_in(descriptor, ""))]
        try:
            while stack:
                directory, prefix, names = stack[-1]
                name = next(names, None)
                if name is None:
                    os.close(stack.pop()[0])
                    continue
                path = prefix + name
                with file_errors(path):
                    facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    with file_errors(path):
                        inner = open_directory(name, directory, facts.st_mode)
                    stack.append((inner, f"{path}/", names_in(inner, path)))
                elif self._is_wanted(name, facts.st_mode):
                    yield Found(path, facts.st_size)
        finally:
            for directory, _, _ in stack:
                os.close(directory)

    def _is_wanted(self, name: str, mode: int) -> bool:
        kind = "file" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "other")
        if kind == "file" and name.endswith(LINK_SUFFIX):
            kind = "chrislink"
        if kind != "file":
            self.skipped[kind] = self.skipped.get(kind, 0) + 1
        return kind == "file"


KINDS = {
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def names_in(directory: int, path: str) -> Iterator[str]:
    """A directory's names in order of their bytes."""
    with file_errors(path):
        return iter(sorted(os.listdir(directory), key=os.fsencode))


def open_directory(name: str, parent: int, mode: int) -> int:
    """A directory's descriptor; one that its own maker may not read is made readable where we may."""
    try:
        return os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        os.chmod(name, stat.S_IMODE(mode) | stat.S_IRWXU, dir_fd=parent)
        return os.open(name, DIRECTORY, dir_fd=parent)
