"""From raw objects to what a plan looks at: the one place where dictionaries become models."""

from typing import Any

import pytest
from tests.runs import FEED_UID, NOW, SETTINGS, UID, Object, at, completed, instance, plugin, text

from chris_operator.cluster import FEEDS, INSTANCES, JOBS, NAMESPACES, PLUGINS, PODS
from chris_operator.controller.gather import observed, tenant_of
from chris_operator.controller.world import World
from chris_operator.core.names import ATTEMPT_LABEL, RUN_UID_LABEL, USER_LABEL
from chris_operator.core.observe import INDEX_LABEL, Stage
from chris_operator.core.observed import Given, Observed, Tenant
from chris_operator.core.site import Site


def _run(name: str = "scan", spec: Object | None = None, status: Object | None = None, **meta: Any) -> Object:
    return instance(name, spec=spec, status=status, **meta).wire()


def _namespace(name: str, user: str | None, created: str = "2026-01-01T00:00:00Z", **meta: Any) -> Object:
    labels = {USER_LABEL: user} if user else {}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": created, **meta}}


def _of_run(name: str, number: int, **meta: Any) -> Object:
    labels = {RUN_UID_LABEL: UID, ATTEMPT_LABEL: str(number)}
    return {
        "metadata": {"name": name, "namespace": "alice", "uid": name, "labels": labels, **meta},
        "status": {},
    }


def _world(
    *runs: Object, feeds: tuple[str, ...] = ("look",), pods: Any = (), jobs: Any = (), namespaces: Any = None
) -> World:
    """What the watches would have shown."""
    namespaces = [_namespace("alice", "alice")] if namespaces is None else namespaces
    program = {"metadata": {"name": "pl-x-1.0.0"}, "spec": plugin().wire(), "status": {}}
    world = World()
    for number, name in enumerate(feeds):
        meta = {"name": name, "namespace": "alice", "uid": FEED_UID if not number else name}
        world.take(FEEDS, {"metadata": meta, "status": {"id": 3}})
    shown = {PLUGINS: [program], INSTANCES: runs, NAMESPACES: namespaces, PODS: pods, JOBS: jobs}
    for resource, bodies in shown.items():
        for body in bodies:
            world.take(resource, body)
    return world


def _seen(world: World, run: Object) -> Observed:
    return observed(world, SETTINGS, run, Given())


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        ([], Tenant("alice")),
        ([_namespace("alice", None)], Tenant("alice")),
        ([_namespace("alice", "alice")], Tenant("alice", user="alice")),
        (
            [_namespace("alice", "alice"), _namespace("old", "alice", "2025-01-01T00:00:00Z")],
            Tenant("alice", user="alice", rival="old"),
        ),
        (
            [_namespace("alice", "alice"), _namespace("young", "alice", "2026-01-02T00:00:00Z")],
            Tenant("alice", user="alice"),
        ),
        (
            [_namespace("alice", "alice"), _namespace("a", "alice")],
            Tenant("alice", user="alice", rival="a"),
        ),
        (
            [_namespace("alice", "alice", annotations={"openshift.io/sa.scc.uid-range": "1000650000/10000"})],
            Tenant("alice", user="alice", fixed_user=False),
        ),
        (
            [_namespace("alice", "alice", deletionTimestamp=text(NOW))],
            Tenant("alice", user="alice", deleted=True),
        ),
    ],
    ids=[
        "unknown",
        "unlabelled",
        "tenant",
        "older-rival",
        "younger-rival",
        "same-age",
        "range-of-users",
        "dying",
    ],
)
def test_tenants(namespaces: list[Object], expected: Tenant):
    assert tenant_of(_world(namespaces=namespaces), "alice") == expected


@pytest.mark.parametrize(
    ("run", "feed"),
    [
        (_run(spec={"feed": "look"}), "look"),
        (_run("look"), "look"),
        (_run(spec={"previous": ["root"]}), "look"),
        (_run(spec={"previous": ["absent"]}), None),
        (_run(spec={"previous": ["absent"]}, status={"feed": "look"}), "look"),
    ],
    ids=["named", "its-own", "its-parents", "parent-unknown", "parent-deleted"],
)
def test_which_feed_a_run_belongs_to(run: Object, feed: str | None):
    seen = _seen(_world(_run("root", status=completed()), run), run)
    assert seen.feed_name == feed
    assert (seen.feed.metadata.uid if seen.feed else None) == (FEED_UID if feed else None)


