"""A second cluster beside the main one: made, damaged, killed half-way, removed without a trace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from localcluster import cluster, kind, machine, oci, record, registry
from localcluster.box import Box
from localcluster.config import CHECKOUT, ClusterConfig
from localcluster.containerd import Containerd
from localcluster.shell import wait_until
from tests.localcluster import machine_state

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(kind.engine_answers(), reason="a Docker engine answers: clusters are made by kind"),
]
NAME = "second"
BUSYBOX = "localhost/chris/testbox:1"
INOTIFY = machine.INOTIFY


def up() -> ClusterConfig:
    return cluster.up(NAME, first_index=1)


@pytest.fixture(scope="module")
def inotify_before() -> str:
    return INOTIFY.read_text()


@pytest.fixture(scope="module")
def second(inotify_before: str) -> Iterator[ClusterConfig]:
    cluster.down(NAME)
    config = up()
    _, box = cluster.require(NAME)
    archive = config.state / "busybox.tar"
    oci.write_archive(Path(shutil.which("busybox") or "/bin/busybox"), BUSYBOX, archive)
    Containerd(box, cluster.bin_dir()).import_archive(archive)
    yield config
    cluster.down(NAME)
    assert INOTIFY.read_text() == inotify_before


def kubectl(config: ClusterConfig, *words: str, given: str | None = None) -> str:
    argv: list[str | Path] = [cluster.bin_dir() / "kubectl", "--kubeconfig", config.kubeconfig, *words]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def box_of(config: ClusterConfig) -> Box:
    found = cluster.require(config.name)
    return found[1]


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  securityContext: {{runAsNonRoot: true, runAsUser: 65532, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
  - name: main
    image: {image}
    imagePullPolicy: {policy}
    command: [/busybox, sh, -c, "{script}"]
    securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""
SERVER = "echo hello > /dev/shm/index.html && exec /busybox httpd -f -p 8080 -h /dev/shm"
CLIENT = "/busybox wget -qO- http://server.default.svc.cluster.local/index.html"


def run_pod(
    config: ClusterConfig, name: str, script: str, image: str = BUSYBOX, policy: str = "IfNotPresent"
) -> str:
    """Run a pod under restricted settings to its end; returns its log."""
    kubectl(
        config, "apply", "-f", "-", given=POD.format(name=name, script=script, image=image, policy=policy)
    )
    kubectl(config, "wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
    return kubectl(config, "logs", name)


def test_pods_services_and_names_work(second: ClusterConfig):
    kubectl(
        second,
        "apply",
        "-f",
        "-",
        given=POD.format(name="server", script=SERVER, image=BUSYBOX, policy="IfNotPresent"),
    )
    kubectl(second, "wait", "--for=condition=Ready", "pod/server", "--timeout=60s")
    kubectl(second, "expose", "pod", "server", "--port=80", "--target-port=8080")
    assert run_pod(second, "client", CLIENT) == "hello\n"
    address = kubectl(second, "get", "service", "server", "-o", "jsonpath={.spec.clusterIP}")
    fetched = subprocess.run(
        ["/bin/busybox", "wget", "-qO-", f"http://{address}/index.html"], capture_output=True, check=True
    )
    assert fetched.stdout == b"hello\n", "ClusterIPs are reached from the host"


def test_it_carries_the_mark_and_audits(second: ClusterConfig):
    marked = kubectl(
        second,
        "-n",
        "kube-system",
        "get",
        "configmap",
        "chris-localcluster",
        "-o",
        "jsonpath={.data.cluster}",
    )
    assert marked == NAME
    assert '"level":"Metadata"' in (second.logs / "audit.log").read_text()


def test_pulls_from_a_plain_registry_on_this_machine(second: ClusterConfig, tmp_path: Path):
    """What a user's own registry does for his cluster, here without TLS on the host's end of the cable."""
    binary = Path(
        subprocess.run(
            [sys.executable, "-m", "localcluster", "registry-binary"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    address = f"{second.host_address}:5000"
    archive = second.state / "busybox.tar"
    with registry.serving(binary, tmp_path, address):
        registry.trust(second, address)
        _push(archive, f"{address}/test/box:1", tmp_path)
        log = run_pod(second, "pulled", "echo from a registry", f"{address}/test/box:1", "Always")
    assert log == "from a registry\n"


def _push(archive: Path, target: str, scratch: Path) -> None:
    store = ["--storage-driver", "vfs", "--root", str(scratch / "root"), "--runroot", str(scratch / "run")]
    buildah = ["unshare", "-m", "--propagation", "private", "buildah", *store]
    pulled = subprocess.run(
        [*buildah, "pull", "-q", f"oci-archive:{archive}"], capture_output=True, text=True, check=True
    )
    image = pulled.stdout.split()[-1]
    subprocess.run([*buildah, "push", "-q", "--tls-verify=false", image, f"docker://{target}"], check=True)


def test_up_again_changes_nothing(second: ClusterConfig):
    before = [machine_state.inner_pid(second, name) for name in ("etcd", "kubelet")]
    assert up() == second
    assert [machine_state.inner_pid(second, name) for name in ("etcd", "kubelet")] == before


@pytest.mark.parametrize("component", ["kubelet", "containerd", "etcd", "kube-controller-manager", "coredns"])
def test_a_daemon_that_was_killed_is_started_again(second: ClusterConfig, component: str):
    box = box_of(second)
    machine_state.kill_inside(second, box, component)
    wait_until(
        lambda: f"{component} does not run" in cluster.problems(second, box),
        seconds=60,
        what=f"{component} is missed",
    )
    up()
    assert cluster.problems(second, box) == []


def test_nobody_waits_for_orphans(second: ClusterConfig):
    states = [line.split()[2] for line in _stat_lines(box_of(second))]
    assert states
    assert "Z" not in states, "the box's first process reaps what ends"


def _stat_lines(box: Box) -> list[str]:
    return box.script(
        "for f in /proc/[0-9]*/stat; do sed 's/(.*)/x/' $f 2>/dev/null || true; done"
    ).splitlines()


def test_two_ups_at_once_do_not_disturb_each_other(second: ClusterConfig):
    words = [
        sys.executable,
        "-m",
        "localcluster",
        "--name",
        NAME,
        "--first-index",
        "1",
        "up",
        "--without-images",
    ]
    both = [subprocess.Popen(words, cwd=CHECKOUT, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert cluster.problems(second, box_of(second)) == []


def test_a_stale_record_does_not_touch_another_cluster(second: ClusterConfig):
    """The index of a killed cluster may belong to another checkout's by now."""
    pid = box_of(second).pid
    stale = machine.config("stale", second.index)
    record.save(
        stale.state / "record.json",
        record.Record(second.index, init_pid=1, init_start="long ago", ready=True),
    )
    assert cluster.down("stale")
    assert box_of(second).pid == pid
    assert cluster.problems(second, box_of(second)) == []
    shutil.rmtree(stale.state)


