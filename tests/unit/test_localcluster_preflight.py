"""What an existing cluster must have, and that everything it lacks is told at once."""

import json
import re
import stat
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from localcluster import __main__ as command
from localcluster import env, existing, files, preflight
from localcluster.config import CHECKOUT
from localcluster.deploy import Kubectl
from localcluster.errors import ClusterError
from localcluster.preflight import Facts, Right

SERVED = frozenset({"validatingadmissionpolicies", "validatingwebhookconfigurations"})
GOOD = Facts("v1.30.0", SERVED)
OLD = Facts("v1.29.15", SERVED - {"validatingadmissionpolicies"}, (Right("create", "namespaces"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.36.2", (1, 36)),
        ("v1.30.4-gke.1043000", (1, 30)),
        ("v1.31.2+k3s1", (1, 31)),
        ("v1.30.0-rc.1", (1, 30)),
        ("1.9", (1, 9)),
        ("v2.0.0", (2, 0)),
        ("v1", None),
        ("", None),
        ("latest", None),
    ],
)
def test_versions(text: str, expected: tuple[int, int] | None):
    assert preflight.parse_version(text) == expected


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        pytest.param(GOOD, [], id="good"),
        pytest.param(replace(GOOD, version="v2.0.1"), [], id="a newer major"),
        pytest.param(
            replace(GOOD, version="v1.9.11"),
            ["Kubernetes: must be 1.30 or newer, and is v1.9.11; upgrade"],
            id="9 is older than 30",
        ),
        pytest.param(replace(GOOD, version="edge"), ["Kubernetes: .* is edge;"], id="unreadable version"),
        pytest.param(
            replace(GOOD, admission=frozenset()),
            [r"API admissionregistration\.k8s\.io/v1: .* serves nothing; "],
            id="API off",
        ),
        pytest.param(
            replace(GOOD, denied=(Right("get", "secrets", "chris-system"),)),
            ["your rights: must include `get secrets -n chris-system`, and .* answers no; use a context"],
            id="a right",
        ),
        pytest.param(
            replace(GOOD, credentials={"ST_AUTH": preflight.DEVELOPMENT_SWIFT}), [], id="our own Swift"
        ),
        pytest.param(
            replace(GOOD, credentials={"ST_AUTH": "https://swift.example.org/auth/v1.0"}),
            ["Secret chris-system/swift-credentials: .* names https://swift.example.org/auth/v1.0, "],
            id="another Swift",
        ),
        pytest.param(
            replace(GOOD, credentials={"OS_AUTH_URL": "https://keystone.example.org/v3"}),
            ["names https://keystone.example.org/v3, whose data"],
            id="a Swift behind Keystone",
        ),
        pytest.param(
            replace(GOOD, credentials={}), ["names an unknown Swift, whose data"], id="an empty Secret"
        ),
        pytest.param(OLD, ["Kubernetes: .*1.29", "API admission", "create namespaces"], id="all at once"),
    ],
)
def test_what_a_cluster_lacks(facts: Facts, told: list[str]):
    lacks = preflight.cluster_lacks(facts)
    assert len(lacks) == len(told), lacks
    for line, pattern in zip(lacks, told, strict=True):
        assert re.search(pattern, line), line


@pytest.mark.parametrize(
    ("registry", "fit"),
    [
        ("registry.example.org/chris", True),
        ("registry.example.org:5000/lab/chris/", True),
        ("10.90.0.254:34567/chris", True),
        ("localhost:5001/chris", True),
        ("builder:5000", True),
        ("", False),
        ("https://registry.example.org/chris", False),
        ("chris", False),
        ("registry.example.org/Chris", False),
        ("registry.example.org/chris:dev", False),
        ("registry.example.org/chris pl", False),
    ],
)
def test_registries(registry: str, fit: bool):
    lacks = preflight.registry_lacks(registry)
    assert (lacks == []) is fit
    if not fit:
        assert (repr(registry) if registry else "is not given") in lacks[0]


def test_what_is_applied_may_be_created_and_patched():
    """Every kind that manifests/dev holds for the whole cluster is asked for, in words that kubectl knows."""
    asked = {(right.verb, right.resource.partition(".")[0]) for right in preflight.RIGHTS}
    kinds = {"namespaces", "customresourcedefinitions", "clusterroles", "clusterrolebindings"}
    kinds |= {"validatingadmissionpolicies", "validatingadmissionpolicybindings"}
    assert {(verb, kind) for kind in kinds for verb in ("create", "patch")} <= asked


