"""Which images the repository has: found by looking for Dockerfiles, described by plain values."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from localcluster.errors import ClusterError

PREFIX = "localhost/chris"
OPERATOR_TARGETS = ("operator", "api", "staging")
"""Stages of operator/Dockerfile that are images; other stages only help to build these."""

IGNORED = frozenset({"__pycache__", ".git", "build", "dist", "tests", "node_modules", "demo-output"})
IGNORED_SUFFIXES = (".egg-info", ".pyc", "_cache")


@dataclass(frozen=True)
class ImageSpec:
    """One image to build: where from, and the tag under which manifests know it."""

    name: str
    tag: str
    context: Path
    dockerfile: Path
    target: str = ""
    follows_content: bool = True
    """Deployed under its content key, so that a change rolls out; a plugin keeps its version."""

    @property
    def repository(self) -> str:
        """Name without tag."""
        return f"{PREFIX}/{self.name}"


def discover(checkout: Path, names: Sequence[str] = ()) -> list[ImageSpec]:
    """Images of these names, all where none is given, those first that everything waits for.

    A name with a slash is a plugin's folder, wherever it is. A plugin is looked into only when it is wanted:
    one that is being written does not stop the others.
    """
    makers: dict[str, Callable[[], ImageSpec]] = {}
    for spec in _own_images(checkout):
        makers[spec.name] = partial(replace, spec)
    for parent in (checkout / "plugins", checkout / "tests" / "e2e" / "plugins"):
        for file in sorted(parent.glob("pl-*/Dockerfile")):
            makers[file.parent.name] = partial(_plugin_image, file)
    for name in names:
        folder = Path(name).resolve()
        if "/" in name and (folder / "Dockerfile").exists():
            makers[name] = partial(_plugin_image, folder / "Dockerfile")
        if name not in makers:
            raise ClusterError(
                f"image {name}: the repository has none of this name, nor is it a folder with a Dockerfile; "
                f"it has {', '.join(makers)}"
            )
    return [makers[name]() for name in names or makers]


def is_installed(checkout: Path, spec: ImageSpec) -> bool:
    """Whether an image belongs to an installation: neither a test's plugin nor the development Swift."""
    apart = (checkout / "tests", checkout / "manifests" / "dev")
    return not any(spec.dockerfile.is_relative_to(folder) for folder in apart)


def _own_images(checkout: Path) -> list[ImageSpec]:
    """The operator's images and the development Swift's."""
    specs = _operator_images(checkout)
    swift = checkout / "manifests" / "dev" / "swift"
    if (swift / "Dockerfile").exists():
        specs.append(ImageSpec("swift", "dev", checkout, swift / "Dockerfile"))
    return specs


def _operator_images(checkout: Path) -> list[ImageSpec]:
    dockerfile = checkout / "operator" / "Dockerfile"
    if not dockerfile.exists():
        return []
    stages = re.findall(r"^FROM\s.*\sAS\s+(\S+)", dockerfile.read_text(), re.MULTILINE | re.IGNORECASE)
    return [ImageSpec(name, "dev", checkout, dockerfile, name) for name in OPERATOR_TARGETS if name in stages]


def _plugin_image(dockerfile: Path) -> ImageSpec:
    folder = dockerfile.parent
    resource = folder / "plugin.yaml"
    text = resource.read_text() if resource.exists() else ""
    found = re.search(r"^\s*dockImage:\s*['\"]?([^\s'\"]+)", text, re.MULTILINE)
    repository, _, tag = (found[1] if found else "").rpartition(":")
    if repository != f"{PREFIX}/{folder.name}":
        raise ClusterError(
            f"{resource}: dockImage must be {PREFIX}/{folder.name}:<version> as the folder has a Dockerfile, "
            f"and is {found[1] if found else 'absent'!r}"
        )
    return ImageSpec(folder.name, tag, folder, dockerfile, follows_content=False)


def copied_sources(dockerfile: str) -> list[str]:
    r"""Paths of the context that a Dockerfile's COPY and ADD name; '.' stands for all of it.

    >>> copied_sources("COPY --from=a /x /y\nCOPY --chown=1:1 a.txt b/ /src/\nADD . /z")
    ['.', 'a.txt', 'b']
    """
    joined = re.sub(r"\\\n", " ", dockerfile)
    sources: set[str] = set()
    for words in re.findall(r"^(?:COPY|ADD)\s+(.+)$", joined, re.MULTILINE | re.IGNORECASE):
        options = [word for word in words.split() if word.startswith("--")]
        if not any(option.startswith("--from=") for option in options):
            paths = [word for word in words.split() if not word.startswith("--")]
            sources.update(path.strip("/") or "." for path in paths[:-1])
    return sorted(sources)


def context_files(spec: ImageSpec) -> list[Path]:
    """Files of the context that the Dockerfile can see, relative to it and sorted."""
    found: set[Path] = set()
    for source in copied_sources(spec.dockerfile.read_text()):
        matches = list(spec.context.glob(source)) if source != "." else [spec.context]
        if not matches:
            raise ClusterError(
                f"{spec.dockerfile}: COPY names {source!r}, which does not exist in {spec.context}"
            )
        for match in matches:
            found.update(_walk(match) if match.is_dir() else [match])
    return sorted(path.relative_to(spec.context) for path in found)


def _walk(top: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(top):
        names[:] = [name for name in names if not _ignored(name)]
        yield from (Path(directory, file) for file in files if not _ignored(file))


def _ignored(name: str) -> bool:
    return name in IGNORED or name.endswith(IGNORED_SUFFIXES)


def content_key(spec: ImageSpec, base: str) -> str:
    """Key of an image's content: its Dockerfile and target, all it can copy, and what it builds on."""
    digest = hashlib.sha256(f"{base}\0{spec.target}\0".encode() + spec.dockerfile.read_bytes())
    for relative in context_files(spec):
        file = spec.context / relative
        executable = os.access(file, os.X_OK)
        digest.update(f"\0{relative}\0{executable}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


@contextmanager
def frozen(spec: ImageSpec) -> Iterator[ImageSpec]:
    """The image as its sources are now, copied: key and build agree though somebody edits meanwhile.

    Exactly the files that the key covers are copied: what is not counted cannot be built in.
    """
    with tempfile.TemporaryDirectory(prefix=f"chris-{spec.name}-") as directory:
        context, dockerfile = Path(directory) / "context", Path(directory) / "Dockerfile"
        context.mkdir()
        for relative in context_files(spec):
            copy = context / relative
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(spec.context / relative, copy)
        shutil.copy2(spec.dockerfile, dockerfile)
        yield replace(spec, context=context, dockerfile=dockerfile)
