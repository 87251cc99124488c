"""A hospital and a cloud: the cluster of `make up`, a second real one with a Swift of its own, and a cable between them.

Nothing leads from one box to the other but this cable, and the hospital's end of it lets no connection in.
"""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from localcluster import cluster, images
from localcluster.box import Box
from localcluster.config import MAIN, ClusterConfig
from localcluster.shell import run
from tests.e2e.tenant import Object, manifest

from chris_operator.storage import StorageElsewhere

ROOT = Path(__file__).resolve().parents[2]
NAME = "cloud"
SECRET = f"{NAME}-swift"
USER = "chris:operator"
IMAGES = ("staging", "swift", "pl-testprobe")
HOME_END, CLOUD_END = "10.89.0.1", "10.89.0.2"
CABLE = "io0"
CHAINS = ("INPUT", "FORWARD")
FIREWALL = (
    ("-i", CABLE, "-p", "tcp", "--syn", "-j", "DROP"),
    ("-i", CABLE, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"),
)
"""What a hospital's firewall does to whoever wants to come in. The first rule counts the attempts: late packets of a
connection that has ended are new to the second one."""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


@dataclass(frozen=True)
class Cable:
    """One veth pair with an end in each box, and the routes over it."""

    home: tuple[ClusterConfig, Box]
    cloud: tuple[ClusterConfig, Box]

    def lay(self) -> None:
        """Join the boxes; the kernel removes it with either of them."""
        home, cloud = str(self.home[1].pid), str(self.cloud[1].pid)
        veth = ["type", "veth", "peer", "name", CABLE, "netns", cloud]
        run(["ip", "link", "add", CABLE, "netns", home, *veth])
        for (_, box), address in ((self.home, HOME_END), (self.cloud, CLOUD_END)):
            box.script(f"ip addr add {address}/30 dev {CABLE}")
        self._open()

    def _open(self) -> None:
        ends = ((self.home, self.cloud, CLOUD_END), (self.cloud, self.home, HOME_END))
        for (_, box), _, _ in ends:
            box.script(f"ip link set {CABLE} up")
        for (_, box), (there, _), via in ends:
            for target in there.ranges:
                box.script(f"ip route replace {target} via {via} dev {CABLE}")

    def block(self) -> None:
        """Whoever is in the cloud gets no connection into the hospital, neither to its node nor through it."""
        for chain in CHAINS:
            for place, rule in enumerate(FIREWALL, start=1):
                self.home[1].run(["iptables", "-w", "-I", chain, str(place), *rule])

    def knocks(self) -> int:
        """How many attempts to connect were turned away since last asked."""
        found = 0
        for chain in CHAINS:
            told = self.home[1].run(["iptables", "-w", "-nvxL", chain, "1"])
            found += int(told.split()[0])
            self.home[1].run(["iptables", "-w", "-Z", chain, "1"])
        return found

    @contextmanager
    def pulled_out(self) -> Iterator[None]:
        """Nothing passes within the block."""
        self.home[1].script(f"ip link set {CABLE} down")
        try:
            yield
        finally:
            self._open()

    def remove(self) -> None:
        """Take cable and rules away again: the hospital stays."""
        for chain in CHAINS:
            for rule in FIREWALL:
                self.home[1].succeeds(["iptables", "-w", "-D", chain, *rule])
        self.home[1].succeeds(["ip", "link", "del", CABLE])


def reaches(box: Box, address: str, port: int) -> bool:
    """Whether a connection can be made from a box."""
    return box.succeeds([sys.executable, "-c", CONNECT, address, str(port)])


@dataclass(frozen=True)
class Cloud:
    """The cable to the second cluster, our container in its Swift, and where the hospital's own Swift is."""

    cable: Cable
    swift: StorageElsewhere
    home_swift_address: str

    def nudge(self) -> None:
        """Have the operator look at it now, instead of within half a minute."""
        stamp = f"looked-at={os.urandom(4).hex()}"
        at_home("annotate", "--overwrite", "computeresource", NAME, stamp)


def at_home(*words: str, given: str | None = None) -> str:
    """kubectl in the cluster of `make up`."""
    return kubectl(os.environ["KUBECONFIG"], *words, given=given)


def kubectl(kubeconfig: str, *words: str, given: str | None = None) -> str:
    """Run kubectl and return what it prints; RuntimeError with its words if it fails."""
    command = ["kubectl", "--kubeconfig", kubeconfig, *words]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


Kubectl = Callable[..., str]


@contextmanager
def second_cluster() -> Iterator[Cloud]:
    """Make it with its Swift, join it, and remove it without a trace."""
    os.environ.pop("MAKEFLAGS", None)
    cluster.down(NAME)
    config = cluster.up(NAME, first_index=1)
    cable = Cable(cluster.require(MAIN), cluster.require(NAME))
    try:
        images.provide(IMAGES, NAME)
        cable.lay()
        yield _introduced(cable, partial(kubectl, str(config.kubeconfig)))
    finally:
        at_home("delete", "--ignore-not-found", "computeresource", NAME)
        at_home("-n", "chris-system", "delete", "--ignore-not-found", "secret", NAME, SECRET)
        cable.remove()
        cluster.down(NAME)


def _introduced(cable: Cable, there: Kubectl) -> Cloud:
    """Swift and our rights there, their credentials here."""
    there("apply", "-f", "manifests/dev/swift/swift.yaml")
    there("apply", "-k", "manifests/remote")
    there("-n", "chris-swift", "rollout", "status", "deployment/swift", "--timeout=120s")
    credentials = {
        "ST_AUTH": f"http://{_swift_of(there)}:8080/auth/v1.0",
        "ST_USER": USER,
        "ST_KEY": "development",
    }
    _secret(NAME, {"kubeconfig": json.dumps(_kubeconfig(cable.cloud[0], there))})
    _secret(SECRET, credentials)
    spec = {"kubeconfigSecret": NAME, "namespace": "chris-runs", "users": ["*"], "swiftSecret": SECRET}
    at_home("apply", "-f", "-", given=json.dumps(manifest("ComputeResource", NAME, None, spec)))
    at_home("wait", "--for=condition=Ready", "--timeout=60s", "computeresource", NAME)
    home = at_home("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    there_as_we = StorageElsewhere(NAME, credentials, f"chris-{home}-{NAME}")
    return Cloud(cable, there_as_we, _swift_of(at_home))


def _swift_of(there: Kubectl) -> str:
    return there("-n", "chris-swift", "get", "service", "swift", "-o", "jsonpath={.spec.clusterIP}")


def _kubeconfig(config: ClusterConfig, there: Kubectl) -> Object:
    """As the README has it made: one ServiceAccount's token and the cluster's authority."""
    token = there("-n", "chris-runs", "create", "token", "chris", "--duration=1h").strip()
    authority = b64encode((config.pki / "ca.crt").read_bytes()).decode()
    where = {"server": config.api_url, "certificate-authority-data": authority}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
        "clusters": [{"name": NAME, "cluster": where}],
        "users": [{"name": NAME, "user": {"token": token}}],
    }


def _secret(name: str, data: dict[str, str]) -> None:
    meta = {"name": name, "namespace": "chris-system"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}
    at_home("apply", "-f", "-", given=json.dumps(body))
