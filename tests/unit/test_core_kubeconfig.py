"""A kubeconfig of another cluster: what is taken from it, and what is refused."""

import base64
from typing import Any

import pytest

from chris_operator.core.kubeconfig import Access, KubeconfigError, access

Object = dict[str, Any]
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DATA = base64.b64encode(PEM.encode()).decode()
SERVER = "https://moc.example.org:6443"
CLUSTER = {"server": SERVER, "certificate-authority-data": DATA}
TOKEN = {"token": "s3cret"}


def config(cluster: Any = CLUSTER, user: Any = TOKEN, **changes: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "there",
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u", "namespace": "x"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        **changes,
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(config(), Access(SERVER, PEM, "s3cret"), id="token"),
        pytest.param(
            config(user={"client-certificate-data": DATA, "client-key-data": DATA}),
            Access(SERVER, PEM, "", PEM, PEM),
            id="client certificate",
        ),
        pytest.param(
            config({"server": f"{SERVER}/k8s/"}),
            Access(f"{SERVER}/k8s", "", "s3cret"),
            id="public authority, behind a path",
        ),
        pytest.param(
            config({**CLUSTER, "insecure-skip-tls-verify": False}, {**TOKEN, "exec": None}),
            Access(SERVER, PEM, "s3cret"),
            id="fields that are written out and say no",
        ),
        pytest.param(
            config(users=[{"name": "u", "user": TOKEN}, {"name": "v", "user": {"exec": {"command": "x"}}}]),
            Access(SERVER, PEM, "s3cret"),
            id="another user, of no context of ours, may be anything",
        ),
    ],
)
def test_what_is_taken(document: Object, expected: Access):
    assert access(document) == expected


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param(config(user={"exec": {"command": "aws"}}), "field exec names a program", id="exec"),
        pytest.param(
            config(user={**TOKEN, "exec": {"command": "aws"}}), "exec names", id="exec beside a token"
        ),
        pytest.param(config(user={"auth-provider": {"name": "gcp"}}), "auth-provider", id="auth-provider"),
        pytest.param(config(user={"tokenFile": "/etc/passwd"}), "tokenFile names a file", id="token file"),
        pytest.param(
            config(user={"client-certificate": "/a", "client-key": "/b"}),
            "client-certificate-data",
            id="certificate file",
        ),
        pytest.param(config(user={**TOKEN, "client-key": "/b"}), "client-key names a file", id="key file"),
        pytest.param(
            config({"server": SERVER, "certificate-authority": "/ca.crt"}), "--flatten", id="authority file"
        ),
        pytest.param(
            config({**CLUSTER, "insecure-skip-tls-verify": True}), "would trust anybody", id="trusts anybody"
        ),
        pytest.param(config({**CLUSTER, "proxy-url": "http://p"}), "HTTPS_PROXY", id="proxy"),
        pytest.param(config(user={"username": "a", "password": "s3cret"}), "password login", id="password"),
        pytest.param(config(user={**TOKEN, "as": "root"}), "field as is not supported", id="impersonation"),
        pytest.param(
            config({**CLUSTER, "tls-server-name": "x"}), "tls-server-name is not supported", id="server name"
        ),
        pytest.param(config({"server": "http://moc"}), "give https://", id="without TLS"),
        pytest.param(config({"server": "https://a:s3cret@moc"}), "give https://", id="login in the address"),
        pytest.param(config({}), "give https://", id="no server"),
        pytest.param(config({**CLUSTER, "server": 5}), "server is no text", id="server is a number"),
        pytest.param(
            config({**CLUSTER, "certificate-authority-data": "%"}), "no base64 of PEM", id="no base64"
        ),
        pytest.param(
            config(user={"client-certificate-data": DATA}), "only one of", id="certificate without key"
        ),
        pytest.param(config(user={}), "neither token nor client certificate", id="nobody"),
        pytest.param(config(contexts=[]), "leads to context 'there'", id="no context"),
        pytest.param(config(users=None), "leads to user 'u'", id="no users"),
        pytest.param(config(**{"current-context": ""}), "leads to context ''", id="no current context"),
        pytest.param(config(user=None), "user 'u' is no map", id="user is nothing"),
        pytest.param("apiVersion: v1", "the kubeconfig is no map", id="a text"),
        pytest.param(None, "the kubeconfig is no map", id="empty"),
    ],
)
def test_what_is_refused(document: Any, words: str):
    with pytest.raises(KubeconfigError, match=words) as refused:
        access(document)
    assert "s3cret" not in str(refused.value).replace("https://a:s3cret@moc", "")


def test_credentials_are_not_shown():
    found = access(config(user={**TOKEN, "client-certificate-data": DATA, "client-key-data": DATA}))
    assert "s3cret" not in repr(found)
    assert repr(found).count("BEGIN") == 2, "authority and certificate, no key"
