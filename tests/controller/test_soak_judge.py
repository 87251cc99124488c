"""The soak's judge is judged: what is planted into a real Swift and a real API server, it finds and names."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.controller.operator_process import Operator
from tests.controller.tenant import Run, Tenant
from tests.kubeclient import ApiError, Client, Object
from tests.soak.check import REPORT, TOMBSTONES, Checker
from tests.soak.cluster import Eyes
from tests.soak.drive import Drive
from tests.soak.wanted import PROBE, SOURCE, Fate, Wanted, contents, summed

from chris_operator.core.names import RUN_UID_LABEL
from chris_operator.models.base import API_VERSION
from chris_operator.staging import manifest
from chris_operator.storage import Storage

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
Undo = Callable[[], object]
SHAPE = {"files": 2, "bytes": 17}


def wanted(name: str, plugin: str = SOURCE, **fields: Any) -> Wanted:
    return Wanted(0, name, plugin, "1.0.0", parameters=SHAPE, **fields)


WANTED = {
    run.name: run
    for run in (
        wanted("parent"),
        wanted("child", PROBE, parents=("parent",)),
        wanted("fails", fate=Fate.FAILS, exit_code=3),
        wanted("removed", fate=Fate.DELETED),
    )
}


@dataclass
class Scene:
    """Runs as a soak leaves them, each played to the end that it must have."""

    tenant: Tenant
    drive: Drive
    runs: dict[str, Run] = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=lambda: dict(WANTED))

    def play(self) -> None:
        """Ask for the runs, and do what their pods would."""
        files = contents(SHAPE["files"], SHAPE["bytes"])
        report = {REPORT: json.dumps({"input": summed(files)}).encode()}
        for name, more in (("parent", {}), ("removed", {}), ("child", report)):
            self.runs[name] = self.tenant.run(
                name, "pl-ds" if more else "pl-fs", ["parent"] if more else (), parameters={}
            )
            self.runs[name].attempt().succeeds(files | more)
            self.runs[name].until("Completed", "True")
        self.runs["fails"] = self.tenant.run("fails")
        self.runs["fails"].attempt().fails(3)
        self.runs["fails"].until("PluginFailed", "False")
        for run in self.runs.values():
            run.await_clean()
            self.see(run)
        self.runs["removed"].delete()
        self.tenant.admin.wait_gone(self.runs["removed"].created)

    def see(self, run: Run) -> None:
        """Look at a run, as the soak does all the time."""
        self.drive.last[self.tenant.namespace, run.name] = run.now()

    def judge(self) -> list[str]:
        """What the judge finds wrong with the runs."""
        checker = Checker(self.drive.cluster, self.drive, copy_seconds=0.1)
        checker.runs(list(self.wanted.values()))
        assert checker.read_files or checker.wrong
        return checker.wrong

    def place(self, name: str, below: str) -> str:
        """A name in Swift below a run's directory."""
        status = self.drive.last[self.tenant.namespace, name]["status"]
        return f"home/{status['user']}/feeds/feed_{status['feedId']}/runs/{status['id']}/{below}"


@pytest.fixture(scope="module")
def scene(operator_process: Operator, admin: Client, storage: Storage) -> Scene:
    if not operator_process.running:
        operator_process.start()
    drive = Drive(Eyes(admin, storage), f"soak-{uuid.uuid4().hex[:8]}", tenants=1, parallel=1, say=print)
    drive.make_tenants()
    (namespace,) = drive.namespaces()
    made = Scene(Tenant(admin, storage, namespace, namespace), drive)
    made.play()
    return made


def test_a_clean_end_is_clean(scene: Scene):
    assert scene.judge() == []


# -- what is wrong with a run


def rewritten(name: str, below: str, change: Callable[[bytes], bytes]) -> Callable[[Scene], Undo]:
    """An object in Swift has other bytes."""

    def do(scene: Scene) -> Undo:
        storage, place = scene.tenant.storage, scene.place(name, below)
        held, _ = storage.get(place)
        storage.put(place, change(held))
        return lambda: storage.put(place, held)

    return do


