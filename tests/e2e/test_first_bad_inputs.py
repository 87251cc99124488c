"""The first bad inputs on the real cluster: condition, reason, message and Event of each, and nothing left."""

import re
import subprocess
from typing import Any

import pykube
import pytest
from tests.e2e.outputs import names_below
from tests.e2e.tenant import API_VERSION, Tenant, manifest, namespace, succeeded

pytestmark = pytest.mark.cluster


def plugin_spec(api: pykube.HTTPClient, name: str) -> dict[str, Any]:
    kind = pykube.object_factory(api, API_VERSION, "Plugin")
    return dict(kind.objects(api).get(name=name).obj["spec"])


def remove_plugin(tenant: Tenant, name: str) -> None:
    found = tenant.kind(API_VERSION, "Plugin").objects(tenant.api).get_or_none(name=name)
    if found is not None:
        found.delete()


def test_an_unknown_plugin_is_waited_for(tenant: Tenant):
    version = "1.0.1"
    try:
        tenant.run("early", "pl-testsource", version)
        waiting = tenant.reaches("early", "PluginNotFound", "Unknown")
        assert f"apply a Plugin named pl-testsource-{version}" in succeeded(waiting)["message"]
        tenant.told("early", "Normal", "PluginNotFound")
        spec = plugin_spec(tenant.api, "pl-testsource-1.0.0") | {"version": version}
        tenant.create(manifest("Plugin", f"pl-testsource-{version}", None, spec))
        assert tenant.reaches("early", "Completed", "True")["status"]["output"]["files"] == 1
    finally:
        remove_plugin(tenant, f"pl-testsource-{version}")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        pytest.param({}, "'requireParam' (type str) is required", id="missing"),
        pytest.param({"requireParam": "x", "colour": "red"}, "'colour' does not exist", id="unknown"),
        pytest.param(
            {"requireParam": "x", "whole": "3"}, "'whole' must be of type int, but '3'", id="text-for-int"
        ),
        pytest.param({"requireParam": 7}, "'requireParam' must be of type str, but 7", id="int-for-text"),
        pytest.param(
            {"requireParam": "x", "on": "yes"}, "'on' must be of type bool, but 'yes'", id="text-for-bool"
        ),
    ],
)
def test_bad_parameters_are_final_and_start_nothing(tenant: Tenant, parameters: dict[str, Any], says: str):
    paths = {"dir": f"home/{tenant.user}/uploads/a", "linkedDir": f"home/{tenant.user}/uploads/b"}
    tenant.run("asked-wrongly", "pl-testparams", parameters=paths | parameters)
    ended = tenant.reaches("asked-wrongly", "InvalidParameters", "False")
    assert says in succeeded(ended)["message"]
    tenant.ends("asked-wrongly", "InvalidParameters", "False", f".*{re.escape(says)}.*")
    assert "attempt" not in ended["status"]
    assert tenant.all("Job", "batch/v1") == []


def test_a_parent_may_come_later(tenant: Tenant):
    tenant.run("child", "pl-testprobe", previous=["parent"])
    waiting = tenant.reaches("child", "ParentNotFound", "Unknown")
    assert "previous names parent" in succeeded(waiting)["message"]
    tenant.run("parent", "pl-testsource")
    tenant.reaches("child", "Completed", "True")
    feeds = {
        run["metadata"]["name"]: run["status"]["feed"] for run in tenant.all("PluginInstance", API_VERSION)
    }
    assert feeds == {"parent": "parent", "child": "parent"}


@pytest.mark.parametrize(
    ("parameters", "code", "says"),
    [
        pytest.param({"exitCode": 3}, 3, "exit code 3", id="exits-3"),
        pytest.param({"killSelf": True}, 137, "exit code 137 (killed by SIGKILL)", id="killed"),
    ],
)
def test_a_failing_program(tenant: Tenant, swift: Any, parameters: dict[str, Any], code: int, says: str):
    tenant.run("fails", "pl-testsource", parameters=parameters)
    tenant.run("child", "pl-testprobe", previous=["fails"])
    ended = tenant.reaches("fails", "PluginFailed", "False")
    assert says in succeeded(ended)["message"]
    assert ended["status"]["usage"]["exitCode"] == code
    assert ended["status"]["output"]["partial"] is True
    tenant.told("fails", "Warning", "PluginFailed")
    assert {c["type"]: c["status"] for c in ended["status"]["conditions"]}["Stalled"] == "True"
    below = f"home/{tenant.user}/feeds/feed_{ended['status']['feedId']}/runs/{ended['status']['id']}/"
    wanted = {"attempts/1/manifest", "attempts/1/log", "manifest"}
    tenant.until(lambda: wanted <= names_below(swift, below), "its log and manifest")
    orphan = tenant.reaches("child", "ParentFailed", "False")
    assert "its parent fails did not succeed (PluginFailed)" in succeeded(orphan)["message"]


