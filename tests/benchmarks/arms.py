"""The two arms of the comparison: staging, and the swift command line, over the same files and the same Swift.

Both move a tree of files up and down with the same number of threads; a cost is that of the client's process
(start-up included) and, in CPU-seconds, of Swift's own processes besides.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.staging.measuring import Cost, cost, measured
from tests.staging.pod import Pod
from tests.swift_server import SwiftServer, descendants, swift_python

from chris_operator.staging.contract import Limits
from chris_operator.storage import Storage

SECONDS = 600
CONTAINER = "users"
THREADS = str(Limits().threads)


class Arm(Protocol):
    """One way of moving files. `name` says where they lie in Swift; what went up comes down again."""

    def up(self, tree: Path, name: str) -> Cost:
        """Send a tree."""
        ...

    def down(self, tree: Path, name: str) -> Cost:
        """Bring back what `up` has sent of this tree."""
        ...

    def remove(self, name: str) -> None:
        """Delete it in Swift."""
        ...


class Staging:
    """Publish and stage-in, each as the process that it is in a pod."""

    def __init__(self, root: Path, storage: Storage, swift: SwiftServer) -> None:
        self._root, self._storage, self._swift = root, storage, swift
        self._sources: dict[str, Pod] = {}

    def up(self, tree: Path, name: str) -> Cost:
        """Publish the tree as a plugin's output."""
        source = Pod(self._root / f"{name}-source", self._storage, f"{name}/")
        shutil.copytree(tree, source.outgoing, copy_function=os.link, dirs_exist_ok=True)
        assert source.stage_in().code == 0
        self._sources[name] = source
        return with_servers(self._swift, lambda: self._publish(source))

    def down(self, tree: Path, name: str) -> Cost:
        """Stage the output as another pod's input."""
        source = self._sources.pop(name)
        target = Pod(self._root / f"{name}-target", self._storage, f"{name}-unused/", [source])
        spent = with_servers(self._swift, lambda: self._stage_in(target))
        same(tree, target.incoming)
        shutil.rmtree(source.root)
        shutil.rmtree(target.root)
        return spent

    def remove(self, name: str) -> None:
        """Delete the attempt's objects."""
        self._storage.delete_prefix(f"{name}/")

    @staticmethod
    def _publish(pod: Pod) -> Cost:
        result = pod.root / "publish.cost"
        publish, plugin = pod.start_staging("publish", *measured(result)), pod.start_plugin(["/bin/true"])
        ended = pod.end("publish", publish, SECONDS)
        pod.end("plugin", plugin)
        assert ended.report, ended.log
        assert ended.report.ok, ended.log
        pod.digest = ended.report.digest
        return cost(result)

    @staticmethod
    def _stage_in(pod: Pod) -> Cost:
        result = pod.root / "stage-in.cost"
        ended = pod.end("stage-in", pod.start_staging("stage-in", *measured(result)), SECONDS)
        assert ended.code == 0, ended.log
        return cost(result)


class CommandLine:
    """The `swift` program of python-swiftclient. `options` are further words of its upload."""

    def __init__(self, root: Path, swift: SwiftServer, *options: str) -> None:
        self._root, self._swift, self._options = root, swift, options

    def up(self, tree: Path, name: str) -> Cost:
        """Upload the tree, one object a file."""
        words = ("upload", CONTAINER, str(tree), "--object-name", name, "--object-threads", THREADS)
        return with_servers(self._swift, lambda: self._run(*words, *self._options))

    def down(self, tree: Path, name: str) -> Cost:
        """Download everything below the name."""
        target = self._root / f"{name}-target"
        place = ("--prefix", f"{name}/", "--remove-prefix", "--output-dir", str(target))
        words = ("download", CONTAINER, *place, "--object-threads", THREADS)
        spent = with_servers(self._swift, lambda: self._run(*words))
        same(tree, target)
        shutil.rmtree(target)
        return spent

    def remove(self, name: str) -> None:
        """Delete the objects with their segments."""
        self._run("delete", CONTAINER, "--prefix", f"{name}/")

    def _run(self, *words: str) -> Cost:
        """Run the program, which must succeed."""
        result = self._root / "command-line.cost"
        command = [*measured(result), str(swift_python().parent / "swift"), *words]
        environment = dict(os.environ) | dict(self._swift.credentials)
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return cost(result)


def with_servers(swift: SwiftServer, act: Callable[[], Cost]) -> Cost:
    """What something has cost, the CPU time of Swift's processes included."""
    before = cpu_seconds(swift)
    own = act()
    return Cost(own.seconds, own.cpu_seconds + cpu_seconds(swift) - before, own.peak_kib)


def cpu_seconds(swift: SwiftServer) -> float:
    """CPU time of all threads of Swift's processes, in nanoseconds' resolution."""
    nanoseconds = 0
    for pid in (swift.pid, *descendants(swift.pid)):
        with suppress(OSError):  # it has ended meanwhile
            for thread in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def same(expected: Path, found: Path) -> None:
    """The same files of the same sizes; their content is proven by what has moved them."""
    assert sizes(found) == sizes(expected)


def sizes(root: Path) -> dict[str, int]:
    """Every file below a directory with its size."""
    return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}
