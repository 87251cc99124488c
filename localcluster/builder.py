"""Building images with buildah: no daemon, no registry, all its state in the cache."""

import hashlib
import os
import shlex
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from localcluster import pipconf
from localcluster.blobs import BlobStore
from localcluster.console import say
from localcluster.files import locked
from localcluster.shell import run, run_watched, succeeds
from localcluster.specs import ImageSpec, content_key

BASE = "localhost/python"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-pip", "python3-venv", "ca-certificates")
# The official Python image has its interpreter in /usr/local/bin: Dockerfiles and descriptors rely on that.
# Like the official slim images: no manuals, no package caches, which any `apt-get` would grow by 80 MB.
SETUP = (
    "ln -s /usr/bin/python3 /usr/local/bin/python3",
    "ln -s /usr/bin/python3 /usr/local/bin/python",
    """echo 'Dir::Cache::pkgcache "";Dir::Cache::srcpkgcache "";' > /etc/apt/apt.conf.d/docker-clean""",
)
EXCLUDED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRESS_SECONDS = 5.0
KEPT_CONTENTS = 3


@dataclass(frozen=True)
class Buildah:
    """Builder whose images, layers and archives live in one cache directory."""

    cache: Path

    @property
    def base_key(self) -> str:
        """Key of the base image: its recipe."""
        return hashlib.sha256(repr((SUITE, PACKAGES, SETUP, EXCLUDED)).encode()).hexdigest()[:12]

    def key(self, spec: ImageSpec) -> str:
        """Content key of an image as this builder makes it."""
        return content_key(spec, self.base_key)

    @property
    def store(self) -> BlobStore:
        """Where built images are kept for import."""
        return BlobStore(self.cache / "images")

    def ensure(self, spec: ImageSpec) -> str:
        """The image's name in the store, built unless it is there already."""
        name = f"{spec.name}-{self.key(spec)}"
        if not self.store.has(name):
            with locked(self.cache / "images.lock"):
                if not self.store.has(name):
                    self._build(spec)
                    self._save(spec, name)
        return name

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
        say(f"image {spec.name}: building")
        words = build_words(spec, name, base, pipconf.mounts(self.cache))
        run_watched(self._argv(*words), Watcher(spec.name))
        say(f"image {spec.name}: built in {time.monotonic() - began:.0f} s")

    def _save(self, spec: ImageSpec, name: str) -> None:
        """Move the image into the store, uncompressed: compressing takes longer than reading."""
        built = f"{spec.repository}:{self.key(spec)}"
        with tempfile.TemporaryDirectory(prefix="chris-save-", dir=self._home()) as directory:
            archive = Path(directory) / "image.tar"
            self._run("push", "--quiet", built, f"docker-archive:{archive}:{built}")
            self.store.add(name, archive)
        for key in self.store.prune(spec.name, KEPT_CONTENTS):
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
            setup = shlex.quote(" && ".join(SETUP))
            words = [
                "--variant=apt",
                f"--include={','.join(PACKAGES)}",
                *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED),
                f'--customize-hook=chroot "$1" sh -c {setup}',
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


def build_words(spec: ImageSpec, name: str, base: str, mounts: list[str]) -> list[str]:
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
    return [*words, "-f", str(spec.dockerfile), "-t", name, str(spec.context)]


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