def test_a_program_that_writes_nothing_succeeds_with_a_warning(tenant: Tenant):
    tenant.run("silent", "pl-testsource", parameters={"writeNothing": True})
    tenant.run("child", "pl-testprobe", previous=["silent"])
    ended = tenant.reaches("silent", "Completed", "True")
    assert ended["status"]["output"]["files"] == 0
    told = tenant.told("silent", "Warning", "Completed")
    assert [event[:2] for event in told if event[1] == "Completed"] == [("Warning", "Completed")]
    hungry = tenant.reaches("child", "EmptyInput", "False")
    assert "wrote no files" in succeeded(hungry)["message"]


def test_an_image_that_cannot_be_pulled_waits_with_the_kubelets_words(tenant: Tenant):
    version = "1.0.2"
    spec = plugin_spec(tenant.api, "pl-testsource-1.0.0")
    spec |= {"version": version, "dockImage": "localhost/chris/no-such-image:9"}
    try:
        tenant.create(manifest("Plugin", f"pl-testsource-{version}", None, spec))
        tenant.run("stuck", "pl-testsource", version)
        waiting = tenant.reaches("stuck", "ImagePullFailed", "Unknown")
        assert "localhost/chris/no-such-image:9" in succeeded(waiting)["message"]
        assert "check the Plugin's dockImage" in succeeded(waiting)["message"]
        tenant.kind(API_VERSION, "PluginInstance").objects(tenant.api, namespace=tenant.namespace).get(
            name="stuck"
        ).patch({"spec": {"cancel": True}})
        tenant.told("stuck", "Warning", "ImagePullFailed")
        tenant.reaches("stuck", "Cancelled", "False")
        tenant.until(lambda: not tenant.all("Pod"), "the stuck pod's end")
    finally:
        remove_plugin(tenant, f"pl-testsource-{version}")


def test_a_namespace_that_is_no_tenant_gets_only_that_answer(api: pykube.HTTPClient):
    with namespace(api, "no-tenant", {}):
        stranger = Tenant(api, "no-tenant", "")
        stranger.run("unwanted", "pl-testsource")
        refused = stranger.reaches("unwanted", "NotATenant", "Unknown")
        assert "must label it chrisproject.org/user=" in succeeded(refused)["message"]
        assert set(refused["status"]) == {"conditions", "observedGeneration"}
        assert "finalizers" not in refused["metadata"]
        stranger.told("unwanted", "Normal", "NotATenant")
        assert (
            stranger.all("Job", "batch/v1")
            == stranger.all("Secret")
            == stranger.all("Feed", API_VERSION)
            == []
        )


def test_a_run_deleted_while_running_leaves_nothing(tenant: Tenant, swift: Any):
    tenant.run("doomed", "pl-testsource", parameters={"sleep": 300.0})
    going = tenant.reaches("doomed", "Running", "Unknown")
    tenant.delete("PluginInstance", "doomed")
    tenant.until(lambda: tenant.get("PluginInstance", "doomed") is None, "the end of the run")
    assert tenant.all("Job", "batch/v1") == []
    assert tenant.all("Secret") == []
    tenant.until(lambda: not tenant.all("Pod"), "the end of its pod")
    below = f"home/{tenant.user}/feeds/feed_{going['status']['feedId']}/runs/"
    assert list(swift.list(below)) == []


def test_a_deleted_feed_takes_everything_with_it(tenant: Tenant, swift: Any):
    tenant.create(manifest("Feed", "analysis", tenant.namespace, {"title": "Short-lived"}))
    tenant.run("first", "pl-testsource", feed="analysis", parameters={"files": 3})
    tenant.run("second", "pl-testprobe", previous=["first"], parameters={"sleep": 300.0})
    tenant.reaches("second", "Running", "Unknown")
    feed = tenant.get("Feed", "analysis")
    assert feed
    below = f"home/{tenant.user}/feeds/feed_{feed['status']['id']}/"
    assert list(swift.list(below)) != []
    tenant.delete("Feed", "analysis")
    tenant.until(lambda: not tenant.all("PluginInstance", API_VERSION), "the end of its runs")
    assert tenant.all("Job", "batch/v1") == tenant.all("Secret") == []
    assert list(swift.list(below)) == []


def test_kubectl_wait_returns_on_success(tenant: Tenant):
    tenant.run("quick", "pl-testsource")
    words = [
        "kubectl",
        "-n",
        tenant.namespace,
        "wait",
        "--for=condition=Succeeded",
        "--timeout=90s",
        "pi/quick",
    ]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0
