"""Building images with buildah: no daemon, no registry, all its state in the cache."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from localcluster import pipconf
from localcluster.console import say
from localcluster.shell import run, run_watched, succeeds
from localcluster.specs import ImageSpec, content_key, stage

BASE = "localhost/python"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-pip", "python3-venv", "ca-certificates")
# The official Python image has its interpreter in /usr/local/bin: Dockerfiles and descriptors rely on that.
LINKS = "ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s /usr/bin/python3 /usr/local/bin/python"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRESS_SECONDS = 5.0
KEPT_ARCHIVES = 3


@dataclass(frozen=True)
class Buildah:
    """Builder whose images, layers and archives live in one cache directory."""

    cache: Path

    @property
    def base_key(self) -> str:
        """Key of the base image: its recipe."""
        return hashlib.sha256(repr((SUITE, PACKAGES, LINKS)).encode()).hexdigest()[:12]

    def key(self, spec: ImageSpec) -> str:
        """Content key of an image as this builder makes it."""
        return content_key(spec, self.base_key)

    def archive(self, spec: ImageSpec) -> Path:
        """Where the image's archive is kept."""
        return self.cache / "images" / f"{spec.name}-{self.key(spec)}.tar"

    def ensure(self, spec: ImageSpec) -> Path:
        """The image's archive, built unless it is there already."""
        archive = self.archive(spec)
        if not archive.exists():
            self._build(spec)
            self._save(spec, archive)
            self._prune(spec)
        os.utime(archive)
        return archive

    def push(self, spec: ImageSpec, target: str) -> None:
        """Copy an image to a registry, building it when the store has lost it."""
        name = f"{spec.repository}:{self.key(spec)}"
        if not self._has(name):
            self._build(spec)
        verify = str(not is_insecure(target)).lower()
        self._run("push", "--quiet", f"--tls-verify={verify}", name, f"docker://{target}")

    def _build(self, spec: ImageSpec) -> None:
        base = self._ensure_base()
        name = f"{spec.repository}:{self.key(spec)}"
        began = time.monotonic()
        say(f"image {spec.name}: building {spec.dockerfile.parent.name}/Dockerfile {spec.target}".rstrip())
        with tempfile.TemporaryDirectory(prefix=f"chris-{spec.name}-") as context:
            stage(spec, Path(context))
            run_watched(
                self._argv(*build_words(spec, name, base, pipconf.mounts(self.cache), context)),
                Watcher(spec.name),
            )
        say(f"image {spec.name}: built in {time.monotonic() - began:.0f} s")

    def _save(self, spec: ImageSpec, archive: Path) -> None:
        """Uncompressed, as compressing takes longer than reading; every archive lands whole or not at all."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        name = f"{spec.repository}:{self.key(spec)}"
        draft = archive.with_suffix(f".{os.getpid()}")
        try:
            self._run("push", "--quiet", name, f"docker-archive:{draft}:{name}")
            draft.replace(archive)
        finally:
            draft.unlink(missing_ok=True)

    def _prune(self, spec: ImageSpec) -> None:
        """Keep the last few archives of an image: branches come and go, disks do not grow."""
        archives = sorted(
            self.archive(spec).parent.glob(f"{spec.name}-????????????.tar"), key=lambda f: f.stat().st_mtime
        )
        for old in archives[:-KEPT_ARCHIVES]:
            old.unlink()
            key = old.stem[-12:]
            succeeds(self._argv("rmi", f"{spec.repository}:{key}"))

    def _ensure_base(self) -> str:
        """Debian with Python, under the name that Dockerfiles get as PYTHON_IMAGE."""
        given = os.environ.get("PYTHON_IMAGE")
        if given:
            return given
        name = f"{BASE}:{self.base_key}"
        if self._has(name):
            return name
        say(f"image base: Debian {SUITE} with Python from Debian's archive (about a minute, once)")
        with tempfile.TemporaryDirectory(prefix="chris-base-", dir=self._home()) as directory:
            tree = Path(directory) / "base.tar"
            hook = f'chroot "$1" sh -c {LINKS!r}'
            words = [
                "--variant=apt",
                f"--include={','.join(PACKAGES)}",
                f"--customize-hook={hook}",
                SUITE,
                str(tree),
            ]
            run_watched(["mmdebstrap", *words], Watcher("base"))
            container = self._run("from", "scratch").strip()
            self._run("add", container, tree, "/")
            self._run("config", "--env", f"PATH={PATH}", "--cmd", "python3", container)
            self._run("commit", "--quiet", "--rm", container, name)
        return name

    def _home(self) -> Path:
        home = self.cache / "buildah"
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _has(self, name: str) -> bool:
        return succeeds(self._argv("inspect", "--type", "image", name))

    def _run(self, *words: str | Path) -> str:
        return run(self._argv(*words))

    def _argv(self, *words: str | Path) -> list[str | Path]:
        """In a mount namespace of its own: buildah leaves its store mounted, a killed one its layers too."""
        store: list[str | Path] = [
            "--storage-driver",
            "overlay",
            "--root",
            self._home() / "root",
            "--runroot",
            self._home() / "run",
        ]
        return ["unshare", "-m", "--propagation", "private", "buildah", *store, *words]


def build_words(spec: ImageSpec, name: str, base: str, mounts: list[str], context: str) -> list[str]:
    """Words of `buildah bud`: chroot isolation needs no cgroups, no network of its own and no registry."""
    words = [
        "bud",
        "--isolation",
        "chroot",
        "--layers",
        "--pull-never",
        "--build-arg",
        f"PYTHON_IMAGE={base}",
    ]
    for mount in mounts:
        words += ["-v", mount]
    if spec.target:
        words += ["--target", spec.target]
    return [*words, "-f", str(spec.dockerfile), "-t", name, context]


def is_insecure(target: str) -> bool:
    """Whether a registry is tried without TLS as well: by explicit wish, or where no authority certifies it.

    >>> is_insecure("localhost:5000/x:1"), is_insecure("10.90.0.254:5000/x:1"), is_insecure("example.org/x:1")
    (True, True, False)
    """
    host = target.partition("/")[0].partition(":")[0]
    wished = os.environ.get("REGISTRY_INSECURE", "") not in {"", "0", "false"}
    try:
        return wished or ip_address(host).is_private
    except ValueError:
        return wished or host == "localhost"


class Watcher:
    """Says every few seconds which line of output a long build has reached."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, lines: Iterable[str]) -> None:
        """Read the output to its end."""
        said = time.monotonic()
        for line in lines:
            if time.monotonic() - said >= PROGRESS_SECONDS and line.strip():
                said = time.monotonic()
                say(f"image {self.name}: {line.strip()[:100]}")