def lost(name: str, below: str) -> Callable[[Scene], Undo]:
    """An object is no longer in Swift."""

    def do(scene: Scene) -> Undo:
        storage, place = scene.tenant.storage, scene.place(name, below)
        held, _ = storage.get(place)
        storage.delete(place)
        return lambda: storage.put(place, held)

    return do


def partial(scene: Scene) -> Undo:
    """What a run that succeeded has committed is the output of a program that failed."""
    place = scene.place("parent", "attempts/1/")
    _, entries = scene.tenant.storage.read_manifest(f"{place}manifest")
    forged = manifest.encode(entries, [place], partial=True)
    return rewritten("parent", "attempts/1/manifest", lambda _: forged)(scene)


def left(scene: Scene) -> Undo:
    storage, place = scene.tenant.storage, scene.place("removed", "attempts/1/pack-0")
    storage.put(place, b"forgotten")
    return lambda: storage.delete(place)


def told(name: str, **status: Any) -> Callable[[Scene], Undo]:
    """The status of a run says something else."""

    def do(scene: Scene) -> Undo:
        run = scene.runs[name]
        before = run.status
        run.admin.set_status(run.created, status)
        scene.see(run)

        def undo() -> None:
            run.admin.set_status(run.created, {key: before.get(key) for key in status})
            scene.see(run)

        return undo

    return do


def expected(name: str, **change: Any) -> Callable[[Scene], Undo]:
    """Another end was asked for than the run has."""

    def do(scene: Scene) -> Undo:
        scene.wanted[name] = replace(WANTED[name], **change)
        return lambda: scene.wanted.update({name: WANTED[name]})

    return do


def unseen(scene: Scene) -> Undo:
    del scene.drive.last[scene.tenant.namespace, "parent"]
    return lambda: scene.see(scene.runs["parent"])


@dataclass(frozen=True)
class Plant:
    """One fault, and what must be said of which run."""

    do: Callable[[Scene], Undo]
    run: str
    says: str


FLIP = rewritten("parent", "attempts/1/pack-0", lambda held: bytes([held[0] ^ 1]) + held[1:])
PLANTS = {
    "byte-flipped": Plant(FLIP, "parent", "bytes in Swift are not those of the manifest"),
    "input-was-another": Plant(FLIP, "child", "was given other input than its parent's output"),
    "object-lost": Plant(lost("parent", "attempts/1/pack-0"), "parent", "/attempts/1/pack-0"),
    "manifest-lost": Plant(lost("parent", "attempts/1/manifest"), "parent", "/attempts/1/manifest"),
    "manifest-unreadable": Plant(
        rewritten("parent", "attempts/1/manifest", lambda _: b"no manifest"), "parent", "manifest"
    ),
    "copy-lost": Plant(lost("parent", "manifest"), "parent", "the copy of its manifest is not equal"),
    "copy-of-another-attempt": Plant(
        rewritten("parent", "manifest", lambda held: held + held), "parent", "copy of its manifest"
    ),
    "another-commit-told": Plant(
        told("parent", output={"attempt": 1, "digest": "sha256:0", "files": 2, "bytes": 34}),
        "parent",
        "the manifest says",
    ),
    "output-partial": Plant(partial, "parent", "the manifest says"),
    "program-wrote-other-files": Plant(
        expected("parent", parameters={"files": 3, "bytes": 17}), "parent", "wrote other files"
    ),
    "succeeded-and-must-not": Plant(
        expected("parent", fate=Fate.FAILS, exit_code=3), "parent", "must be PluginFailed False"
    ),
    "failed-and-must-not": Plant(expected("fails", fate=Fate.SUCCEEDS), "fails", "must be Completed True"),
    "charged-for-nothing": Plant(
        told("parent", failures={"PluginFailed": 1}), "parent", "charged with 1 failures"
    ),
    "not-charged": Plant(told("fails", failures=None), "fails", "charged with 0 failures"),
    "another-exit-code": Plant(told("fails", usage={"exitCode": 4}), "fails", "exit code must be 3"),
    "never-seen": Plant(unseen, "parent", "was never seen"),
    "data-of-a-removed-run": Plant(left, "removed", "Swift still holds 1 of its objects"),
}


