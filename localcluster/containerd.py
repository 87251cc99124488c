"""The box's containerd: what it holds, and bringing images into it."""

from dataclasses import dataclass
from pathlib import Path

from localcluster.box import Box
from localcluster.settings import CONTAINERD_SOCKET


@dataclass(frozen=True)
class Containerd:
    """Client of the containerd inside a box, through its own command line."""

    box: Box
    binaries: Path

    def ctr(self, *words: str | Path) -> str:
        """Run `ctr` in Kubernetes' namespace and return what it prints."""
        return self.box.run([self.binaries / "ctr", "--address", CONTAINERD_SOCKET, "-n", "k8s.io", *words])

    def ready(self) -> bool:
        """Whether it answers."""
        return self.box.succeeds([self.binaries / "ctr", "--address", CONTAINERD_SOCKET, "version"])

    def image_names(self) -> set[str]:
        """All names of images it has."""
        return set(self.ctr("images", "ls", "-q").split())

    def import_archive(self, archive: Path) -> None:
        """Bring in every image of an archive, unpacked."""
        self.ctr("images", "import", "--snapshotter", "overlayfs", archive)

    def tag(self, source: str, name: str) -> None:
        """Give an image one more name, moved from another image if need be."""
        self.ctr("images", "tag", "--force", source, name)

    def remove(self, name: str) -> None:
        """Take one name from an image; its content goes when no name and no container needs it."""
        self.ctr("images", "rm", name)

    def clear_leftovers(self) -> bool:
        """Drop containers and sandboxes of an earlier cluster on the same store; True when there were any."""
        found = False
        for kind in ("containers", "sandboxes"):
            for name in self._listed(kind):
                self.ctr(kind, "rm", name)
                found = True
        return found

    def _listed(self, kind: str) -> list[str]:
        quiet = ("-q",) if kind == "containers" else ()
        lines = self.ctr(kind, "ls", *quiet).splitlines()
        return [line.split()[0] for line in lines[0 if quiet else 1 :] if line.strip()]
