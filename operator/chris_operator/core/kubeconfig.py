"""What a kubeconfig of somebody else's cluster may say: where, whom to trust, who we are. All within the file.

A kubeconfig can name programs to run, files to read and proxies to go through. In a Secret that an operator reads,
each of them would let the Secret's writer act with the operator's rights; so whatever is not known is refused.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_FLATTEN = "write it with `kubectl config view --raw --flatten --minify`"
_TOKEN = "give a ServiceAccount's token or client-certificate-data"  # noqa: S105  a remedy
_REFUSED = {
    "exec": f"names a program to run: {_TOKEN} instead",
    "auth-provider": f"names a program of kubectl's to log in: {_TOKEN} instead",
    "certificate-authority": f"names a file: give certificate-authority-data; {_FLATTEN}",
    "client-certificate": f"names a file: give client-certificate-data; {_FLATTEN}",
    "client-key": f"names a file: give client-key-data; {_FLATTEN}",
    "tokenFile": "names a file: give the token itself",
    "insecure-skip-tls-verify": "would trust anybody: give certificate-authority-data instead",
    "proxy-url": "would send everything through a proxy of its own: give the operator's Deployment HTTPS_PROXY",
    "username": f"is a password login, which Kubernetes no longer has: {_TOKEN} instead",
    "password": f"is a password login, which Kubernetes no longer has: {_TOKEN} instead",
}
_CLUSTER = frozenset({"server", "certificate-authority-data", "extensions"})
_USER = frozenset({"token", "client-certificate-data", "client-key-data", "extensions"})


class KubeconfigError(ValueError):
    """A kubeconfig cannot be used; the message names the field and the remedy, never a credential."""


@dataclass(frozen=True, slots=True)
class Access:
    """All that is needed to speak to another API server; certificates and keys are PEM."""

    server: str
    authority: str
    """Certificates to trust; empty: the public authorities."""
    token: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)


def access(document: Any) -> Access:
    """What a decoded kubeconfig's current context says; raises KubeconfigError."""
    config = _mapping(document, "the kubeconfig")
    context = _named(config, "contexts", "context", config.get("current-context"))
    where = _named(config, "clusters", "cluster", context.get("cluster"))
    who = _named(config, "users", "user", context.get("user"))
    _only(where, _CLUSTER, "cluster")
    _only(who, _USER, "user")
    found = Access(
        server=_server(where),
        authority=_decoded(where, "certificate-authority-data"),
        token=_text(who, "token"),
        certificate=_decoded(who, "client-certificate-data"),
        key=_decoded(who, "client-key-data"),
    )
    if bool(found.certificate) != bool(found.key):
        raise KubeconfigError("the user has only one of client-certificate-data and client-key-data")
    if not (found.token or found.certificate):
        raise KubeconfigError(f"the user has neither token nor client certificate: {_TOKEN}")
    return found


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise KubeconfigError(f"{what} is no map of fields: {_FLATTEN}")
    return value


def _named(config: Mapping[str, Any], plural: str, singular: str, name: Any) -> Mapping[str, Any]:
    for each in config.get(plural) or ():
        if name and isinstance(each, dict) and each.get("name") == name:
            return _mapping(each.get(singular), f"{singular} {name!r}")
    raise KubeconfigError(f"its current context leads to {singular} {name!r}, which it does not define")


def _only(fields: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    for name, value in fields.items():
        # A field may be written out as "no": false and empty mean that it is not used.
        if value and name not in known:
            why = _REFUSED.get(name, "is not supported here: leave it out")
            raise KubeconfigError(f"the {what}'s field {name} {why}")


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise KubeconfigError(f"the field {name} is no text")
    return value.strip()


def _server(fields: Mapping[str, Any]) -> str:
    server = _text(fields, "server").rstrip("/")
    if not server.startswith("https://") or "@" in server or any(mark in server for mark in "?# "):
        raise KubeconfigError(f"the cluster's server is {server!r}: give https://host:port")
    return server


def _decoded(fields: Mapping[str, Any], name: str) -> str:
    text = _text(fields, name)
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise KubeconfigError(f"the field {name} is no base64 of PEM text: {_FLATTEN}") from None