@contextmanager
def planted(do: Callable[[Scene], Undo], scene: Scene) -> Iterator[None]:
    undo = do(scene)
    try:
        yield
    finally:
        undo()


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_what_is_wrong_with_a_run_is_found(scene: Scene, plant: Plant):
    with planted(plant.do, scene):
        found = scene.judge()
    about = [each for each in found if each.startswith(f"{scene.tenant.namespace}/{plant.run} (")]
    assert any(plant.says in each for each in about), found
    assert scene.judge() == []


# -- what is left when all runs are gone


def orphan(kind: str, version: str = "v1", **body: Any) -> Callable[[Scene], Undo]:
    """Something of a run that is gone, in a namespace of nobody."""
    labels = {RUN_UID_LABEL: "gone"}

    def do(scene: Scene) -> Undo:
        meta = {"name": "orphan", "namespace": "default", "labels": labels}
        made = scene.tenant.admin.create({"apiVersion": version, "kind": kind, "metadata": meta, **body})
        return lambda: scene.tenant.remove(made, grace_seconds=0)

    return do


def stranger(kind: str, version: str, namespace: str = "", **body: Any) -> Callable[[Scene], Undo]:
    """Something that nobody has made for a run, in the tenant's namespace unless told otherwise."""

    def do(scene: Scene) -> Undo:
        meta = {"name": "stranger", "namespace": namespace or scene.tenant.namespace}
        made = scene.tenant.admin.create({"apiVersion": version, "kind": kind, "metadata": meta, **body})
        return lambda: scene.tenant.remove(made, grace_seconds=0)

    return do


def upload(scene: Scene) -> Undo:
    place = f"home/{scene.tenant.user}/uploads/forgotten"
    scene.tenant.storage.put(place, b"x")
    return lambda: scene.tenant.storage.delete(place)


def grave(scene: Scene) -> Undo:
    """A place that is still to be swept."""
    admin, meta = scene.tenant.admin, {"name": TOMBSTONES, "namespace": "chris-system"}
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"planted": "home/nobody/"}}
    try:
        made = admin.create(item)
    except ApiError:
        admin.patch(item, {"data": {"planted": "home/nobody/"}})
        return lambda: admin.patch(item, {"data": {"planted": None}})
    return lambda: admin.delete(made)


_CONTAINERS: Object = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
LEAVINGS = {
    "job": (
        orphan("Job", "batch/v1", spec={"template": {"spec": _CONTAINERS}}),
        "Job ('default', 'orphan') stays",
    ),
    "pod": (orphan("Pod", spec=_CONTAINERS), "Pod ('default', 'orphan') stays"),
    "secret": (orphan("Secret"), "Secret ('default', 'orphan') stays"),
    "lease": (stranger("Lease", "coordination.k8s.io/v1"), "'stranger') stays"),
    "lease-of-ours": (
        stranger("Lease", "coordination.k8s.io/v1", "chris-system"),
        "Lease chris-system/stranger is left",
    ),
    "feed": (stranger("Feed", API_VERSION, spec={"title": "Left"}), "'stranger') stays"),
    "object": (upload, "Swift still holds"),
    "grave": (grave, "home/nobody/ waits to be swept"),
}
"""What is planted, and what is said of it."""


@pytest.mark.parametrize(("do", "says"), LEAVINGS.values(), ids=LEAVINGS)
def test_what_is_left_behind_is_found(scene: Scene, do: Callable[[Scene], Undo], says: str):
    """Beside what is there anyway: here nobody removes a namespace, and the scene is still set."""
    checker = Checker(scene.drive.cluster, scene.drive)
    before = set(checker.stays())
    with planted(do, scene):
        found = set(checker.stays()) - before
    assert any(says in each for each in found), found
