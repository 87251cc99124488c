"""Tests that need an API server fail where it has not been built, and say how to build it."""

from pathlib import Path

import pytest
from tests.apiserver import ServerError, binary_directory
from tests.ports import free_ports


def test_missing_binaries_are_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ServerError, match=r"etcd, kube-apiserver: not in .*; build them with `make up`"):
        binary_directory()


def test_no_port_is_given_twice_nor_to_whoever_connects():
    ports = [*free_ports(20), *free_ports(1), *free_ports(5)]
    assert len(set(ports)) == 26
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports) < lowest
