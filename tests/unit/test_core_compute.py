"""Runs on another cluster: when they may go there, what is made of them there, and what happens while it is lost."""

from typing import Any

import pytest
from tests.installation import ROOT, documents
from tests.runs import (
    DS,
    NOW,
    SETTINGS,
    Object,
    at,
    attempted,
    child,
    completed,
    decide,
    ended,
    job,
    observed,
    plugin,
    pod,
    text,
    waiting,
)

from chris_operator.core import attempts, compute, pods
from chris_operator.core.compute import READY, RIGHTS, Finding
from chris_operator.core.names import CLUSTER_LABEL, COMPUTE_LABEL
from chris_operator.core.observe import Stage
from chris_operator.core.site import Site
from chris_operator.core.verdict import DeleteData, Release, StartAttempt, StopAttempt
from chris_operator.models.computeresource import ComputeResource, ComputeResourceSpec

LOST = "it does not answer"


def spec(**fields: Any) -> ComputeResourceSpec:
    base = {"kubeconfigSecret": "moc", "namespace": "chris-runs", "users": ["alice"]}
    return ComputeResourceSpec.model_validate(base | fields)


def site(problem: str = "", *, connecting: bool = False, **fields: Any) -> Site:
    return Site("moc", spec(**fields), "uid-of-home", problem, connecting=connecting)


def run(status: Object | None = None, **fields: Any) -> Any:
    return child(status, computeResource="moc", **fields)


def test_it_is_made_there_under_a_name_of_its_own():
    o = observed(run(waiting()), site=site(priorityClasses={"normal": "shared"}))
    (start,) = decide(o).actions
    assert isinstance(start, StartAttempt)
    made = pods.job(start.attempt, SETTINGS.pods)
    assert (made["metadata"]["namespace"], made["metadata"]["name"]) == ("chris-runs", o.attempt_name(1))
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"]["template"]["spec"]["priorityClassName"] == "shared"
    for labels in (made["metadata"]["labels"], made["spec"]["template"]["metadata"]["labels"]):
        assert (labels[CLUSTER_LABEL], labels[COMPUTE_LABEL]) == ("uid-of-home", "moc")
    secret = pods.secret(start.attempt, "{}")["metadata"]
    assert (secret["name"], secret["namespace"]) == (made["metadata"]["name"], "chris-runs")


def test_names_there_tell_tenants_apart():
    """A run `b-c` of namespace `a` and a run `c` of namespace `a-b` are two."""
    names = {
        observed(run(name=name, meta={"namespace": namespace}), site=site()).attempt_name(1)
        for namespace, name in (("a", "b-c"), ("a-b", "c"))
    }
    assert len(names) == 2


def test_a_priority_that_the_other_cluster_knows_not_gets_its_default():
    (start,) = decide(observed(run(waiting()), site=site())).actions
    assert isinstance(start, StartAttempt)
    assert "priorityClassName" not in pods.pod_spec(start.attempt, SETTINGS.pods)


@pytest.mark.parametrize(
    ("where", "reason", "words"),
    [
        pytest.param(
            Site("moc", problem="no such"),
            "ComputeNotFound",
            "spec.computeResource names moc, and there is no such ComputeResource: create it",
            id="not found",
        ),
        pytest.param(
            site(users=["bob"]),
            "ComputeNotFound",
            "ComputeResource moc takes no runs of user alice: an administrator adds the user to its spec.users",
            id="of others",
        ),
        pytest.param(
            site(users=[]),
            "ComputeNotFound",
            "ComputeResource moc takes no runs of user alice: an administrator adds the user to its spec.users",
            id="of nobody",
        ),
        pytest.param(site(LOST), "ComputeUnavailable", f"cluster moc cannot be used: {LOST}", id="lost"),
    ],
)
def test_what_keeps_a_run_from_going_there(where: Site, reason: str, words: str):
    plan = decide(observed(run(waiting()), site=where))
    assert plan.status is not None
    told = plan.status["conditions"]
    assert [(each["reason"], each["message"]) for each in told] == [(reason, words)] * 2
    assert told[1]["type"] == ("Stalled" if reason == "ComputeUnavailable" else "Reconciling")
    assert plan.actions == ()


def test_everybody_may_be_let_in():
    assert decide(observed(run(waiting()), site=site(users=["*"]))).actions


def test_a_run_that_goes_on_there_is_stalled_and_found_again():
    going = attempted()
    lost = decide(observed(run(going), site=site(LOST), jobs=[job()]))
    assert lost.status is not None
    assert lost.status["conditions"][0]["message"].endswith(f"{LOST}; its attempt may go on there")
    assert lost.status["attempt"] == going["attempt"]
    assert lost.actions == ()
    back = decide(observed(run(lost.status), site=site(), jobs=[job()], pod=pod(Stage.RUNNING)))
    assert back.status is not None
    assert [each["reason"] for each in back.status["conditions"]] == ["Running", "Running"]


def test_whom_is_let_in_no_more_ends_what_he_began():
    plan = decide(observed(run(attempted()), site=site(users=[]), jobs=[job()], pod=ended()))
    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "Completed"


