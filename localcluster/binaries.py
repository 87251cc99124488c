"""Kubernetes, etcd, containerd and CoreDNS, built from the pinned Go modules and cached by content."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from localcluster.config import KUBERNETES_VERSION, MODULES
from localcluster.console import say
from localcluster.shell import run_watched
from localcluster.toolchain import ENV, Toolchain, toolchain

PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Module:
    """One pinned Go module: apart from the others, so that each builds with what its authors pinned."""

    name: str
    packages: tuple[str, ...]
    outputs: tuple[str, ...]
    """File names of the binaries, in the order of `packages`."""
    ldflags: str = "-s -w"
    cold: str = ""
    """What to expect without any cache, on two processors."""

    @property
    def source(self) -> Path:
        """Where go.mod and go.sum stand."""
        return MODULES / self.name


_K8S = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
KUBERNETES = Module(
    "kubernetes",
    ("go.etcd.io/etcd/server/v3", *(f"k8s.io/kubernetes/cmd/{name}" for name in _K8S)),
    ("etcd", *_K8S),
    f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",
    "about 8 minutes",
)
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
CONTAINERD = Module(
    "containerd",
    tuple(f"github.com/containerd/containerd/v2/cmd/{name}" for name in _CONTAINERD),
    _CONTAINERD,
    cold="about 1 minute",
)
COREDNS = Module("coredns", (".",), ("coredns",), cold="about 1 minute")
PAUSE = Module("pause", (".",), ("pause",), cold="a few seconds")
REGISTRY = Module("registry", (".",), ("registry",), cold="about 1 minute")
KWOK = Module("kwok", ("sigs.k8s.io/kwok/cmd/kwok",), ("kwok",), cold="1 to 2 minutes")
KIND = Module("kind", ("sigs.k8s.io/kind",), ("kind",), cold="half a minute")
CLUSTER_MODULES = (CONTAINERD, KUBERNETES, COREDNS, PAUSE)


def key(module: Module, go_version: str) -> str:
    """Content key of a module's binaries: its sources, the compiler, the flags, the machine's kind."""
    digest = hashlib.sha256()
    for file in sorted(module.source.iterdir()):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    digest.update("\0".join((go_version, *module.packages, module.ldflags, os.uname().machine)).encode())
    return digest.hexdigest()[:16]


def directory(cache: Path, module: Module, go_version: str) -> Path:
    """Where a module's binaries are kept."""
    return cache / "bin" / f"{module.name}-{key(module, go_version)}"


def ensure(cache: Path, module: Module, tools: Toolchain | None = None) -> Path:
    """Directory with all binaries of the module, built unless they are there already."""
    tools = tools or toolchain(cache)
    target = directory(cache, module, tools.version)
    if all((target / name).exists() for name in module.outputs):
        return target
    say(
        f"building {module.name}: {', '.join(module.outputs)} ({module.cold or 'a while'} the first time, then cached)"
    )
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as draft:
        _build(module, tools, Path(draft))
        _land(module, Path(draft), target)
    return target


def ensure_cluster(cache: Path) -> list[Path]:
    """Directories of everything the cluster runs; the compiler is looked up once."""
    tools = toolchain(cache)
    return [ensure(cache, module, tools) for module in CLUSTER_MODULES]


def _build(module: Module, tools: Toolchain, draft: Path) -> None:
    """One `go build` for all packages of a module shares their compilation; Go's own cache resumes a killed one."""
    flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", module.ldflags]
    output = [*flags, "-o", f"{draft}/", *module.packages]
    began = time.monotonic()
    run_watched(
        [tools.go, "build", *output],
        lambda lines: _watch(module.name, lines),
        env={**ENV, "CGO_ENABLED": "0"},
        cwd=module.source,
    )
    say(f"building {module.name}: done in {time.monotonic() - began:.0f} s")


def _land(module: Module, draft: Path, target: Path) -> None:
    """Move each binary into place atomically; Go names it by its package, etcd's would be `server`."""
    for package, name in zip(module.packages, module.outputs, strict=True):
        built = draft / go_name(package, module.name)
        built.replace(target / name)


def go_name(package: str, module: str) -> str:
    """File name that `go build` gives to a package's binary: its last element that is no version.

    >>> go_name("go.etcd.io/etcd/server/v3", "kubernetes"), go_name(".", "coredns")
    ('server', 'coredns')
    """
    if package == ".":
        return module
    elements = package.split("/")
    if elements[-1].startswith("v") and elements[-1][1:].isdigit():
        elements.pop()
    return elements[-1]


def _watch(name: str, lines: Iterable[str]) -> None:
    """Say every few seconds how far the compiler is; `go build -v` prints one package per line."""
    compiled, fetched, said = 0, 0, time.monotonic()
    for line in lines:
        if line.startswith("go: downloading"):
            fetched += 1
        elif not line.startswith("go:"):
            compiled += 1
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            say(
                f"building {name}: {fetched} modules fetched, {compiled} packages compiled, now {line.strip()[:60]}"
            )


def link_bin(directories: list[Path], target: Path) -> None:
    """One directory of links to every binary, to be put on PATH."""
    target.mkdir(parents=True, exist_ok=True)
    for source in directories:
        for binary in source.iterdir():
            link = target / binary.name
            link.unlink(missing_ok=True)
            link.symlink_to(binary)


def discard(path: Path) -> None:
    """Remove a directory tree that may be absent."""
    shutil.rmtree(path, ignore_errors=True)
