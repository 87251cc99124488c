"""The operator is killed at every write of a second attempt and of a removal; an undisturbed run tells which there are.

The writes of a plain run stand in test_crashes.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import pytest
from tests.apiserver import POLL_SECONDS
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.pods import Attempt
from tests.controller.tenant import FILES, Run, Tenant
from tests.kubeclient import ApiError, Object

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
PATIENCE = 60.0
EARLIER = "Running"
"""What the watch shows before the gateway has written it down; test_crashes kills the operator there."""
WORKERS = 16
"""So many keys the operator works on at once: as many writes could be held, and nothing else would go on."""


@dataclass(frozen=True)
class Story:
    """A part of a run's life: what precedes it, how it begins, what the cluster's other parts play, how it ends."""

    prepare: Callable[[Run], object]
    begin: Callable[[Run], None]
    play: Callable[[Run], None]
    over: Callable[[Run], bool]
    right: Callable[[Run], None]


def _number(item: Object) -> str:
    return str(item["metadata"]["labels"]["chrisproject.org/attempt"])


def _fail(run: Run) -> None:
    run.attempt().fails(3)


def _succeed(run: Run) -> None:
    """Whatever attempt has a Job and no pod yet gets one that ends well."""
    namespace = run.tenant.namespace
    begun = {_number(pod) for pod in run.admin.list("Pod", namespace)}
    for job in run.admin.list("Job", namespace):
        if _number(job) not in begun:
            secret = run.admin.get("Secret", job["metadata"]["name"], namespace)
            Attempt(run.admin, job, secret).succeeds(FILES)


def _cleaned_up(run: Run) -> bool:
    run.tenant.collect()
    return run.ended and run.tenant.leftovers() == {}


def _second_attempt_counts(run: Run) -> None:
    status = run.status
    assert run.until("Completed", "True") == "2 files, 9 bytes"
    assert (status["attempt"]["number"], status["output"]["attempt"]) == (2, 2)
    assert status["failures"] == {"PluginFailed": 1}
    place = f"home/{run.tenant.user}/feeds/feed_{status['feedId']}/runs/{status['id']}"
    kept = [f"{place}/attempts/2/{name}" for name in ("log", "manifest", "pack-0")]
    assert run.tenant.objects() == [*kept, f"{place}/manifest"]


def _run(run: Run) -> None:
    attempt = run.attempt()
    attempt.write(FILES)
    attempt.runs()
    run.until("Running")


def _collect(run: Run) -> None:
    """The garbage collector takes the pod once its Job is gone."""
    run.tenant.collect()


def _gone(run: Run) -> bool:
    try:
        run.now()
    except ApiError as error:
        return error.code == 404
    return False


def _nothing_is_left(run: Run) -> None:
    assert run.tenant.leftovers() == {}
    assert run.tenant.objects() == []


STORIES = {
    "second-attempt": Story(Run.attempt, _fail, _succeed, _cleaned_up, _second_attempt_counts),
    "removal": Story(_run, Run.delete, _collect, _gone, _nothing_is_left),
}


def _live(story: Story, runs: list[Run], until: Callable[[], bool]) -> None:
    """Play the cluster's other parts until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < deadline, [run.tenant.namespace for run in runs if not story.over(run)]
        for run in runs:
            story.play(run)
        time.sleep(POLL_SECONDS)


def _point(write: Write) -> str:
    return f"{write.what} {write.reason}".strip()


def _of(namespace: str, write: Write) -> bool:
    """Whether a write is about the runs of a namespace; Feeds are counted after them, once for several steps."""
    return f"/namespaces/{namespace}/" in write.path and "feeds/" not in write.what


def _points(story: Story, run: Run, gateway: Gateway) -> list[tuple[str, int]]:
    """What is written in an undisturbed life, in order, and how often it was written before."""
    story.prepare(run)
    before = len(gateway.writes)
    story.begin(run)
    _live(story, [run], lambda: story.over(run))
    seen: Counter[str] = Counter()
    found = []
    for write in gateway.writes[before:]:
        if _of(run.tenant.namespace, write) and write.status < 300 and write.reason != EARLIER:
            found.append((_point(write), seen[_point(write)]))
            seen[_point(write)] += 1
    return found


def _nth(namespace: str, what: str, before: int) -> Callable[[Write], bool]:
    """Pick out a write of a kind in a namespace, after so many of the same."""
    seen = 0

    def wanted(write: Write) -> bool:
        nonlocal seen
        if not _of(namespace, write) or _point(write) != what:
            return False
        seen += 1
        return seen > before

    return wanted


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
@pytest.mark.parametrize("blow", [Blow.BEFORE, Blow.AFTER], ids=lambda blow: blow.value.replace(" ", "-"))
def test_killed_at_every_write(
    operator: Operator, new_tenant: Callable[[], Tenant], gateway: Gateway, story: Story, blow: Blow
):
    points = _points(story, new_tenant().run("scan", retries=1), gateway)
    assert 3 <= len(points) < WORKERS, points
    runs = [new_tenant().run("scan", retries=1) for _ in points]
    for run in runs:
        story.prepare(run)
    holds: list[Event] = [
        gateway.ambush(Ambush(_nth(run.tenant.namespace, *point), blow))
        for run, point in zip(runs, points, strict=True)
    ]
    for run in runs:
        story.begin(run)
    _live(story, runs, lambda: all(hold.is_set() for hold in holds))
    operator.kill()
    operator.start()
    _live(story, runs, lambda: all(story.over(run) for run in runs))
    for run in runs:
        story.right(run)
