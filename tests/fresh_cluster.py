"""A cluster that is not `make up`'s: nothing of ours on it, a registry and a Swift beside it, as at a user's.

It takes ten seconds once the binaries are built, so that installing can be tested without disturbing the
cluster that the other tests use.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcluster import binaries, cluster, registry
from localcluster.config import cache_dir
from localcluster.containerd import Containerd
from tests.ports import free_ports
from tests.swift_server import running_swift

ROOT = Path(__file__).parent.parent
BOX = {"CHRIS_CLUSTER": "localcluster"}
"""Where a Docker engine answers as well, the cluster is a box all the same."""


@dataclass(frozen=True)
class FreshCluster:
    """How to reach it, as the environment of a shell."""

    name: str
    environment: Mapping[str, str]
    registry: str
    """HOST:PORT."""

    def images(self) -> set[str]:
        """Names of the images that its node pulled from the registry."""
        return {name for name in _containerd(self.name).image_names() if name.startswith(self.registry)}


@contextmanager
def fresh_cluster(name: str, directory: Path) -> Iterator[FreshCluster]:
    """Make it with all that an installation needs, and remove it without a trace."""
    _localcluster(name, "up", "--without-images")
    try:
        known = _variables(_localcluster(name, "env"))
        host = known["HOST_ADDRESS"]
        address = f"{host}:{free_ports(1, host)[0]}"
        binary = binaries.ensure(cache_dir(), binaries.REGISTRY) / "registry"
        _localcluster(name, "trust-registry", address)
        with (
            registry.serving(binary, _made(directory / "registry"), address),
            running_swift(_made(directory / "swift"), host) as swift,
        ):
            environment = _clean() | known | BOX | dict(swift.credentials)
            environment["REGISTRY"] = f"{address}/chris"
            fresh = FreshCluster(name, environment, address)
            yield fresh
            _forget_images(fresh)
    finally:
        _localcluster(name, "down")


def _localcluster(name: str, *words: str) -> str:
    command = [sys.executable, "-m", "localcluster", "--name", name, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=_clean() | BOX, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} ended with exit code {done.returncode}: {done.stdout}")
    return done.stdout


def _clean() -> dict[str, str]:
    """This environment as a user's terminal has it: without what `make test` hands down."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def _variables(shell: str) -> dict[str, str]:
    """The exported variables of a shell file."""
    script = f"{shell}\nenv -0"
    done = subprocess.run(["sh", "-c", script], env=_clean(), capture_output=True, text=True, check=True)
    return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)


def _containerd(name: str) -> Containerd:
    _, box = cluster.require(name)
    return Containerd(box, cluster.bin_dir())


def _forget_images(fresh: FreshCluster) -> None:
    """The node's store outlives the cluster: without this it would grow with every run of the tests."""
    for image in fresh.images():
        _containerd(fresh.name).remove(image)


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory
