"""Kills at random moments: operator pods, staging's processes, Swift, the API server. Seeded, and written down."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from localcluster.errors import ClusterError
from tests.apiserver import POLL_SECONDS
from tests.kubeclient import ApiError
from tests.soak.cluster import Cluster

LEASE = "chris-operator"
SWIFT_LABEL = "app.kubernetes.io/name=swift"
OPERATOR_LABEL = "app.kubernetes.io/name=chris-operator"
STAGING_LOOKS = 40
"""So often staging is looked for before the blow is given up: at some moments none runs."""


@dataclass
class Injector:
    """A thread that deals a blow every so often."""

    cluster: Cluster
    seed: int
    mean_seconds: float
    say: Callable[[str], None]
    dealt: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    """Blows that could not be dealt for a reason of ours: the soak is not clean then."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311  a soak that can be repeated, no secret
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._blows: dict[str, tuple[int, Callable[[], bool]]] = {
            "operator, the leader": (4, self._leader),
            "operator, the standby": (1, self._standby),
            "publish": (4, lambda: self._staging("publish")),
            "stage-in": (3, lambda: self._staging("stage-in")),
            "Swift": (3, self._swift),
            "API server": (3, self._api_server),
        }

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and leave everything running again."""
        self._stop.set()
        self._thread.join()
        self.cluster.node.heal()
        for namespace, name in (("chris-swift", "swift"), ("chris-system", "chris-operator")):
            self.cluster.kubectl("-n", namespace, "rollout", "status", f"deployment/{name}", "--timeout=300s")

    def _run(self) -> None:
        names = list(self._blows)
        weights = [weight for weight, _ in self._blows.values()]
        while not self._stop.wait(self._dice.uniform(0.5, 1.5) * self.mean_seconds):
            (name,) = self._dice.choices(names, weights)
            try:
                hit = self._blows[name][1]()
            except (ClusterError, ApiError, OSError, TimeoutError) as error:
                self.failed.append(f"{name}: {error}")
                self.say(f"blow: {name}: failed: {error}")
                continue
            if hit:
                self.dealt[name] = self.dealt.get(name, 0) + 1
                self.say(f"blow: {name}")

    # -- the operator: a pod that goes without a word; Kubernetes makes another

    def _leader(self) -> bool:
        holder = self._holder()
        return self._remove_pod(lambda name: name == holder)

    def _standby(self) -> bool:
        holder = self._holder()
        return self._remove_pod(lambda name: name != holder)

    def _holder(self) -> str:
        """The pod that leads; empty before there was one."""
        lease = self.cluster.find("Lease", LEASE, "chris-system")
        return str(lease["spec"].get("holderIdentity")) if lease else ""

    def _remove_pod(self, wanted: Callable[[str], bool]) -> bool:
        """SIGKILL, then removal: restarted in place it would be kept waiting by the kubelet's back-off."""
        pods = self.cluster.list("Pod", "chris-system", labelSelector=OPERATOR_LABEL)
        hit = [pod for pod in pods if wanted(pod["metadata"]["name"])]
        for pod in hit:
            self._kill_containers("operator", pod["metadata"]["name"])
            self.cluster.delete(pod, grace_seconds=0)
        return bool(hit)

    # -- processes on the node

    def _containers(self, name: str, pod: str = "") -> list[str]:
        """Ids of the containers of this name that run, of one pod or of any."""
        client = self.cluster.containerd
        mine = f'labels."io.kubernetes.container.name"=={name}'
        mine += f',labels."io.kubernetes.pod.name"=={pod}' if pod else ""
        known = set(client.ctr("containers", "ls", "-q", mine).split())
        running = {line.split()[0] for line in client.ctr("tasks", "ls").splitlines() if "RUNNING" in line}
        return sorted(known & running)

    def _kill_containers(self, name: str, pod: str = "") -> bool:
        ids = self._containers(name, pod)
        for each in ids:
            self._kill(each)
        return bool(ids)

    def _kill(self, container: str) -> None:
        """SIGKILL to all of a container's processes; one that has ended meanwhile is as good."""
        try:
            self.cluster.containerd.ctr("tasks", "kill", "--all", "--signal", "SIGKILL", container)
        except ClusterError as error:
            if "not found" not in str(error):
                raise

    def _staging(self, step: str) -> bool:
        for _ in range(STAGING_LOOKS):
            if ids := self._containers(step):
                self._kill(self._dice.choice(ids))
                return True
            if self._stop.wait(POLL_SECONDS):
                break
        return False

    # -- Swift: its data lie on the node

    def _swift(self) -> bool:
        pods = self.cluster.list("Pod", "chris-swift", labelSelector=SWIFT_LABEL)
        hit = self._kill_containers("swift")
        for pod in pods:
            self.cluster.delete(pod, grace_seconds=0)
        return hit

    def _api_server(self) -> bool:
        self.cluster.node.kill("kube-apiserver")
        time.sleep(self._dice.uniform(0, 4))  # how long it is away
        self.cluster.node.heal()
        return True
