"""Every resource that the repository ships as an example or with a plugin."""

from dataclasses import dataclass
from pathlib import Path

from tests.installation import ROOT, documents
from tests.kubeclient import Object


@dataclass(frozen=True)
class Shipped:
    """One object of one file."""

    path: Path
    content: Object

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.content["kind"])

    @property
    def id(self) -> str:
        """File and object, for the test's name."""
        return f"{self.path.relative_to(ROOT)}:{self.kind}/{self.content['metadata']['name']}"


def _files() -> list[Path]:
    return sorted([*(ROOT / "examples").rglob("*.yaml"), *(ROOT / "plugins").glob("*/plugin.yaml")])


SHIPPED = tuple(
    Shipped(path, content)
    for path in _files()
    for content in documents(path)
    if content["kind"] != "Kustomization"
)