def test_the_development_swift_is_recognised():
    (secret,) = yaml.safe_load_all((CHECKOUT / "manifests/dev/credentials.yaml").read_text())
    assert secret["metadata"] == {"name": preflight.CREDENTIALS, "namespace": "chris-system"}
    assert secret["stringData"]["ST_AUTH"] == preflight.DEVELOPMENT_SWIFT


class Answers(Kubectl):
    """kubectl of a cluster, by the words that tell its commands apart."""

    def __init__(self, **texts: str | None) -> None:
        super().__init__("kubectl", "/their/config")
        self._texts = texts

    def ask(self, *words: str) -> CompletedProcess[str]:
        name = next(name for name in self._texts if name.replace("_", "-") in words)
        text = self._texts[name]
        return CompletedProcess(words, text is None, text or "", "no route to host" if text is None else "")


def test_a_context_that_does_not_exist_is_named_with_those_that_do():
    run = Answers(get_contexts="home\nwork\n", current_context="home\n")
    with pytest.raises(ClusterError, match=r"CONTEXT: .* /their/config, which has home, work, and is 'wrok'"):
        existing.choose(run, "wrok")


def test_a_kubeconfig_without_a_current_context_asks_for_one():
    run = Answers(get_contexts="home\n", current_context=None)
    with pytest.raises(ClusterError, match="is not given, nor has the kubeconfig a current one"):
        existing.choose(run, "")


@pytest.mark.parametrize(
    ("context", "expected"), [("", "home"), ("work", "work")], ids=["the current one", "the named one"]
)
def test_the_chosen_context_is_the_current_one_of_the_copy(context: str, expected: str):
    run = Answers(
        get_contexts="home\nwork\n", current_context="home\n", view=json.dumps({"current-context": "home"})
    )
    assert existing.name_of(existing.choose(run, context)) == expected


def test_a_server_that_does_not_answer_is_named():
    with pytest.raises(ClusterError, match=r"API server https://k8s: must answer, .*: no route to host; see"):
        existing.ask(Answers(version=None), "https://k8s")


def test_what_a_cluster_answers_becomes_facts():
    run = Answers(
        version=json.dumps({"serverVersion": {"gitVersion": "v1.31.0"}}),
        auth="no - not for you\n",
        secret=json.dumps({"data": {"ST_AUTH": "aHR0cDovL3g="}}),
        get=json.dumps({"resources": [{"name": "validatingadmissionpolicies"}]}),
    )
    assert existing.ask(run, "https://k8s") == Facts(
        "v1.31.0", frozenset({"validatingadmissionpolicies"}), preflight.RIGHTS, {"ST_AUTH": "http://x"}
    )


def test_expired_credentials_are_no_missing_rights():
    run = Answers(version=json.dumps({"serverVersion": {"gitVersion": "v1.31.0"}}), auth=None)
    with pytest.raises(ClusterError, match=r"must answer yes or no, .* renew the credentials"):
        existing.ask(run, "https://k8s")


def test_swift_and_the_operator_come_along_with_chosen_plugins():
    names = [spec.name for spec in existing.wanted(["pl-sample-t1"])]
    assert names == ["operator", "staging", "swift", "pl-sample-t1"]
    every = {spec.name for spec in existing.wanted([])}
    assert {"operator", "staging", "swift", "pl-register"} <= every
    assert "pl-testprobe" not in every


@pytest.mark.parametrize("action", ["up", "deploy", "down"])
def test_only_the_word_kubeconfig_asks_for_an_existing_cluster(
    action: str, capsys: pytest.CaptureFixture[str]
):
    assert command.main([action, "--cluster", "prod"]) == 1
    assert "CLUSTER: must be kubeconfig, " in capsys.readouterr().err


def test_down_leaves_an_existing_cluster_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(existing, "KUBECONFIG", tmp_path / "kubeconfig")
    assert "nothing was put on one" in existing.farewell()
    files.write(tmp_path / "kubeconfig", json.dumps({"current-context": "work"}))
    told = existing.farewell()
    assert "cluster work is yours and stays as it is" in told
    assert "kubectl delete -k " in told


def test_access_to_an_existing_cluster_claims_nothing_it_does_not_know():
    access = env.Access("work", existing.KIND, Path("/b/existing/kubeconfig"), Path("/b/existing"))
    text = env.text(access, None)
    assert "export KUBECONFIG=/b/existing/kubeconfig\n" in text
    assert "export CLUSTER_KIND=kubeconfig\n" in text
    assert "export HOST_ADDRESS=''\n" in text
    assert [line for line in text.splitlines() if "PATH=" in line] == [f'export PATH={CHECKOUT}/bin:"$PATH"']


def test_a_private_file_is_its_owners(tmp_path: Path):
    files.write(tmp_path / "key", "secret", private=True)
    files.write(tmp_path / "key", "another", private=True)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
