"""What a cluster could leave behind on the machine."""

import subprocess
from pathlib import Path

from localcluster import cgroups
from localcluster.box import Box
from localcluster.config import ClusterConfig


def namespaces(pid: int) -> set[str]:
    """The mount, network and PID namespaces of a process."""
    return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in ("mnt", "net", "pid")}


def processes_in(spaces: set[str]) -> list[int]:
    """Processes that live in any of these namespaces."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if spaces & namespaces(int(directory.name)):
                found.append(int(directory.name))
        except OSError:
            continue
    return found


def traces(config: ClusterConfig, spaces: set[str]) -> dict[str, object]:
    """Everything of a cluster that the machine still shows, by kind; empty when nothing is left."""
    words = (str(config.state), config.link, *(str(each) for each in config.ranges))
    seen = {
        "processes": processes_in(spaces),
        "mounts": _lines_with(Path("/proc/self/mountinfo").read_text(), words),
        "links": _lines_with(_output("ip", "link"), (config.link,)),
        "routes": _lines_with(_output("ip", "route", "show", "table", "all"), words),
        "addresses": _lines_with(_output("ip", "addr"), (str(config.host_address),)),
        "firewall": _lines_with(_output("iptables-save"), words),
        "cgroups": [str(path) for path in cgroups.leftovers(config.cgroup)],
        "claims": sorted(Path("/run/chris-localcluster").glob(f"{config.index}.*")),
        "files": [path.name for path in config.state.glob("*") if path != config.logs],
        "kubernetes' own places": [
            path
            for path in ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/run/containerd")
            if Path(path).exists()
        ],
    }
    return {kind: what for kind, what in seen.items() if what}


def inner_pid(config: ClusterConfig, component: str) -> int:
    """Process id of a component inside the box."""
    return int((config.run / f"{component}.pid").read_text())


def kill_inside(config: ClusterConfig, box: Box, component: str) -> None:
    """End a component as the kernel would: at once."""
    box.run(["kill", "-KILL", str(inner_pid(config, component))])


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _lines_with(text: str, words: tuple[str, ...]) -> list[str]:
    return [line for line in text.splitlines() if any(word in line for word in words)]
