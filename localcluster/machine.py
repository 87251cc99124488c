"""What clusters share on one machine: the claim of an index, and the inotify limit while any runs."""

import os
import shutil
import time
from pathlib import Path

from localcluster import prepare, settings
from localcluster.box import lock
from localcluster.config import CHECKOUT, MAX_CLUSTERS, ClusterConfig, cache_dir
from localcluster.console import say
from localcluster.errors import ClusterError
from localcluster.network import host_conflicts

SHARED = Path("/run/chris-localcluster")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
RECLAIM_SECONDS = 3.0
INOTIFY_NEEDED = 1024
"""128, a common default, is too few for kubelet, containerd and tests together."""


def config(name: str, index: int) -> ClusterConfig:
    """The configuration of a cluster of this checkout."""
    return ClusterConfig(name, index, CHECKOUT, cache_dir())


def describe(config: ClusterConfig) -> settings.Machine:
    """What containerd uses of this machine."""
    return settings.Machine(
        root=config.cache / "containerd" / str(config.index),
        runc=shutil.which("runc", path=prepare.search_path()) or "runc",
        cni_plugins=str(prepare.cni_plugins()),
        apparmor=Path("/sys/kernel/security/apparmor/profiles").exists(),
    )


def claim(name: str, first: int) -> tuple[ClusterConfig, int]:
    """The first index whose claim and addresses are free, and the descriptor that holds the claim."""
    reasons = []
    for index in range(first, MAX_CLUSTERS):
        candidate = config(name, index)
        held = lock(_claim_file(index))
        if held is None:
            reasons.append(f"{index}: another local cluster runs there")
            continue
        taken = host_conflicts(candidate)
        if not taken:
            return candidate, held
        os.close(held)
        _claim_file(index).unlink()
        reasons.append(f"{index}: {taken[0]}")
    raise ClusterError(
        f"cluster {name}: no free address ranges on this machine ({'; '.join(reasons)}). "
        "End a cluster with `make down` in its checkout, or remove the route."
    )


def reclaim(index: int) -> int | None:
    """The claim of an index whose box is gone; None when another cluster holds it by now.

    A command that was killed while it started the box may leave a child that is about to end: it gets its moment.
    """
    deadline = time.monotonic() + RECLAIM_SECONDS
    while (held := lock(_claim_file(index))) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return held


def release(index: int, held: int) -> None:
    """Give up an index; the last cluster's end puts the inotify limit back."""
    _claim_file(index).unlink(missing_ok=True)
    os.close(held)
    original = SHARED / "inotify"
    if any(_held(other) for other in range(MAX_CLUSTERS)):
        return
    if original.exists():
        INOTIFY.write_text(original.read_text())
        original.unlink()
    for file in SHARED.glob("*.lock"):
        file.unlink()
    if SHARED.exists():
        SHARED.rmdir()


def raise_limits() -> None:
    """Raise the inotify limit where it is too low, remembering what it was."""
    current = INOTIFY.read_text().strip()
    if int(current) >= INOTIFY_NEEDED:
        return
    original = SHARED / "inotify"
    if not original.exists():
        original.write_text(current)
    INOTIFY.write_text(str(INOTIFY_NEEDED))
    say(
        f"raised fs.inotify.max_user_instances from {current} to {INOTIFY_NEEDED} until the last cluster ends"
    )


def _claim_file(index: int) -> Path:
    return SHARED / f"{index}.lock"


def _held(index: int) -> bool:
    if not _claim_file(index).exists():
        return False
    descriptor = lock(_claim_file(index))
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