def test_a_first_look_changes_nothing_that_is_told():
    o = observed(run(attempted()), site=site("it is being looked at", connecting=True), jobs=[])
    assert decide(o).status is None


def test_a_run_may_be_cancelled_while_it_is_lost():
    plan = decide(observed(run(attempted(), cancel=True), site=site(LOST), jobs=[job()]))
    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "Cancelled"


@pytest.mark.parametrize("problem", ["", LOST], ids=["there", "lost"])
def test_what_is_left_of_an_ended_run_goes_when_it_can_be_reached(problem: str):
    old = completed(since=at(-3600))
    o = observed(run(old), site=site(problem), jobs=[job()], pod=ended())
    stops = [each for each in decide(o).actions if isinstance(each, StopAttempt)]
    assert len(stops) == (0 if problem else 1)


@pytest.mark.parametrize(
    ("where", "status", "asked", "expected"),
    [
        pytest.param(site(LOST), attempted(), 60, [], id="lost: waits"),
        pytest.param(site(LOST), attempted(), 601, [DeleteData()], id="lost for good: let go"),
        pytest.param(site(LOST, connecting=True), attempted(), 601, [], id="not looked at yet: waits"),
        pytest.param(Site("moc", problem="gone"), attempted(), 601, [DeleteData()], id="not there any more"),
        pytest.param(site(LOST), waiting(), 0, [DeleteData()], id="lost, but it never went there"),
        pytest.param(site(LOST), None, 0, [Release()], id="lost, and nobody ever looked at it"),
        pytest.param(
            site(),
            attempted(),
            0,
            [StopAttempt("scan-1", 1), DeleteData()],
            id="there: takes its Secret along",
        ),
    ],
)
def test_deletion(where: Site, status: Object | None, asked: float, expected: list[Any]):
    meta = {"deletionTimestamp": text(at(-asked))}
    o = observed(run(status, meta=meta), site=where)
    found = [
        StopAttempt("scan-1", each.number) if isinstance(each, StopAttempt) else each
        for each in decide(o).actions
    ]
    assert found == expected


def test_deletion_there_waits_for_its_pods():
    meta = {"deletionTimestamp": text(NOW)}
    plan = decide(observed(run(attempted(), meta=meta), site=site(), jobs=[job()], pod=pod(Stage.RUNNING)))
    assert plan.actions == (StopAttempt("scan-1", 1),)


@pytest.mark.parametrize(
    ("limits", "wish", "words"),
    [
        pytest.param({"cpu": "2"}, {"cpu": "2"}, "", id="just as much"),
        pytest.param(
            {"cpu": 1}, {"cpu": "1500m"}, "needs cpu 1500m, but ComputeResource moc gives", id="cpu"
        ),
        pytest.param({"memory": "1Gi"}, {"memory": "2Gi"}, "memory 2048Mi", id="memory"),
        pytest.param({"gpu": 0}, {"gpu": 1}, "gpu 1", id="no gpus"),
        pytest.param({"ephemeralStorage": "1Gi"}, {}, "ephemeralStorage 10240Mi", id="the default disk"),
        pytest.param({}, {"cpu": 64}, "", id="no limit"),
    ],
)
def test_limits(limits: Object, wish: Object, words: str):
    program = plugin(maxGpuLimit=4)
    plan = decide(observed(run(waiting(), resources=wish), program=program, site=site(limits=limits)))
    assert plan.status is not None
    told = plan.status["conditions"][0]
    assert (told["reason"] == "InvalidSpec") == bool(words)
    assert words in told["message"]


def resource(**status: Any) -> ComputeResource:
    body = {"metadata": {"name": "moc", "generation": 2}, "spec": spec().wire(), "status": status}
    return ComputeResource.model_validate(body)


def test_what_is_told_of_a_cluster():
    fine = Finding(READY, "runs may go there", "1.36")
    told = compute.status(resource(), fine, NOW)
    assert told is not None
    assert told["version"] == "1.36"
    assert [(each["type"], each["status"]) for each in told["conditions"]] == [("Ready", "True")]
    assert compute.status(resource(**told), fine, at(60)) is None
    assert compute.event(resource(**told), fine) is None
    lost = Finding("Unreachable", LOST)
    worse = compute.status(resource(**told), lost, at(60))
    assert worse is not None
    assert worse["version"] == "1.36", "as it was last known"
    assert [(each["type"], each["status"]) for each in worse["conditions"]] == [
        ("Ready", "False"),
        ("Stalled", "True"),
    ]
    assert compute.event(resource(**told), lost) == ("Warning", "Unreachable", LOST)
    assert compute.event(resource(**worse), fine) == ("Normal", READY, "runs may go there")


def test_the_manifests_for_the_other_cluster_grant_what_is_asked_for():
    (role,) = (
        each for each in documents(ROOT / "manifests" / "remote" / "access.yaml") if each["kind"] == "Role"
    )
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {(right.group, right.resource, right.verb) for right in RIGHTS}


def test_an_attempt_here_is_what_it_was():
    built = attempts.build(observed(child(waiting())), DS, 1, None)
    assert (built.name, built.remote_name, built.remote_labels) == ("scan-1", "", {})
    assert built.priority_class is None
