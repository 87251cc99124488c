"""Clusters side by side share nothing; what the machine has is read correctly."""

import itertools
import tomllib
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from localcluster import cgroups, env, network, processes, record, settings
from localcluster.config import MAX_CLUSTERS, ClusterConfig
from localcluster.record import Record


def config(index: int, name: str = "main") -> ClusterConfig:
    return ClusterConfig(name, index, Path("/checkout"), Path("/cache"))


def machine(cluster: ClusterConfig, *, apparmor: bool = False) -> settings.Machine:
    root = cluster.cache / "containerd" / str(cluster.index)
    return settings.Machine(root, "/usr/sbin/runc", "/usr/lib/cni", apparmor)


def everything_told(cluster: ClusterConfig) -> str:
    """All text that a cluster's components are given."""
    files = settings.files(cluster, machine(cluster))
    flags = [flag for component in processes.components(cluster) for flag in component.flags]
    return "\n".join([*files.values(), *flags, env.text(env.of(cluster), Path("/checkout/build/bin"))])


def test_first_cluster_has_the_documented_addresses():
    main = config(0)
    assert main.api_url == "https://10.90.0.1:6443"
    assert str(main.host_address) == "10.90.0.254"
    assert [str(each) for each in main.ranges] == ["10.90.0.0/24", "10.244.0.0/16", "10.96.0.0/16"]


def test_ranges_of_all_clusters_are_disjoint():
    ranges = [each for index in range(MAX_CLUSTERS) for each in config(index).ranges]
    assert [(a, b) for a, b in itertools.combinations(ranges, 2) if a.overlaps(b)] == []


def test_nothing_of_one_cluster_is_told_to_another():
    first, second = config(0), config(1, "second")
    told = everything_told(second)
    own = [
        *(str(each.network_address) for each in first.ranges),
        str(first.state) + "/",
        "/cache/containerd/0",
    ]
    assert [word for word in own if word in told] == []


@pytest.mark.parametrize("apparmor", [True, False], ids=["apparmor", "no apparmor"])
def test_containerd_settings_are_toml_and_follow_the_machine(apparmor: bool):
    parsed = tomllib.loads(settings.containerd_toml(config(1), machine(config(1), apparmor=apparmor)))
    assert parsed["root"] == "/cache/containerd/1"
    assert parsed["plugins"]["io.containerd.cri.v1.runtime"]["disable_apparmor"] is not apparmor
    assert (
        parsed["plugins"]["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == settings.PAUSE_IMAGE
    )


def test_kubelet_keeps_to_the_cgroup_of_its_cluster():
    assert settings.kubelet(config(3))["cgroupRoot"] == "/chris3"


V1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
UNIFIED = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "versions", "pure"),
    [
        pytest.param(V1, [1, 1], False, id="v1"),
        pytest.param(V1 + UNIFIED, [1, 1, 2], False, id="hybrid"),
        pytest.param("proc /proc proc rw 0 0\n" + V2, [2], True, id="pure v2"),
        pytest.param(V2 + V2, [2], True, id="mounted twice"),
    ],
)
def test_cgroup_trees(mounts: str, versions: list[int], pure: bool):
    trees = cgroups.parse_mounts(mounts)
    assert [tree.version for tree in trees] == versions
    assert cgroups.is_pure_v2(trees) is pure


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param("192.168.0.0/16", [], id="elsewhere"),
        pytest.param(
            "10.96.4.0/22", ["10.96.4.0/22 (device eth9) overlaps 10.96.0.0/16"], id="inside services"
        ),
        pytest.param(
            "10.0.0.0/8",
            [
                "10.0.0.0/8 (device eth9) overlaps 10.90.0.0/24",
                "10.0.0.0/8 (device eth9) overlaps 10.244.0.0/16",
                "10.0.0.0/8 (device eth9) overlaps 10.96.0.0/16",
            ],
            id="around all",
        ),
    ],
)
def test_taken_addresses_are_named(taken: str, expected: list[str]):
    assert network.conflicts(config(0), [(IPv4Network(taken), "eth9")]) == expected


def test_the_default_route_takes_no_addresses():
    routes = [{"dst": "default", "dev": "eth0"}, {"dst": "192.0.2.7", "dev": "eth0"}]
    assert network.routed(routes) == [(IPv4Network("192.0.2.7/32"), "eth0")]


def test_a_record_knows_a_reused_process_id(tmp_path: Path):
    own = Record(0).with_box(1)
    assert own.alive()
    assert not Record(0, init_pid=1, init_start="another time").alive()
    assert not Record(0).alive()
    file = tmp_path / "record.json"
    record.save(file, own)
    assert record.load(file) == own


@pytest.mark.parametrize("text", [None, "", "{"], ids=["absent", "empty", "cut off"])
def test_an_unreadable_record_is_none(tmp_path: Path, text: str | None):
    file = tmp_path / "record.json"
    if text is not None:
        file.write_text(text)
    assert record.load(file) is None
