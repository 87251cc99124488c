"""`kubectl chris tree` of an analysis with a thousand runs: the whole command, from Enter to the last line.

The API server and its etcd are real; the runs are written into etcd directly, as test_scale does.
"""

import json
import os
import statistics
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest
from tests.apiserver import ApiServer, binary_directory
from tests.benchmarks.bench import record
from tests.benchmarks.test_scale import REGISTRY, Etcd
from tests.installation import ROOT, install
from tests.kubeclient import Object
from tests.runs import condition

from chris_operator.models.base import API_VERSION

pytestmark = [pytest.mark.bench, pytest.mark.apiserver]
RUNS = 1000
CHILDREN = 8
CALLS = 7


def runs(namespace: str) -> Iterator[tuple[str, Object]]:
    """Keys and values of a tree of runs that have succeeded."""
    for number in range(RUNS):
        name = f"run-{number:04}"
        previous = [f"run-{(number - 1) // CHILDREN:04}"] if number else []
        output = {"attempt": 1, "digest": "sha256:" + "0" * 64, "files": number, "bytes": 1 << number % 40}
        body = {
            "apiVersion": API_VERSION,
            "kind": "PluginInstance",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "generation": 1,
                "creationTimestamp": f"2026-01-02T11:{number // 60 % 60:02}:{number % 60:02}Z",
            },
            "spec": {"plugin": {"name": "pl-x", "version": "1.0.0"}, "previous": previous},
            "status": {
                "id": number + 1,
                "feed": "big",
                "feedId": 1,
                "user": "bench",
                "conditions": condition("Completed", "True", f"{number} files, 1234567 bytes"),
                "attempt": {"number": 1, "uid": str(uuid.uuid4())},
                "output": output,
                "image": "docker.io/x@sha256:" + "1" * 64,
                "usage": {"exitCode": 0, "cpuSeconds": 1.5, "peakMemoryBytes": 1 << 20},
                "phases": {"queued": 1.0, "stageIn": 0.2, "plugin": 3.5, "publish": 0.4, "ours": 0.05},
                "completionTime": "2026-01-02T12:30:00Z",
                "duration": "30m0s",
            },
        }
        yield f"{REGISTRY}/plugininstances/{namespace}/{name}", body


def test_the_tree_of_a_thousand_runs():
    with ApiServer.running() as server, server.client() as admin:
        install(admin)
        namespace = admin.namespace()
        Etcd(server.etcd).put(runs(namespace))
        path = f"{binary_directory()}:{ROOT / 'bin'}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(server.kubeconfig("admin"))}
        words = ["kubectl", "chris", "tree", "big", "-n", namespace]
        times = [_timed(words, environment) for _ in range(CALLS)]
        as_json = subprocess.run([*words, "-o", "json"], env=environment, capture_output=True, check=True)
    assert len(json.loads(as_json.stdout)["runs"]) == RUNS
    record(tree_1000_ms=1000 * statistics.median(times))


def _timed(words: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - began
    assert done.stdout.startswith(f"big: {RUNS} runs: {RUNS} succeeded\n")
    return seconds
