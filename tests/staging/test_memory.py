"""Staging's memory depends on its threads, not on the data."""

import subprocess
from pathlib import Path

import pytest
from tests.staging.measuring import cost, measured
from tests.staging.pod import Pod

from chris_operator.storage import Storage

pytestmark = pytest.mark.swift
MOST_KIB = 128 << 10


def peak_kib(pod: Pod, step: str, process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that must succeed; its largest resident size."""
    ended = pod.end(step, process, 300)
    assert ended.code == 0, ended.log
    return cost(pod.root / step).peak_kib


def test_a_gibibyte_and_ten_thousand_files_stay_below_the_limit(storage: Storage, tmp_path: Path):
    source = Pod(tmp_path / "a", storage, "memory/a/")
    with (source.outgoing / "large.raw").open("wb") as file:
        file.truncate(1 << 30)
    for number in range(10_000):
        (source.outgoing / f"a-rather-long-file-name-of-a-dicom-slice-{number:06}.dcm").write_bytes(
            b"x" * 100
        )
    assert source.stage_in().code == 0
    publish = source.start_staging("publish", *measured(source.root / "publish"))
    plugin = source.start_plugin(["/bin/true"])
    assert peak_kib(source, "publish", publish) < MOST_KIB
    plugin.wait()
    source.digest = source.manifest()[0].digest
    target = Pod(tmp_path / "b", storage, "memory/b/", [source])
    stage_in = target.start_staging("stage-in", *measured(target.root / "stage-in"))
    assert peak_kib(target, "stage-in", stage_in) < MOST_KIB
    assert (target.incoming / "large.raw").stat().st_size == 1 << 30
    storage.delete_prefix("memory/")
