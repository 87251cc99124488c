"""A Workflow makes the runs of its Pipeline's nodes, steers them and tells how they end."""

from collections import Counter
from collections.abc import Callable

import pytest
from tests.controller.flows import PATIENCE, TREE, Flow, counts, make_pipeline, node
from tests.controller.gateway import Ambush, Blow, Gateway, Write
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant, plugin
from tests.kubeclient import Object, condition

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
HOLD_SECONDS = 60.0
LEAVES = ("left", "right")


def _reading(tenant: Tenant) -> Flow:
    """A Workflow whose first run has all that it needs."""
    tenant.done("scan")
    make_pipeline(tenant)
    return Flow.start(tenant)


def test_a_tree_runs_on_a_runs_output(tenant: Tenant):
    flow = _reading(tenant)
    assert flow.until("Running", nodes=3, instances=counts(waiting=2, running=1)) == "0 of 3 runs succeeded"
    flow.run("mask").attempt().succeeds(FILES)
    for name in LEAVES:
        flow.run(name).attempt().succeeds(FILES)
    assert flow.until("Completed", "True", instances=counts(succeeded=3)) == "3 of 3 runs succeeded"
    status, scan = flow.status, tenant.admin.get("PluginInstance", "scan", tenant.namespace)
    assert status["feed"] == "scan"
    assert status["id"] >= 1
    assert status["pipelineDigest"].startswith("sha256:")
    assert {"startTime", "completionTime", "duration"} <= status.keys()
    feed = tenant.admin.get("Feed", "scan", tenant.namespace)
    for item in (*flow.runs(), tenant.admin.get("Workflow", "one", tenant.namespace)):
        assert [each["uid"] for each in item["metadata"]["ownerReferences"]] == [feed["metadata"]["uid"]]
    left = flow.run("left").now()
    assert (
        left["metadata"]["labels"].items()
        >= {
            "chrisproject.org/workflow": "one",
            "chrisproject.org/node": "left",
        }.items()
    )
    assert left["spec"]["previous"] == ["one-mask"]
    assert flow.run("mask").now()["spec"]["previous"] == [scan["metadata"]["name"]]
    assert left["status"]["feedId"] == scan["status"]["feedId"]


def test_one_that_starts_an_analysis_makes_a_feed_of_its_own(tenant: Tenant, gateway: Gateway):
    root = f"home/{tenant.user}/uploads/study"
    tenant.storage.put(f"{root}/a.dcm", b"image")
    dircopy = node("upload", plugin="pl-dircopy", version="2.1.2")
    where = {"name": "where", "targets": [{"node": "upload", "parameter": "dir"}]}
    make_pipeline(tenant, [dircopy], [where])
    flow = Flow.start(tenant, previous=None, parameters={"where": root})
    assert flow.until("Completed", "True") == "1 of 1 runs succeeded"
    assert flow.status["feed"] == "one"
    assert flow.run("upload").now()["spec"]["feed"] == "one"
    assert [each["metadata"]["name"] for each in tenant.admin.list("Feed", tenant.namespace)] == ["one"]
    writes = gateway.writes_about(tenant.namespace)
    assert writes.count("POST plugininstances") == 1
    assert writes.count("PATCH workflows") == 1
    assert writes.count("PATCH workflows/status") <= 4


def test_everything_may_come_in_any_order(tenant: Tenant):
    late = plugin("pl-late", "ds")
    flow = Flow.start(tenant)
    assert flow.until("PipelineNotFound") == f"namespace {tenant.namespace} has no Pipeline tree: apply it"
    made = make_pipeline(tenant, [node("mask", plugin="pl-late")])
    assert "begins with Plugin pl-late 1.0.0, which is not registered" in flow.until("PluginNotFound")
    assert "not registered yet" in tenant.admin.wait_condition(made, "Ready", status="True")["message"]
    tenant.admin.apply(late)
    try:
        assert "has no such PluginInstance yet" in flow.until("ParentNotFound")
        assert flow.runs() == []
        tenant.done("scan")
        flow.run("mask").attempt().succeeds(FILES)
        flow.until("Completed", "True")
    finally:
        tenant.admin.delete(late)


WRONG: dict[str, tuple[list[Object], str]] = {
    "circle": (
        [node("a", "c"), node("b", "a"), node("c", "b")],
        "node a: previous leads in a circle (a → c → b → a): name a parent outside it",
    ),
    "dangling": (
        [node("a"), node("b", "gone")],
        "node b names gone in previous, and the Pipeline has no such node: name one of its nodes",
    ),
    "unknown-parameter": (
        [node("a", parameters={"sise": 3})],
        "node a: parameter 'sise' does not exist in pl-ds 1.0.0, but 3 was given: it has ",
    ),
}