def test_a_box_of_another_version_is_ended_too():
    """Its arguments may say something else: the record is enough."""
    other = machine.config("other", 9)
    process = subprocess.Popen(["sleep", "infinity"])
    record.save(other.state / "record.json", record.Record(9, ready=True).with_box(process.pid))
    try:
        assert cluster.down("other")
        assert process.wait(timeout=30) == -signal.SIGKILL
    finally:
        process.kill()
        shutil.rmtree(other.state)


def test_a_killed_cluster_is_cleared_and_made_anew(second: ClusterConfig):
    old = box_of(second)
    os.kill(old.pid, signal.SIGKILL)
    wait_until(lambda: cluster.running(NAME) is None, seconds=30, what="the box ends")
    assert up() == second
    assert cluster.problems(second, box_of(second)) == []


@pytest.mark.parametrize("moment", ["record.json", "run/kubelet.pid"])
def test_an_up_killed_half_way_is_resumed(second: ClusterConfig, moment: str):
    cluster.down(NAME)
    words = [
        sys.executable,
        "-m",
        "localcluster",
        "--name",
        NAME,
        "--first-index",
        "1",
        "up",
        "--without-images",
    ]
    process = subprocess.Popen(words, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (second.state / moment).exists():
        assert time.monotonic() < deadline, f"{moment} does not appear"
        assert process.poll() is None, f"up ended before {moment}"
    process.kill()
    process.wait()
    assert up() == second
    assert cluster.problems(second, box_of(second)) == []


@pytest.mark.parametrize("lost", [False, True], ids=["with its record", "record lost"])
def test_down_leaves_no_trace(second: ClusterConfig, lost: bool):
    up()
    spaces = machine_state.namespaces(box_of(second).pid) - machine_state.namespaces(os.getpid())
    assert len(spaces) == 3
    kinds = set(machine_state.traces(second, spaces))
    assert {"processes", "links", "routes", "cgroups", "claims", "files"} <= kinds, (
        "the test can see a cluster"
    )
    if lost:
        (second.state / "record.json").unlink()
    assert cluster.down(NAME)
    assert machine_state.traces(second, spaces) == {}
    assert not cluster.down(NAME), "a second call finds nothing"
