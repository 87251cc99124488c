"""Credentials in the names that every OpenStack tool knows: ST_* (v1) or OS_* (Keystone v3).

OS_CACERT is the file of a private authority's certificates for either.
"""

from collections.abc import Mapping
from typing import Any

OS_OPTIONS = {
    "OS_USER_DOMAIN_NAME": "user_domain_name",
    "OS_USER_DOMAIN_ID": "user_domain_id",
    "OS_PROJECT_DOMAIN_NAME": "project_domain_name",
    "OS_PROJECT_DOMAIN_ID": "project_domain_id",
    "OS_PROJECT_NAME": "project_name",
    "OS_PROJECT_ID": "project_id",
    "OS_REGION_NAME": "region_name",
    "OS_ENDPOINT_TYPE": "endpoint_type",
    "OS_STORAGE_URL": "object_storage_url",
    "OS_AUTH_TYPE": "auth_type",
    "OS_APPLICATION_CREDENTIAL_ID": "application_credential_id",
    "OS_APPLICATION_CREDENTIAL_SECRET": "application_credential_secret",
}
"""Variables of the environment and swiftclient's names for them."""


def connection_options(values: Mapping[str, str]) -> dict[str, Any]:
    """Arguments for `swiftclient.Connection`; ValueError names what is missing."""
    if values.get("OS_AUTH_URL"):
        return _keystone(values)
    missing = [name for name in ("ST_AUTH", "ST_USER", "ST_KEY") if not values.get(name)]
    if missing:
        raise ValueError(
            f"Swift credentials: {', '.join(missing)} not set; give ST_AUTH, ST_USER and ST_KEY,"
            " or OS_AUTH_URL and the OS_* variables of Keystone v3"
        )
    return {
        "authurl": values["ST_AUTH"],
        "user": values["ST_USER"],
        "key": values["ST_KEY"],
        "auth_version": "1",
        "cacert": values.get("OS_CACERT") or None,
    }


def _keystone(values: Mapping[str, str]) -> dict[str, Any]:
    application = values.get("OS_AUTH_TYPE") == "v3applicationcredential"
    if not application and not (values.get("OS_USERNAME") and values.get("OS_PASSWORD")):
        raise ValueError(
            "Swift credentials: OS_AUTH_URL is set without OS_USERNAME and OS_PASSWORD;"
            " give them, or OS_AUTH_TYPE=v3applicationcredential with its id and secret"
        )
    return {
        "authurl": values["OS_AUTH_URL"],
        "user": values.get("OS_USERNAME"),
        "key": values.get("OS_PASSWORD"),
        "auth_version": "3",
        "cacert": values.get("OS_CACERT") or None,
        "os_options": {option: values[name] for name, option in OS_OPTIONS.items() if values.get(name)},
    }