def test_a_parent_that_is_being_deleted_is_none():
    run = _run(spec={"previous": ["root"]})
    root = _run("root", status=completed(), deletionTimestamp=text(NOW))
    assert _seen(_world(root, run), run).parents == {"root": None}


@pytest.mark.parametrize(
    ("above", "circle"),
    [
        ({"a": ["b"], "b": []}, ()),
        ({"a": ["b"]}, ()),
        ({"a": ["b"], "b": ["scan"]}, ("a", "b", "scan")),
        ({"a": ["c", "b"], "b": ["scan"], "c": []}, ("a", "b", "scan")),
        ({"a": ["b"], "b": ["a"]}, ()),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ()),
    ],
    ids=["none", "unknown-parent", "through-first-parents", "through-a-second-parent", "above-it", "diamond"],
)
def test_circles(above: dict[str, list[str]], circle: tuple[str, ...]):
    run = _run(spec={"previous": ["a"]})
    others = [_run(name, spec={"previous": previous}) for name, previous in above.items()]
    assert _seen(_world(run, *others), run).circle == circle


def test_a_run_that_was_written_under_an_older_schema_keeps_what_it_told():
    """Its number and its output name data in Swift: they must survive and be deleted with it."""
    run = _run(status=completed())
    run["spec"]["retries"] = "many"
    seen = _seen(_world(run), run)
    assert seen.malformed is not None
    assert "spec.retries" in seen.malformed
    assert seen.instance.status.output is not None
    assert seen.instance.status.id == 8


def test_a_status_that_cannot_be_read_is_none():
    run = _run()
    run["status"] = {"id": "eight"}
    seen = _seen(_world(run), run)
    assert seen.malformed is not None
    assert "status.id" in seen.malformed
    assert seen.instance.status.id == 8, "its label tells"


def test_the_pod_of_the_attempt_that_the_status_names():
    old = _of_run("scan-1-a", 1, creationTimestamp=text(at(-90)))
    replaced = _of_run("scan-2-a", 2, creationTimestamp=text(at(-60)))
    newest = _of_run("scan-2-b", 2, creationTimestamp=text(at(-30)))
    world = _world(pods=[newest, old, replaced])
    first = _run(status={"attempt": {"number": 1}})
    second = _run(status={"attempt": {"number": 2}})
    third = _run(status={"attempt": {"number": 3}})
    assert [_seen(world, run).pod.name for run in (first, second, third)] == ["scan-1-a", "scan-2-b", ""]
    assert _seen(world, third).pod.stage is Stage.NO_POD


