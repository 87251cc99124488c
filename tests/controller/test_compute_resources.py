"""Kubeconfigs of other clusters, good and bad, on a real second API server: what is said of them, and that it heals."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.apiserver import ApiServer
from tests.controller.elsewhere import NAMESPACE, Elsewhere, compute, secret
from tests.controller.operator_process import Operator
from tests.kubeclient import Client, condition
from tests.ports import free_ports

from chris_operator.core.compute import RIGHTS

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]
Kubeconfig = Callable[[Elsewhere, ApiServer], Any]


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """Another cluster."""
    with Elsewhere.running() as cluster:
        yield cluster


def _of(here: ApiServer) -> str:
    return b64encode(here.ca.read_bytes()).decode()


def _closed_port() -> str:
    return f"https://127.0.0.1:{free_ports(1)[0]}"


_EVERYTHING = ", ".join(f"{right.verb} {right.resource}" for right in RIGHTS)
BAD: dict[str, tuple[Kubeconfig, str, str]] = {
    "exec": (
        lambda there, _: there.kubeconfig(user={"token": None, "exec": {"command": "aws"}}),
        "KubeconfigRefused",
        "the user's field exec names a program to run",
    ),
    "auth-provider": (
        lambda there, _: there.kubeconfig(user={"auth-provider": {"name": "gcp"}}),
        "KubeconfigRefused",
        "auth-provider names a program",
    ),
    "file-of-an-authority": (
        lambda there, _: there.kubeconfig({"certificate-authority": "/etc/ssl/ca.crt"}),
        "KubeconfigRefused",
        "certificate-authority names a file",
    ),
    "trusts-anybody": (
        lambda there, _: there.kubeconfig({"insecure-skip-tls-verify": True}),
        "KubeconfigRefused",
        "insecure-skip-tls-verify would trust anybody",
    ),
    "proxy": (
        lambda there, _: there.kubeconfig({"proxy-url": "http://127.0.0.1:1"}),
        "KubeconfigRefused",
        "proxy-url would send everything",
    ),
    "authority-is-no-certificate": (
        lambda there, _: there.kubeconfig({"certificate-authority-data": b64encode(b"x").decode()}),
        "KubeconfigRefused",
        "its certificates or key cannot be read",
    ),
    "no-yaml": (lambda _there, _: "{", "KubeconfigRefused", "it is no YAML"),
    "wrong-certificate": (
        lambda there, here: there.kubeconfig({"certificate-authority-data": _of(here)}),
        "CertificateRefused",
        "its certificate is not from the kubeconfig's authority",
    ),
    "no-such-login": (
        lambda there, _: there.kubeconfig(user={"token": "invented"}),
        "LoginRefused",
        "it does not accept the kubeconfig's credentials",
    ),
    "no-rights": (
        lambda there, _: there.kubeconfig(user={"token": "alice"}),
        "RightsMissing",
        f"the kubeconfig's user may not {_EVERYTHING} in namespace {NAMESPACE} there: apply manifests/remote",
    ),
    "nobody-answers": (
        lambda there, _: there.kubeconfig({"server": _closed_port()}),
        "Unreachable",
        "it does not answer",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_kubeconfig_is_told_and_heals(
    operator: Operator, admin: Client, apiserver: ApiServer, elsewhere: Elsewhere, case: str
):
    assert operator.running
    kubeconfig, reason, words = BAD[case]
    secret(admin, case, kubeconfig(elsewhere, apiserver))
    item = compute(admin, case)
    told = admin.wait_condition(item, "Ready", status="False", reason=reason)
    assert words in told["message"]
    assert condition(admin.get("ComputeResource", case), "Stalled")["status"] == "True"
    secret(admin, case, elsewhere.kubeconfig())
    admin.wait_condition(item, "Ready", status="True", reason="Connected")
    found = admin.get("ComputeResource", case)
    assert [each["type"] for each in found["status"]["conditions"]] == ["Ready"]
    assert found["status"]["version"].startswith("1.")
    admin.delete(item)


def test_a_secret_that_comes_later(operator: Operator, admin: Client, elsewhere: Elsewhere):
    assert operator.running
    item = compute(admin, "later")
    told = admin.wait_condition(item, "Ready", status="False", reason="KubeconfigNotFound")
    assert (
        "kubectl -n chris-system create secret generic later --from-file=kubeconfig=<file>" in told["message"]
    )
    secret(admin, "later", elsewhere.kubeconfig())
    admin.wait_condition(item, "Ready", status="True", reason="Connected")
    admin.delete(item)


def test_a_namespace_that_is_not_there(operator: Operator, admin: Client, elsewhere: Elsewhere):
    assert operator.running
    secret(admin, "nowhere", elsewhere.kubeconfig(user={"token": "admin"}))
    item = compute(admin, "nowhere", namespace="nowhere")
    told = admin.wait_condition(item, "Ready", status="False", reason="NamespaceNotFound")
    assert told["message"] == "it has no namespace nowhere: apply manifests/remote to it"
    elsewhere.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "nowhere"}})
    admin.wait_condition(item, "Ready", status="True", reason="Connected")
    admin.delete(item)