@pytest.mark.parametrize(("nodes", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_before_anything_runs(tenant: Tenant, nodes: list[Object], words: str):
    made = make_pipeline(tenant, nodes)
    assert tenant.admin.wait_condition(made, "Ready", status="False")["message"].startswith(words)
    tenant.admin.wait_condition(made, "Stalled", status="True", reason="InvalidPipeline")
    flow = Flow.start(tenant)
    assert flow.until("InvalidPipeline", "False").startswith(f"Pipeline tree: {words}")
    assert flow.runs() == []


def test_a_failed_run_is_named_and_those_below_are_not(tenant: Tenant):
    flow = _reading(tenant)
    flow.run("mask").attempt().fails(3)
    words = "0 of 3 runs succeeded, 3 failed; look at one-mask (PluginFailed)"
    assert flow.until("RunsFailed", "False") == words


def test_two_workflows_run_on_one_instance(tenant: Tenant):
    scan = tenant.run("scan")
    make_pipeline(tenant)
    flows = [Flow.start(tenant, name) for name in ("one", "two")]
    for flow in flows:
        flow.until("Running", instances=counts(waiting=3))
    scan.attempt().succeeds(FILES)
    for flow in flows:
        flow.run("mask").attempt().succeeds(FILES)
        for name in LEAVES:
            flow.run(name).attempt().succeeds(FILES)
        flow.until("Completed", "True")
    assert len({run["status"]["id"] for flow in flows for run in flow.runs()}) == 6
    assert len({flow.status["id"] for flow in flows}) == 2


def test_two_workflows_want_the_same_name(tenant: Tenant):
    """`a` with the node `b-c`, and `a-b` with the node `c`: the first one has it, the second one says so."""
    tenant.done("scan")
    make_pipeline(tenant, [node("b-c")], name="first")
    make_pipeline(tenant, [node("c"), node("d")], name="second")
    first = Flow.start(tenant, "a", pipeline="first")
    first.run("b-c")
    second = Flow.start(tenant, "a-b", pipeline="second")
    assert second.until("NameTaken").startswith(
        "PluginInstance a-b-c exists and is not this Workflow's: delete it"
    )
    assert [run["metadata"]["name"] for run in second.runs()] == ["a-b-d"]
    first.run("b-c").attempt().succeeds(FILES)
    first.until("Completed", "True")


def test_cancel_ends_all_of_it(tenant: Tenant):
    flow = _reading(tenant)
    attempt = flow.run("mask").attempt()
    attempt.runs()
    flow.run("mask").until("Running")
    flow.change(cancel=True)
    words = "cancelled by its user (spec.cancel): 0 of 3 runs succeeded, 3 cancelled"
    assert flow.until("Cancelled", "False") == words
    tenant.admin.wait_gone(attempt.job)
    assert {condition(run, "Succeeded")["reason"] for run in flow.runs()} == {"Cancelled"}


def test_suspend_holds_back_what_has_not_started(tenant: Tenant):
    tenant.done("scan")
    make_pipeline(tenant)
    flow = Flow.start(tenant, suspend=True)
    flow.run("mask").until("Suspended")
    assert flow.until("Suspended").startswith("suspended by its user (spec.suspend)")
    flow.change(suspend=False)
    mask = flow.run("mask").attempt()
    mask.runs()
    flow.run("mask").until("Running")
    flow.change(suspend=True)
    for name in LEAVES:  # else they would start at once when the mask is there
        run = flow.run(name).created["metadata"]["name"]
        tenant.admin.wait("PluginInstance", run, tenant.namespace, until=lambda it: it["spec"].get("suspend"))
    mask.succeeds(FILES)
    flow.until("Suspended", suspended=True)
    # Of a suspended Workflow single runs may be let go.
    flow.run("left").change(suspend=False)
    flow.run("left").attempt().succeeds(FILES)
    flow.until("Suspended", instances=counts(waiting=1, succeeded=2))
    flow.change(suspend=False)
    flow.run("right").attempt().succeeds(FILES)
    flow.until("Completed", "True")


def test_what_somebody_deletes_is_made_again_until_the_end(tenant: Tenant):
    flow = _reading(tenant)
    before = flow.run("right")
    before.delete()
    tenant.admin.wait_gone(before.created)
    flow.run("mask").attempt().succeeds(FILES)
    for name in LEAVES:
        flow.run(name).attempt().succeeds(FILES)
    flow.until("Completed", "True")
    assert flow.run("right").uid != before.uid
    ended = flow.run("left")
    ended.delete()
    tenant.admin.wait_gone(ended.created)
    flow.until("Completed", "True", instances=counts(succeeded=2))
    assert len(flow.runs()) == 2


def test_another_pipeline_of_the_same_name_is_not_run(tenant: Tenant):
    flow = _reading(tenant)
    flow.until("Running", instances=counts(waiting=2, running=1))
    made = tenant.admin.get("Pipeline", "tree", tenant.namespace)
    tenant.admin.delete(made)
    make_pipeline(tenant, [node("mask"), node("left", "mask", parameters={"size": 7})])
    right = flow.run("right")
    right.delete()
    tenant.admin.wait_gone(right.created)
    assert "is another one" in flow.until("PipelineChanged")
    assert {run["metadata"]["name"] for run in flow.runs()} == {"one-mask", "one-left"}


def test_a_run_that_is_refused_is_asked_for_again(tenant: Tenant):
    tenant.done("scan")
    quota: Object = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": tenant.namespace},
        "spec": {"hard": {"count/plugininstances.chrisproject.org": "1"}},
    }
    stored = tenant.admin.create(quota)
    used = {"hard": quota["spec"]["hard"], "used": {"count/plugininstances.chrisproject.org": "1"}}
    tenant.admin.set_status(stored, used)
    make_pipeline(tenant, [node("mask")])
    flow = Flow.start(tenant)
    message = flow.until("RunRefused")
    assert "the PluginInstance one-mask is refused" in message
    assert "ResourceQuota none" in message


HELD = {
    "before-the-status": ("PATCH workflows/status Running", "", Blow.BEFORE),
    "after-the-status": ("PATCH workflows/status Running", "", Blow.AFTER),
    "before-a-run": ("POST plugininstances", "one-n30", Blow.BEFORE),
    "after-a-run": ("POST plugininstances", "one-n30", Blow.AFTER),
    "before-its-owner": ("PATCH workflows", "", Blow.BEFORE),
}


def _first(namespace: str, what: str, name: str) -> Callable[[Write], bool]:
    def wanted(write: Write) -> bool:
        body = write.body if isinstance(write.body, dict) else {}
        told = f"{write.what} {write.reason}".strip() if "/status" in write.what else write.what
        named = not name or (body.get("metadata") or {}).get("name") == name
        return f"/namespaces/{namespace}/" in write.path and told == what and named

    return wanted


def test_killed_half_way_each_run_is_made_once(
    operator: Operator, new_tenant: Callable[[], Tenant], gateway: Gateway
):
    tenants = [new_tenant() for _ in HELD]
    holds = [
        gateway.ambush(Ambush(_first(tenant.namespace, what, name), blow))
        for tenant, (what, name, blow) in zip(tenants, HELD.values(), strict=True)
    ]
    flows = []
    for tenant in tenants:
        tenant.feed("look")
        make_pipeline(tenant, [node(f"n{i}", plugin="pl-fs") for i in range(60)])
        flows.append(Flow.start(tenant, feed="look", suspend=True))
    for hold, case in zip(holds, HELD, strict=True):
        assert hold.wait(HOLD_SECONDS), case
    operator.kill()
    operator.start()
    for flow, case in zip(flows, HELD, strict=True):
        flow.until("Suspended", seconds=PATIENCE, nodes=60, instances=counts(waiting=60))
        names = Counter(run["metadata"]["name"] for run in flow.runs())
        assert names == Counter(f"one-n{i}" for i in range(60)), case
        item = flow.tenant.admin.get("Workflow", "one", flow.tenant.namespace)
        assert [each["name"] for each in item["metadata"]["ownerReferences"]] == ["look"], case


def test_a_thousand_nodes(operator: Operator, tenant: Tenant, new_tenant: Callable[[], Tenant]):
    """Fifty chains of twenty, and somebody else's run that need not wait for them."""
    tenant.run("scan")
    chains = [
        node(f"c{chain}-{link}", *([f"c{chain}-{link - 1}"] if link else []))
        for chain in range(50)
        for link in range(20)
    ]
    make_pipeline(tenant, chains)
    flow = Flow.start(tenant)
    flow.run("c0-0")
    other = new_tenant().run("scan")
    job = other.attempt().job
    flow.until("Running", seconds=PATIENCE, instances=counts(waiting=1000))
    last = max(run["metadata"]["creationTimestamp"] for run in flow.runs())
    assert job["metadata"]["creationTimestamp"] <= last, "others wait until all are made"
    flow.change(cancel=True)
    message = flow.until("Cancelled", "False", seconds=PATIENCE, instances=counts(cancelled=1000))
    assert message == "cancelled by its user (spec.cancel): 0 of 1000 runs succeeded, 1000 cancelled"
    assert operator.running
    assert len(str(flow.status)) < 2000, "its status does not grow with it"


def test_a_tree_may_be_reused(tenant: Tenant):
    """The same Pipeline twice, once with other values: each Workflow's runs are its own."""
    tenant.done("scan")
    size = {
        "name": "size",
        "default": 2,
        "targets": [{"node": each["name"], "parameter": "size"} for each in TREE],
    }
    make_pipeline(tenant, TREE, [size])
    one = Flow.start(tenant)
    two = Flow.start(
        tenant,
        "two",
        parameters={"size": 5},
        nodes=[{"name": "left", "parameters": {"size": 9}, "retries": 3}],
    )
    assert [one.run(name).now()["spec"]["parameters"]["size"] for name in ("mask", "left")] == [2, 2]
    assert [two.run(name).now()["spec"]["parameters"]["size"] for name in ("mask", "left")] == [5, 9]
    assert two.run("left").now()["spec"]["retries"] == 3
