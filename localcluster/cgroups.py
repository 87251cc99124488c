"""The cgroup of a cluster, under cgroup v1, hybrid and pure v2."""

import os
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import ClusterError
from localcluster.shell import wait_until

NEEDED_V2 = ("cpu", "cpuset", "io", "memory", "hugetlb", "pids")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup tree."""

    path: Path
    version: int


def parse_mounts(mounts: str) -> tuple[Hierarchy, ...]:
    """Cgroup trees named in the text of /proc/mounts, each path once.

    >>> [h.version for h in parse_mounts("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0")]
    [2]
    """
    found: dict[Path, Hierarchy] = {}
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[2] in {"cgroup", "cgroup2"}:  # noqa: PLR2004 - device, path, type
            path = Path(fields[1])
            found[path] = Hierarchy(path, 2 if fields[2] == "cgroup2" else 1)
    return tuple(found.values())


def hierarchies() -> tuple[Hierarchy, ...]:
    """Cgroup trees of this machine."""
    return parse_mounts(Path("/proc/mounts").read_text())


def is_pure_v2(trees: tuple[Hierarchy, ...]) -> bool:
    """Whether version 2 holds the controllers; in a hybrid machine it is mounted but empty of them."""
    return all(tree.version == 2 for tree in trees)  # noqa: PLR2004 - the version's number


def create(name: str) -> None:
    """Make `name` and `name/system` in every tree: pods get a sibling of `system`, which holds the box."""
    trees = hierarchies()
    if not trees:
        raise ClusterError("cgroups: none is mounted on this machine; mount cgroup2 at /sys/fs/cgroup")
    for tree in trees:
        if is_pure_v2(trees):
            _delegate_v2(tree.path)
        for directory in (tree.path / name, tree.path / name / "system"):
            directory.mkdir(exist_ok=True)
            _copy_cpuset(directory)
            if is_pure_v2(trees) and directory.name == name:
                _delegate_v2(directory)


def enter(name: str, pid: int) -> None:
    """Move a process into the cluster's cgroup, so that whoever started it cannot take it down by theirs."""
    trees = hierarchies()
    for tree in trees:
        if tree.version == 1 or is_pure_v2(trees):
            (tree.path / name / "system" / "cgroup.procs").write_text(str(pid))


def remove(name: str) -> None:
    """Remove the cluster's cgroups, deepest first, once their last process is gone."""
    for tree in hierarchies():
        root = tree.path / name
        wait_until(
            lambda root=root: _try_remove(root),  # type: ignore[misc]
            seconds=20,
            what=f"cgroup {root} can be removed",
            hint="Look at the cgroup.procs files below it for processes that do not end.",
        )


def leftovers(name: str) -> list[Path]:
    """Directories of this cluster's cgroup that still exist."""
    return [tree.path / name for tree in hierarchies() if (tree.path / name).exists()]


def _try_remove(root: Path) -> bool:
    for directory, _, _ in os.walk(root, topdown=False):
        try:
            Path(directory).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _copy_cpuset(directory: Path) -> None:
    """A fresh v1 cpuset has no processors and refuses processes until it is given some."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file, parent = directory / name, directory.parent / name
        if file.exists() and parent.exists() and not file.read_text().strip():
            value = parent.read_text().strip()
            if value:
                file.write_text(value)


def _delegate_v2(directory: Path) -> None:
    control = directory / "cgroup.subtree_control"
    available = (directory / "cgroup.controllers").read_text().split()
    missing = [name for name in NEEDED_V2 if name in available and name not in control.read_text().split()]
    try:
        if missing:
            control.write_text(" ".join(f"+{name}" for name in missing))
    except OSError as error:
        raise ClusterError(
            f"cgroup {directory}: controllers {', '.join(missing)} cannot be handed down ({error.strerror}). "
            "Inside a container, start it with a cgroup namespace of its own (--cgroupns=private --privileged)."
        ) from error
