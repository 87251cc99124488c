"""The one node of a local cluster, to be misused: daemons killed and started again, its power cut and given back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from localcluster import cluster, processes
from localcluster.box import Box
from localcluster.config import ClusterConfig
from localcluster.containerd import Containerd
from localcluster.shell import wait_until

END_SECONDS = 30
_PODS = 'for each in /proc/[0-9]*; do grep -qs kubepods "$each/cgroup" && echo "${each#/proc/}"; done; :'
_SHIMS = "pgrep -f '[c]ontainerd-shim-runc-v2' || :"


@dataclass(frozen=True)
class Node:
    """What can be done to a machine from outside."""

    config: ClusterConfig
    box: Box

    def kill(self, *daemons: str) -> None:
        """SIGKILL; returns when they have ended."""
        for daemon in daemons:
            pid = (self.config.run / f"{daemon}.pid").read_text().strip()
            self.box.run(["kill", "-KILL", pid])
            wait_until(partial(self._ended, daemon), seconds=END_SECONDS, what=f"{daemon} ends")

    def _ended(self, daemon: str) -> bool:
        return not processes.alive(self.config, self.box, self._component(daemon))

    def _component(self, daemon: str) -> processes.Component:
        return next(each for each in processes.components(self.config) if each.name == daemon)

    def restart(self, daemon: str, *flags: str) -> None:
        """SIGKILL, then a new start with these flags besides the usual ones."""
        self.kill(daemon)
        component = self._component(daemon)
        changed = replace(component, flags=(*component.flags, *flags))
        processes.start(self.config, self.box, cluster.bin_dir(), changed)
        # Until it has become the daemon it is the shell that starts it, and would be started once more.
        wait_until(lambda: not self._ended(daemon), seconds=END_SECONDS, what=f"{daemon} starts")

    def heal(self) -> None:
        """Start what has ended, as `make up` does, and wait until the cluster is usable."""
        cluster.up(self.config.name)

    def cut_power(self) -> None:
        """Kubelet, container runtime and every process of every pod end at once; the control plane is elsewhere."""
        self.kill("kubelet", "containerd")
        for look in (_SHIMS, _PODS):
            wait_until(self._kills(look), seconds=END_SECONDS, what="every process of the node ends")

    def give_power(self) -> None:
        """Everything starts again; the kubelet gives up where the container runtime does not answer yet."""
        runtime = self._component("containerd")
        processes.start(self.config, self.box, cluster.bin_dir(), runtime)
        client = Containerd(self.box, cluster.bin_dir())
        wait_until(client.ready, seconds=END_SECONDS, what="containerd answers")
        self.heal()

    def _kills(self, look: str) -> Callable[[], bool]:
        def none_left() -> bool:
            found = self.box.script(look).split()
            if found:
                self.box.succeeds(["kill", "-KILL", *found])
            return not found

        return none_left