def _worker(index: int, phase: str) -> Object:
    found = _of_run(f"scan-1-{index}-x", 1, creationTimestamp=text(at(-60)))
    labels = found["metadata"]["labels"] | {INDEX_LABEL: str(index)}
    return found | {
        "metadata": found["metadata"] | {"labels": labels, "resourceVersion": "1"},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize("over", [False, True], ids=["goes-on", "over"])
def test_several_workers_are_seen_as_one_pod_and_each_for_itself(over: bool):
    done = [{"type": "Complete", "status": "True"}] if over else []
    spec = {"completionMode": "Indexed", "completions": 2, "template": {"spec": {}}}
    job = _of_run("scan-1", 1) | {"spec": spec, "status": {"completedIndexes": "0-1", "conditions": done}}
    run = _run(status={"attempt": {"number": 1}})
    seen = _seen(_world(run, pods=[_worker(0, "Succeeded"), _worker(1, "Succeeded")], jobs=[job]), run)
    assert [pod.index for pod in seen.crew] == [0, 1]
    assert seen.pod.stage is (Stage.ENDED if over else Stage.PENDING)
    assert (seen.jobs[0].workers, seen.jobs[0].over, seen.working) == (2, over, not over)


def test_our_own_writes_are_seen_before_the_watch_shows_them():
    run = _run(resourceVersion="5")
    world = _world(run)
    ours = run | {"metadata": run["metadata"] | {"resourceVersion": "6"}, "status": {"id": 8}}
    assert world.take(INSTANCES, ours) is not None
    assert world.take(INSTANCES, ours) is None, "the watch brings it again, which is no news"
    seen = world.instance("alice", "scan")
    assert seen is not None
    assert seen["status"] == {"id": 8}
    world.take(JOBS, _of_run("scan-1", 1, resourceVersion="7"))
    assert [job["metadata"]["name"] for job in world.jobs(UID)] == ["scan-1"]
    new = {"metadata": {"name": "new", "namespace": "alice", "uid": "n", "resourceVersion": "8"}}
    world.take(FEEDS, new)
    assert world.feed("alice", "new") is not None
    world.forget(FEEDS, "alice", "new", "n")
    world.take(FEEDS, new)
    assert world.feed("alice", "new") is None, "an answer that came late brings nothing back"


def test_what_the_watch_shows_later_counts_more_than_what_we_wrote():
    run = _run(resourceVersion="7", status={"id": 9})
    world = _world(run)
    world.take(INSTANCES, _run(resourceVersion="6", status={"id": 8}))
    seen = world.instance("alice", "scan")
    assert seen is not None
    assert seen["status"]["id"] == 9


def test_numbers_are_above_all_that_exist():
    world = _world(_run("a", status={"id": 4}), _run("b", status={"id": 12}), _run("c"))
    assert world.highest_id(INSTANCES) == 12
    assert world.highest_id(FEEDS) == 3


TREES: dict[str, tuple[dict[str, tuple[str, ...]], set[str], str | None]] = {
    "nobody": ({"scan": ("a",), "a": ("b",), "b": ()}, set(), None),
    "parent": ({"scan": ("a",), "a": ()}, {"a"}, "a"),
    "far-above": ({"scan": ("a",), "a": ("b",), "b": ("c",), "c": ()}, {"c"}, "c"),
    "nearest": ({"scan": ("a",), "a": ("b",), "b": ()}, {"a", "b"}, "a"),
    "of-several-parents": ({"scan": ("a", "b"), "a": (), "b": ("c",), "c": ()}, {"c"}, "c"),
    "below-or-beside": ({"scan": ("a",), "a": (), "b": ("a",), "c": ("scan",)}, {"b", "c"}, None),
    "in-a-circle": ({"scan": ("a",), "a": ("b",), "b": ("a",)}, set(), None),
    "parent-gone": ({"scan": ("a",)}, set(), None),
}


@pytest.mark.parametrize(("tree", "cancelled", "found"), TREES.values(), ids=TREES)
def test_a_cancelled_ancestor_is_seen_from_afar(
    tree: dict[str, tuple[str, ...]], cancelled: set[str], found: str | None
):
    runs = [
        _run(name, spec={"previous": list(parents), "cancel": name in cancelled}, uid=name)
        for name, parents in tree.items()
    ]
    assert _seen(_world(*runs), runs[0]).cancelled_by == found


def _names(jobs: Any) -> list[str]:
    return [job["metadata"]["name"] if isinstance(job, dict) else job.name for job in jobs]


def test_what_another_cluster_tells_of_a_run_does_not_count():
    """It could tell of runs that never were to go there."""
    here, there = _run(), _run("far", spec={"computeResource": "moc"}, uid="far")
    world = _world(here, there, jobs=[_of_run("scan-1", 1)])
    world.take(JOBS, _of_run("false-2", 2), "moc")
    world.take(JOBS, _of_run("far-1", 1, labels={RUN_UID_LABEL: "far", ATTEMPT_LABEL: "1"}), "moc")
    assert _names(_seen(world, here).jobs) == ["scan-1"]
    assert _names(observed(world, SETTINGS, there, Given(), Site("moc")).jobs) == ["far-1"]
    assert _names(observed(world, SETTINGS, there, Given(), Site("other")).jobs) == []
    assert _names(world.strays("moc")) == ["false-2"]
    world.leave("moc")
    assert world.jobs("far", "moc") == []


def test_a_list_of_another_cluster_takes_nothing_away_here():
    world = _world(_run(), jobs=[_of_run("scan-1", 1, resourceVersion="5")])
    world.take(JOBS, _of_run("gone", 1, resourceVersion="5"), "moc")
    assert _names(world.missing(JOBS, set(), 9, "moc")) == ["gone"]
    assert _names(world.missing(JOBS, {("alice", "scan-1")}, 9)) == []
