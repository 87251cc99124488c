"""A small analysis as a crate is made from it: a scan, a registration of it, and one more that failed."""

import hashlib
from typing import Any

from tests.runs import Object, at, condition, plugin, text

from chris_operator.core.crate.records import FeedRecord, FileRecord, RunRecord
from chris_operator.core.lineage import ordered
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstance

SAMPLE = plugin(
    name="pl-sample-t1", type="fs", dockImage="localhost/chris/pl-sample-t1:1.0.0", title="A head"
)
REGISTER = plugin(
    name="pl-register",
    dockImage="ghcr.io/chris/pl-register:1.0.0",
    publicRepo="https://example.org/pl-register",
    parameters=[
        {
            "name": "template",
            "type": "str",
            "flag": "--template",
            "optional": True,
            "default": "mni152",
            "help": "which",
        },
        {"name": "levels", "type": "int", "flag": "--levels", "optional": True, "default": 3},
        {"name": "atlas", "type": "path", "flag": "--atlas"},
        {"name": "fine", "type": "bool", "flag": "--fine", "optional": True, "default": False},
    ],
)
JOIN = plugin(name="pl-join", type="ts")
DATA: dict[str, dict[str, bytes]] = {
    "scan": {"sub-1/T1w.nii.gz": b"head", "notes ü.txt": b"hello"},
    "register": {"qc.png": b"picture", "empty": b""},
    "broken": {"half.nii": b"hal"},
    "compare": {"report.json": b"{}"},
}
"""The files of each run."""
NAMED: dict[str, dict[str, bytes]] = {"register": {"home_alice_uploads/atlas.nii": b"atlas"}}
"""What their parameters named: uploads, known by their MD5."""


def _hex(letter: str) -> str:
    return letter * 64


def _run(
    number: int, name: str, program: PluginSpec, *previous: str, truth: str = "True", **spec: Any
) -> Object:
    reason = {"True": "Completed", "False": "PluginFailed"}[truth]
    files = DATA[name]
    output = {
        "attempt": 1,
        "digest": f"sha256:{_hex(str(number))}",
        "files": len(files),
        "bytes": sum(map(len, files.values())),
        "partial": truth == "False",
    }
    status = {
        "id": number,
        "feed": "look",
        "feedId": 3,
        "user": "alice",
        "conditions": condition(reason, truth, "told"),
        "attempt": {"number": 1},
        "output": output,
        "image": f"docker.io/x@sha256:{_hex('a')}",
        "usage": {"exitCode": 0, "cpuSeconds": 1.5, "peakMemoryBytes": 1 << 20},
        "phases": {"queued": 0.5, "stageIn": 0.25, "plugin": 9.0, "publish": 0.75, "ours": 0.125},
        "startTime": text(at(10 * number)),
        "completionTime": text(at(10 * number + 9)),
    }
    meta = {
        "name": name,
        "namespace": "alice",
        "uid": f"5f0c2f5e-0000-4000-8000-00000000000{number}",
        "creationTimestamp": text(at(number)),
    }
    reference = {"name": program.name, "version": program.version}
    return {
        "metadata": meta,
        "spec": {"plugin": reference, "previous": list(previous)} | spec,
        "status": status,
    }


RUNS = [
    (_run(4, "compare", JOIN, "scan", "register"), JOIN),
    (_run(3, "broken", REGISTER, "scan", truth="False", parameters={"template": "other"}), REGISTER),
    (
        _run(
            2,
            "register",
            REGISTER,
            "scan",
            parameters={"fine": True, "atlas": "home/alice/uploads/atlas.nii"},
        ),
        REGISTER,
    ),
    (_run(1, "scan", SAMPLE), SAMPLE),
]
FEED = {
    "metadata": {"name": "look", "namespace": "alice", "generation": 2},
    "spec": {"title": "First look", "note": "A head", "tags": ["mri", "adult"]},
}


def record(runs: list[tuple[Object, PluginSpec]] | None = None) -> FeedRecord:
    """The analysis; the order in which its runs come makes no difference."""
    programs = {body["metadata"]["name"]: program for body, program in runs or RUNS}
    instances = ordered([PluginInstance.parse(body) for body, _ in runs or RUNS])
    return FeedRecord(
        Feed.parse(FEED), tuple(_record(each, programs[each.metadata.name]) for each in instances)
    )


def _record(instance: PluginInstance, program: PluginSpec) -> RunRecord:
    found = find(instance.status.conditions, ConditionType.SUCCEEDED)
    if found is None:
        raise ValueError("every run of the example has ended")
    files = tuple(
        FileRecord(path, len(data), _hex("b")) for path, data in sorted(DATA[instance.metadata.name].items())
    )
    named = tuple(
        FileRecord(path, len(data), etag=hashlib.md5(data, usedforsecurity=False).hexdigest())
        for path, data in NAMED.get(instance.metadata.name, {}).items()
    )
    return RunRecord(instance, found, program, files, named)
