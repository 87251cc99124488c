"""System packages: what the cluster and the builds need from the machine, and installing what is missing."""

import importlib.util
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from localcluster.console import say
from localcluster.errors import ClusterError
from localcluster.shell import run_watched

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
CNI_PLACES = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


def cni_plugins() -> Path:
    """Directory of the CNI plugins: the first that has them, else where Debian puts them."""
    return next((place for place in CNI_PLACES if (place / "ptp").exists()), CNI_PLACES[0])


def search_path() -> str:
    """PATH with the system's own directories, which a user's may lack."""
    return f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"


@dataclass(frozen=True)
class Need:
    """One Debian package and how to see that it, or its like on another system, is there."""

    package: str
    program: str = ""
    file: Path | None = None
    module: str = ""

    def met(self) -> bool:
        """Whether the machine has it."""
        if self.file is not None:
            return self.file.exists()
        if self.module:
            return importlib.util.find_spec(self.module) is not None
        return shutil.which(self.program, path=search_path()) is not None

    @property
    def sign(self) -> str:
        """What was looked for."""
        return str(self.file or self.module or self.program)


ALWAYS = (
    Need("ca-certificates", file=Path("/etc/ssl/certs/ca-certificates.crt")),
    Need("git", "git"),
    Need("make", "make"),
    Need("python3-venv", module="ensurepip"),
    Need("busybox-static", "busybox"),
    Need("memcached", "memcached"),
    Need("faketime", "faketime"),  # a test sets the operator's clock
)
CLUSTER = (
    Need("runc", "runc"),
    Need("containernetworking-plugins", file=cni_plugins() / "ptp"),
    Need("iptables", "iptables"),
    Need("iproute2", "ip"),
    Need("conntrack", "conntrack"),
    Need("socat", "socat"),
    Need("util-linux", "nsenter"),
    Need("procps", "sysctl"),
    Need("mount", "mount"),
    Need("openssl", "openssl"),
    Need("buildah", "buildah"),
    Need("mmdebstrap", "mmdebstrap"),
    # Ubuntu's own keyring does not know Debian, on which images are based.
    Need("debian-archive-keyring", file=Path("/usr/share/keyrings/debian-archive-keyring.gpg")),
)


def missing(needs: tuple[Need, ...]) -> list[Need]:
    """Needs that the machine does not meet."""
    return [need for need in needs if not need.met()]


def prepare(*, docker: bool) -> None:
    """Install what is missing, or say exactly what is; with a Docker engine far less is needed."""
    absent = missing(ALWAYS if docker else ALWAYS + CLUSTER)
    if not absent:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install([need.package for need in absent])
        absent = missing(tuple(absent))
    if absent:
        raise ClusterError(instructions(absent))


def _install(packages: list[str]) -> None:
    say(f"installing system packages: {' '.join(packages)}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
        run_watched(["apt-get", *words], _drain, env=env)


def _drain(lines: Iterable[str]) -> None:
    """Read output to its end; on failure its tail is shown anyway."""
    for _ in lines:
        continue


def instructions(absent: list[Need]) -> str:
    """What is missing, and the command that installs it on Debian and Ubuntu."""
    lines = [f"  {need.package}: provides {need.sign}" for need in absent]
    packages = " ".join(need.package for need in absent)
    return "\n".join(
        [
            "system packages: these are missing (names as on Debian and Ubuntu):",
            *lines,
            f"Install them, there with: sudo apt-get install {packages}",
        ]
    )
