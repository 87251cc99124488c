"""The verdict: every run ended as it had to, every byte in Swift is right, and nothing is left of what was removed."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.kubeclient import Object, condition
from tests.soak.cluster import Eyes
from tests.soak.drive import Drive
from tests.soak.wanted import PROBE, Fate, Sums, Wanted, expected

from chris_operator.core.names import RUN_UID_LABEL, attempt_prefix, run_prefix
from chris_operator.core.phases import PHASES, Fault, Reason
from chris_operator.storage import StorageError

REPORT = "report.json"
TOMBSTONES = "chris-tombstones"
LEAVE_SECONDS = 600.0
LOOK_SECONDS = 2.0


@dataclass
class Checker:
    """Collects what is wrong; empty `wrong` means a clean soak."""

    cluster: Eyes
    drive: Drive
    copy_seconds: float = 30.0
    """How long after a commit its manifest's copy may come."""
    wrong: list[str] = field(default_factory=list)
    read_files: int = 0
    read_bytes: int = 0
    _sums: dict[tuple[int, str], Sums] = field(default_factory=dict)
    """What every run that succeeded has written, from the bytes themselves."""

    def runs(self, wanted: Sequence[Wanted]) -> None:
        """Judge every run, parents first."""
        for run in wanted:
            place = "/".join(self.drive.name(run))
            for each in self._run(run):
                self.wrong.append(f"{place} ({run.fate}): {each}")

    def _run(self, run: Wanted) -> Iterator[str]:
        name = self.drive.name(run)
        if run.fate is Fate.DELETED:
            yield from self._deleted(run)
            return
        item = self.drive.last.get(name)
        if item is None:
            yield "was never seen"
            return
        said = condition(item, "Succeeded")
        yield from _charged(run, item)
        if run.fate is Fate.CANCELLED and said.get("reason") == Reason.CANCELLED:
            return
        wanted = ENDS[run.fate]
        if (said.get("reason"), said.get("status")) != wanted[:2] or wanted[2](run) not in said.get(
            "message", ""
        ):
            yield f"must be {wanted[0]} {wanted[1]} ({wanted[2](run)}), is {said}"
        elif wanted[0] == Reason.COMPLETED:
            yield from self._output(run, item)
        elif run.fate is Fate.FAILS and item["status"].get("usage", {}).get("exitCode") != run.exit_code:
            yield f"exit code must be {run.exit_code}, is {item['status'].get('usage')}"

    def _deleted(self, run: Wanted) -> Iterator[str]:
        last = self.drive.last.get(self.drive.name(run), {}).get("status", {})
        if "id" in last and "feedId" in last:
            left = [
                each.name
                for each in self.cluster.storage.list(run_prefix(last["user"], last["feedId"], last["id"]))
            ]
            if left:
                yield f"Swift still holds {len(left)} of its objects"

    def _output(self, run: Wanted, item: Object) -> Iterator[str]:
        """Read every byte again and hold it against the manifest, and the manifest against the program's rule."""
        status = item["status"]
        place = (status["user"], status["feedId"], status["id"])
        below = attempt_prefix(*place, status["output"]["attempt"])
        try:
            header, entries = self.cluster.storage.read_manifest(f"{below}manifest")
            held = {
                piece.object: self.cluster.storage.get(piece.object)[0]
                for piece in {piece.object: piece for entry in entries for piece in entry.pieces}.values()
            }
        except StorageError as error:
            yield str(error)
            return
        contents = {
            entry.path: b"".join(held[p.object][p.offset : p.offset + p.size] for p in entry.pieces)
            for entry in entries
        }
        sums = {path: hashlib.sha256(data).hexdigest() for path, data in contents.items()}
        self._sums[run.tenant, run.name] = sums
        self.read_files += len(sums)
        self.read_bytes += sum(map(len, contents.values()))
        if sums != {entry.path: entry.sha256 for entry in entries}:
            yield "bytes in Swift are not those of the manifest"
        told = status["output"]
        if (header.digest, header.files, header.partial) != (told["digest"], told["files"], False):
            yield f"the manifest says {header}, the status {told}"
        yield from self._content(run, sums, contents)
        if not self._copied(f"{run_prefix(*place)}manifest", f"{below}manifest"):
            yield "the copy of its manifest is not equal"

    def _content(self, run: Wanted, sums: Sums, contents: Mapping[str, bytes]) -> Iterator[str]:
        parent = self._sums.get((run.tenant, run.parents[0]), {}) if run.parents else {}
        examined = run.plugin == PROBE
        if examined and json.loads(contents.get(REPORT, b"{}")).get("input") != parent:
            yield "its program was given other input than its parent's output"
        own = {path: found for path, found in sums.items() if not (examined and path == REPORT)}
        if own != expected(run, parent):
            yield f"wrote other files than its program does: {sorted(own)[:5]}"

    def _copied(self, copy: str, original: str) -> bool:
        """The copy comes after the commit."""
        deadline = time.monotonic() + self.copy_seconds
        while time.monotonic() < deadline:
            try:
                if self.cluster.storage.get(copy)[0] == self.cluster.storage.get(original)[0]:
                    return True
            except StorageError:
                pass
            time.sleep(LOOK_SECONDS)
        return False

    # -- what is left when the tenants are gone

    def leave(self) -> None:
        """Remove the tenants' namespaces and look for whatever stays."""
        for name in self.drive.namespaces():
            self.cluster.delete({"kind": "Namespace", "metadata": {"name": name}})
        deadline = time.monotonic() + LEAVE_SECONDS
        while (stays := self.stays()) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        self.wrong += stays

    def stays(self) -> list[str]:
        """Everything that is still there and belongs to the tenants or to runs."""
        ours = set(self.drive.namespaces())
        found = [f"Namespace {name} stays" for name in ours if self.cluster.find("Namespace", name)]
        for kind in ("PluginInstance", "Feed", "Job", "Pod", "Secret", "Lease"):
            found += [
                f"{kind} {_place(item)} stays" for item in self.cluster.list(kind) if _place(item)[0] in ours
            ]
        for kind in ("Job", "Pod", "Secret"):
            found += [
                f"{kind} {_place(item)} stays"
                for item in self.cluster.list(kind, labelSelector=RUN_UID_LABEL)
            ]
        leases = [item["metadata"]["name"] for item in self.cluster.list("Lease", "chris-system")]
        found += [f"Lease chris-system/{name} is left" for name in leases if name != "chris-operator"]
        for name in ours:
            left = [each.name for each in self.cluster.storage.list(f"home/{name}/")]
            found += [f"Swift still holds {len(left)} objects of {name}, as {left[0]}"] if left else []
        graves = (self.cluster.find("ConfigMap", TOMBSTONES, "chris-system") or {}).get("data") or {}
        return found + [f"{prefix} waits to be swept" for prefix in graves.values()]


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _charged(run: Wanted, item: Object) -> Iterator[str]:
    """Nobody but a program that fails is charged with its failures, and it with no others than its own."""
    failures: dict[str, int] = item["status"].get("failures") or {}
    allowed = run.retries + 1 if run.fate is Fate.FAILS else 0
    charged = sum(
        n for reason, n in failures.items() if PHASES[Reason(reason)].fault is not Fault.INFRASTRUCTURE
    )
    if charged > allowed or (run.fate is Fate.FAILS and charged != allowed):
        yield f"charged with {charged} failures of its own, must be {allowed}: {failures}"


ENDS: dict[Fate, tuple[Reason, str, Callable[[Wanted], str]]] = {
    Fate.SUCCEEDS: (Reason.COMPLETED, "True", lambda _: ""),
    Fate.CANCELLED: (Reason.COMPLETED, "True", lambda _: ""),
    Fate.FAILS: (Reason.PLUGIN_FAILED, "False", lambda run: f"exit code {run.exit_code}"),
    Fate.ORPHANED: (
        Reason.PARENT_FAILED,
        "False",
        lambda run: f"its parent {run.parents[0]} did not succeed",
    ),
    Fate.STARVED: (Reason.EMPTY_INPUT, "False", lambda run: f"its parent {run.parents[0]} wrote no files"),
}
"""Reason, status and words of the only right end; a run that is cancelled too late has succeeded instead."""
