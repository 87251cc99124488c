"""Tests that need an API server fail where it has not been built, and say how to build it."""

from pathlib import Path

import pytest
from tests.apiserver import ServerError, binary_directory, free_ports


def test_missing_binaries_are_an_error_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ServerError, match=r"etcd, kube-apiserver: not in .*; build them with `make up`"):
        binary_directory()


def test_ports_differ():
    assert len(set(free_ports(20))) == 20
