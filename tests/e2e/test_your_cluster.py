"""`make up CLUSTER=kubeconfig` on somebody's cluster: only the context he names, through a registry, never removed.

It follows test_readme, which leaves the same second cluster as empty as it was.
"""

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from localcluster.config import MARK
from tests.aside import put_aside
from tests.fresh_cluster import ROOT, FreshCluster

pytestmark = pytest.mark.cluster

CONTEXT = "theirs"
NOWHERE = "https://127.0.0.1:1"
SECONDS = 600
RUN = """
apiVersion: v1
kind: Namespace
metadata: {name: ward, labels: {chrisproject.org/user: ward}}
---
apiVersion: chrisproject.org/v1alpha1
kind: PluginInstance
metadata: {name: scan, namespace: ward}
spec:
  plugin: {name: pl-sample-t1, version: 1.0.0}
"""


@pytest.fixture(scope="module", autouse=True)
def own_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with put_aside(ROOT, ["build/env", "build/existing"], tmp_path_factory.mktemp("aside")):
        yield


@pytest.fixture(scope="module")
def theirs(fresh: FreshCluster, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Their terminal: a cluster without our mark, and a kubeconfig whose current context is another one."""
    administrator = dict(fresh.environment)
    shell("kubectl -n kube-system delete configmap " + MARK, administrator)
    config = json.loads(shell("kubectl config view --raw -o json", administrator))
    config["contexts"][0]["name"] = CONTEXT
    config["clusters"].append({"name": "nowhere", "cluster": {"server": NOWHERE}})
    config["contexts"].append({"name": "nowhere", "context": {"cluster": "nowhere", "user": ""}})
    config["current-context"] = "nowhere"
    file = tmp_path_factory.mktemp("theirs") / "config"
    file.write_text(json.dumps(config))
    # Whoever is logged in to another Swift, as the README's reader was, would be shown that one's files.
    ours = {name: text for name, text in administrator.items() if not name.startswith(("CLUSTER_", "ST_"))}
    return ours | {"KUBECONFIG": str(file)}


def attempt(script: str, environment: Mapping[str, str], given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as a terminal would; both outputs together."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment,
        input=given,
        timeout=SECONDS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def shell(script: str, environment: Mapping[str, str], given: str = "") -> str:
    done = attempt(script, environment, given)
    assert done.returncode == 0, f"exit code {done.returncode} of\n{script}\n{done.stdout}"
    return done.stdout


def on_it(script: str, environment: Mapping[str, str], given: str = "") -> str:
    """What users, tests and `make demo` do: take the cluster from build/env."""
    return shell(f". build/env\n{script}", environment, given)


def test_everything_that_lacks_is_told_before_anything_is_done(theirs: Mapping[str, str]):
    without = {name: value for name, value in theirs.items() if name != "REGISTRY"}
    refused = attempt("make up CLUSTER=kubeconfig", without)
    assert refused.returncode != 0
    assert f"API server {NOWHERE}: must answer, and does not" in refused.stdout
    assert "REGISTRY: must be HOST/PREFIX" in refused.stdout
    assert not (ROOT / "build/env").exists()


def test_up_puts_us_on_the_named_context(theirs: Mapping[str, str], fresh: FreshCluster):
    words = f"make up CLUSTER=kubeconfig CONTEXT={CONTEXT} REGISTRY={theirs['REGISTRY']} NAMES=pl-sample-t1"
    told = shell(words, theirs)
    assert f"cluster {CONTEXT} at https://" in told
    assert ": Kubernetes v1." in told
    copy = ROOT / "build/existing/kubeconfig"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [each["name"] for each in json.loads(copy.read_text())["contexts"]] == [CONTEXT]
    assert shlex.quote(str(copy)) == on_it("echo $KUBECONFIG", theirs).strip()
    assert on_it("echo $CLUSTER_KIND", theirs) == "kubeconfig\n"
    used = on_it(
        "kubectl get pods -n chris-swift -o jsonpath='{.items[*].spec.containers[*].image}{\" \"}'\n"
        "kubectl get pods -n chris-system -o jsonpath='{.items[*].spec.containers[*].image}'",
        theirs,
    ).split()
    assert {image.rpartition(":")[0] for image in used} == {
        f"{fresh.registry}/chris/{name}" for name in ("swift", "operator")
    }


def test_it_gets_no_mark_so_that_tests_which_disturb_refuse_it(theirs: Mapping[str, str]):
    assert on_it("kubectl -n kube-system get configmap $CLUSTER_MARK --ignore-not-found", theirs) == ""


def test_a_run_succeeds_and_its_files_come_here(theirs: Mapping[str, str], tmp_path: Path):
    on_it("kubectl apply -f -", theirs, RUN)
    on_it("kubectl -n ward wait --for=condition=Succeeded --timeout=3m pi/scan", theirs)
    on_it(f"kubectl chris cp -n ward scan {shlex.quote(str(tmp_path / 'scan'))}", theirs)
    assert list((tmp_path / "scan").glob("*T1w.nii.gz"))


def test_down_leaves_it_alone_and_says_how_to_remove_us(theirs: Mapping[str, str]):
    told = shell("make down CLUSTER=kubeconfig", theirs)
    assert "is yours and stays as it is" in told
    on_it("kubectl -n chris-system rollout status deployment/chris-operator --timeout=10s", theirs)
    commands = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    assert commands[-1] == f"kubectl delete -k {os.path.relpath(ROOT / 'build/existing/install', ROOT)}"
    shell("\n".join(commands), theirs)
    left = on_it(
        "kubectl get namespaces,crds,clusterroles,clusterrolebindings,validatingadmissionpolicies -o name",
        theirs,
    )
    assert "chris" not in left
    on_it("kubectl delete namespace ward", theirs)
