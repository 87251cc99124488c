"""The box's containerd: what it holds, and bringing images into it."""

import contextlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from localcluster.box import Box
from localcluster.errors import ClusterError
from localcluster.settings import CONTAINERD_SOCKET
from localcluster.shell import failure


@dataclass(frozen=True)
class Containerd:
    """Client of the containerd inside a box, through its own command line."""

    box: Box
    binaries: Path

    def ctr(self, *words: str | Path) -> str:
        """Run `ctr` in Kubernetes' namespace and return what it prints."""
        return self.box.run(self._words(*words))

    def ready(self) -> bool:
        """Whether it answers."""
        return self.box.succeeds([self.binaries / "ctr", "--address", CONTAINERD_SOCKET, "version"])

    def image_names(self) -> set[str]:
        """All names of images it has."""
        return set(self.ctr("images", "ls", "-q").split())

    def import_archive(self, archive: Path) -> None:
        """Bring in every image of an archive, unpacked."""
        self.ctr("images", "import", "--snapshotter", "overlayfs", archive)

    def blobs(self) -> set[str]:
        """Digests of all content it has."""
        return set(self.ctr("content", "ls", "-q").split())

    def import_from(self, write: Callable[[IO[bytes]], int]) -> int:
        """Bring in the archive that `write` produces, as it is produced; returns what `write` returned."""
        written = 0
        words = self._words("images", "import", "--snapshotter", "overlayfs", "-")
        with subprocess.Popen(
            self.box.argv(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            with contextlib.suppress(BrokenPipeError):
                written = write(cast("IO[bytes]", process.stdin))
            output, _ = process.communicate()
        if process.returncode != 0:
            raise ClusterError(failure(["ctr", "images", "import"], process.returncode, output.decode()))
        return written

    def tag(self, source: str, name: str) -> None:
        """Give an image one more name, moved from another image if need be."""
        self.ctr("images", "tag", "--force", source, name)

    def remove(self, name: str) -> None:
        """Take one name from an image; its content goes when no name and no container needs it."""
        self.ctr("images", "rm", name)

    def sweep(self) -> None:
        """Drop the names by which the kubelet knows images that have no other name left: they hold the content."""
        for name in orphans(self.ctr("images", "ls")):
            self.remove(name)

    def clear_leftovers(self) -> bool:
        """Drop containers and sandboxes of an earlier cluster on the same store; True when there were any."""
        found = False
        for kind in ("containers", "sandboxes"):
            for name in self._listed(kind):
                self.ctr(kind, "rm", name)
                found = True
        return found

    def _words(self, *words: str | Path) -> list[str | Path]:
        return [self.binaries / "ctr", "--address", CONTAINERD_SOCKET, "-n", "k8s.io", *words]

    def _listed(self, kind: str) -> list[str]:
        quiet = ("-q",) if kind == "containers" else ()
        lines = self.ctr(kind, "ls", *quiet).splitlines()
        return [line.split()[0] for line in lines[0 if quiet else 1 :] if line.strip()]


def orphans(listing: str) -> list[str]:
    r"""Names that are digests, in the output of `ctr images ls`, whose image no ordinary name refers to.

    >>> orphans("REF TYPE DIGEST\na:1 t sha256:x\nsha256:i t sha256:x\nsha256:j t sha256:y")
    ['sha256:j']
    """
    rows = [line.split()[:3] for line in listing.splitlines()[1:] if line.strip()]
    named = {digest for name, _, digest in rows if not name.startswith("sha256:")}
    return [name for name, _, digest in rows if name.startswith("sha256:") and digest not in named]
