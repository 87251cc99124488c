"""Credentials in the names that every OpenStack tool knows: ST_* (v1) or OS_* (Keystone v3).

The authorities that Swift and Keystone are trusted by stand in the file OS_CACERT; or, so that a Deployment may
name it before anybody gives one, in CHRIS_SWIFT_CA_FILE, which need not exist.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chris_operator.storage.keystone import Keystone

VARIABLES = (
    "ST_AUTH",
    "ST_USER",
    "ST_KEY",
    "OS_AUTH_URL",
    "OS_AUTH_TYPE",
    "OS_USERNAME",
    "OS_PASSWORD",
    "OS_USER_DOMAIN_NAME",
    "OS_USER_DOMAIN_ID",
    "OS_PROJECT_NAME",
    "OS_PROJECT_ID",
    "OS_PROJECT_DOMAIN_NAME",
    "OS_PROJECT_DOMAIN_ID",
    "OS_APPLICATION_CREDENTIAL_ID",
    "OS_APPLICATION_CREDENTIAL_SECRET",
    "OS_REGION_NAME",
    "OS_ENDPOINT_TYPE",
    "OS_STORAGE_URL",
    "OS_CACERT",
    "CHRIS_SWIFT_CA_FILE",
)
"""Everything that is read here."""
LARGEST_BUNDLE = 64 << 10
"""Every attempt's Secret carries the authorities along, so they must not be a whole system's."""
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_APPLICATION = "v3applicationcredential"
_PASSWORD = ("", "password", "v3password")


def connection_options(values: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for `swiftclient.Connection`; ValueError names what is missing."""
    places = {
        "region_name": values.get("OS_REGION_NAME"),
        "endpoint_type": values.get("OS_ENDPOINT_TYPE"),
        "object_storage_url": values.get("OS_STORAGE_URL"),
    }
    trusted = ca_file(values)
    common = {"cacert": trusted, "os_options": {name: text for name, text in places.items() if text}}
    if values.get("OS_AUTH_URL"):
        identity, scope = _identity(values)
        login = Keystone(values["OS_AUTH_URL"], identity, scope, trusted)
        return {"session": login, "auth_version": "3", **common}
    missing = [name for name in ("ST_AUTH", "ST_USER", "ST_KEY") if not values.get(name)]
    if missing:
        raise ValueError(
            f"Swift credentials: {', '.join(missing)} not set; give ST_AUTH, ST_USER and ST_KEY,"
            " or OS_AUTH_URL and the OS_* variables of Keystone v3"
        )
    login_v1 = {"authurl": values["ST_AUTH"], "user": values["ST_USER"], "key": values["ST_KEY"]}
    return {**login_v1, "auth_version": "1", **common}


def ca_file(values: Mapping[str, str]) -> str | None:
    """The file of the authorities to trust instead of the public ones; None where none is given."""
    named = values.get("OS_CACERT")
    path = named or values.get("CHRIS_SWIFT_CA_FILE")
    if path is None or not path or (not named and not Path(path).exists()):
        return None
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        raise ValueError(f"Swift credentials: OS_CACERT is {path!r}, which cannot be read: {error}") from None
    if size > LARGEST_BUNDLE:
        raise ValueError(
            f"Swift credentials: {path} has {size} bytes; give only the authorities that sign Swift's"
            f" certificate, at most {LARGEST_BUNDLE} bytes"
        )
    return path


def ca_bundle(values: Mapping[str, str]) -> str | None:
    """The certificates in that file as PEM text, without what stands around them."""
    path = ca_file(values)
    if path is None:
        return None
    found = _CERTIFICATE.findall(Path(path).read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise ValueError(f"Swift credentials: {path} holds no certificate; give PEM text")
    return "\n".join(found) + "\n"


def _identity(values: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Who logs in, and to which project, as Keystone's API wants it."""
    kind = values.get("OS_AUTH_TYPE", "")
    if kind == _APPLICATION:
        number, secret = _required(
            values, "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET", because=_APPLICATION
        )
        credential = {"id": number, "secret": secret}
        # It is bound to its project, so a scope would be refused.
        return {"methods": ["application_credential"], "application_credential": credential}, None
    if kind not in _PASSWORD:
        raise ValueError(
            f"Swift credentials: OS_AUTH_TYPE is {kind!r}; give v3password or {_APPLICATION}, or leave it out"
        )
    name, password = _required(
        values, "OS_USERNAME", "OS_PASSWORD", because=f"OS_AUTH_TYPE is not {_APPLICATION}"
    )
    user = {"name": name, "password": password, "domain": _domain(values, "USER")}
    return {"methods": ["password"], "password": {"user": user}}, {"project": _project(values)}


def _required(values: Mapping[str, str], *names: str, because: str) -> list[str]:
    missing = [name for name in names if not values.get(name)]
    if missing:
        raise ValueError(
            f"Swift credentials: OS_AUTH_URL is set, but not {', '.join(missing)} ({because}); give OS_USERNAME"
            f" and OS_PASSWORD, or OS_AUTH_TYPE={_APPLICATION} with its id and secret"
        )
    return [values[name] for name in names]


def _project(values: Mapping[str, str]) -> dict[str, Any]:
    if number := values.get("OS_PROJECT_ID"):
        return {"id": number}
    if name := values.get("OS_PROJECT_NAME"):
        return {"name": name, "domain": _domain(values, "PROJECT")}
    raise ValueError("Swift credentials: OS_PROJECT_NAME is not set (nor OS_PROJECT_ID); give the project")


def _domain(values: Mapping[str, str], whose: str) -> dict[str, str]:
    """A user's or project's domain; the one that every Keystone begins with where none is named."""
    if name := values.get(f"OS_{whose}_DOMAIN_NAME"):
        return {"name": name}
    return {"id": values.get(f"OS_{whose}_DOMAIN_ID") or "default"}
