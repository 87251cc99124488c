"""The box: private mount, network and PID namespaces that hold the whole cluster.

Killing the box's first process removes every process, mount, interface and iptables rule in it. The
file systems a pod could write through a hostPath, and those Kubernetes insists on, are covered by
directories of the cluster's own, so that nothing outside them changes.
"""

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster.config import ClusterConfig
from localcluster.errors import ClusterError
from localcluster.record import Record
from localcluster.shell import failure, wait_until

SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
}
"""What the kubelet insists on: shown to it by bind mounts, never set on the machine."""

COVERED = ("/var/lib", "/var/log")
"""Replaced inside the box by directories of the cluster."""

# The first process must reap orphans (every shim becomes one), which `sleep` alone would not do:
# a shell's `wait` does, as it collects whatever child ends.
# Its arguments say whose it is, so that it is found even when the record of it is lost.
_INIT = 'mount --make-rshared / && touch "$2/box-ready" && while :; do sleep 3600 & wait $!; done'
_TITLE = "chris-localcluster-box"
_THREADS = 17
"""Where /proc/PID/stat tells how many threads there are, counted from the state."""


@dataclass(frozen=True)
class Box:
    """A running box, known by the process id that its first process has outside."""

    pid: int

    def argv(self, command: Sequence[str | Path]) -> list[str]:
        """The command that runs another inside the box; absolute paths only, as the working directory is /."""
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "--wd=/", "--", *map(str, command)]

    def run(self, command: Sequence[str | Path]) -> str:
        """Run inside to the end and return standard output; ClusterError on failure."""
        done = subprocess.run(self.argv(command), check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise ClusterError(
                failure([str(w) for w in command], done.returncode, done.stderr or done.stdout)
            )
        return done.stdout

    def script(self, text: str) -> str:
        """Run a shell script inside; it ends at its first failing command."""
        return self.run(["sh", "-euc", text])

    def succeeds(self, command: Sequence[str | Path]) -> bool:
        """Whether a command inside exits with 0."""
        return subprocess.run(self.argv(command), check=False, capture_output=True).returncode == 0

    def spawn(self, command: Sequence[str | Path], log: Path, env: dict[str, str]) -> int:
        """Start a daemon inside as a child of the box's first process; returns its process id there."""
        inner = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'
        words = ["env", *(f"{name}={value}" for name, value in env.items()), *map(str, command)]
        return int(self.run(["sh", "-euc", inner, "sh", log, *words]))

    def comm(self, inner_pid: int) -> str | None:
        """Name of a process of the box by its process id inside; None when it has ended.

        A killed one's first thread ends before its others, which hold its ports until they end, too.
        """
        try:
            stat = Path(f"/proc/{self.pid}/root/proc/{inner_pid}/stat").read_text()
        except OSError:
            return None
        name, _, rest = stat.partition("(")[2].rpartition(")")
        fields = rest.split()
        return None if fields[0] in {"Z", "X"} and int(fields[_THREADS]) <= 1 else name


def create(config: ClusterConfig, held: int) -> Box:
    """Start an empty box. `held` is a descriptor it keeps open: a lock that ends with the box."""
    ready = config.state / "box-ready"
    ready.unlink(missing_ok=True)
    config.logs.mkdir(parents=True, exist_ok=True)
    namespaces = [
        "unshare",
        "-m",
        "-n",
        "-p",
        "--fork",
        "--kill-child=KILL",
        "--propagation",
        "private",
        "--mount-proc",
    ]
    init = ["sh", "-c", _INIT, _TITLE, str(config.index), str(config.state)]
    with (config.logs / "box.log").open("a") as log:
        # Nobody's child: whoever calls `up` neither waits for the box nor takes it along when he ends.
        subprocess.run(
            ["setsid", "--fork", *namespaces, *init],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(held,),
            cwd="/",
        )
    hint = f"See {config.logs / 'box.log'}; unshare needs root and kernel namespaces."
    wait_until(ready.exists, seconds=30, what="box starts", hint=hint)
    found = find(config.state)
    if found is None:
        raise ClusterError(f"box: ended right after its start. {hint}")
    return found[0]


def find(state: Path) -> tuple[Box, int] | None:
    """The box of a state directory and its index, found among the machine's processes."""
    for pid, index in _titled(state):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if status.partition("NSpid:")[2].partition("\n")[0].endswith("\t1"):
            return Box(pid), index
    return None


def end(state: Path, recorded: Record | None) -> None:
    """End the box of a state directory, also one that is just being started by a command that was killed.

    A box that another version of this program started may carry another title: the record knows it too.
    """
    wait_until(lambda: not _kill(state, recorded), seconds=30, what=f"box of {state} ends")


def _kill(state: Path, recorded: Record | None) -> bool:
    """Kill the box's first process, or what is about to become it; True if there was any."""
    found = {pid for pid, _ in _titled(state)}
    if recorded is not None and recorded.init_pid is not None and recorded.alive():
        found.add(recorded.init_pid)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _titled(state: Path) -> list[tuple[int, int]]:
    """Process ids and cluster indexes of the processes whose arguments name this state directory."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if _TITLE in words[:-2] and words[(at := words.index(_TITLE)) + 2] == str(state):
            found.append((int(directory.name), int(words[at + 1])))
    return found


def prepare(config: ClusterConfig, box: Box) -> None:
    """Mounts and network inside the box."""
    box.script("\n".join([*_mount_script(config), *_network_script(config)]))


def lock(path: Path) -> int | None:
    """Descriptor of an exclusive lock on a file, None where another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _mount_script(config: ClusterConfig) -> list[str]:
    """Cover what Kubernetes writes to; the checkout and the cache stay visible where they lie beneath."""
    lines = []
    for path in COVERED:
        own = config.state / path.strip("/").replace("/", "-")
        keep = [kept for kept in (config.checkout, config.cache) if kept.is_relative_to(path)]
        lines.append(f"mkdir -p {shlex.quote(str(own))}")
        for number, kept in enumerate(keep):
            held = shlex.quote(f"{own}.kept{number}")
            inside = shlex.quote(f"{own}/{kept.relative_to(path)}")
            lines.append(f"mkdir -p {held} {inside} && mount --rbind {shlex.quote(str(kept))} {held}")
            lines.append(f"mount --move {held} {inside}")
        lines.append(f"mount --rbind {shlex.quote(str(own))} {path}")
    # The machine's resolver configuration may be a link into /run; pods get none from the node anyway.
    lines.append("mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/lock /run/sysctl")
    for name, value in SYSCTLS.items():
        file = f"/run/sysctl/{name.replace('/', '.')}"
        lines.append(f"echo {value} > {file} && mount --bind {file} /proc/sys/{name}")
    return lines


def _network_script(config: ClusterConfig) -> list[str]:
    """One bridge carries the node's address and the box's end of the veth pair."""
    return [
        "ip link set lo up",
        "ip link add node0 type bridge",
        f"ip addr add {config.node_address}/{config.node_range.prefixlen} dev node0",
        "ip link set node0 up",
        # ClusterIPs are looked up as routes before iptables rewrites them: some default route must exist.
        "ip route add default dev node0",
        "sysctl -q -w net.ipv4.ip_forward=1",
        # Where bridges pass through iptables, the rule that sends a packet back must see it as well.
        "[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || sysctl -q -w net.bridge.bridge-nf-call-iptables=1",
    ]
