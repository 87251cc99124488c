"""Logging in to Keystone v3: a token, and where its catalogue says that Swift is.

This stands where swiftclient takes a keystoneauth session. Its own way, by keystoneclient, forgets the private
authority and the region of an application credential and never renews its token; keystoneauth would bring
setuptools into the operator's image. What is needed of Keystone is one request.
"""

import threading
from typing import Any

import requests

from chris_operator.storage.errors import StorageError, Unauthorized, Unavailable

TIMEOUT = (5, 20)
"""Seconds to connect, and to wait for an answer."""
_BUSY = frozenset({408, 429})


class Keystone:
    """One login, shared by all threads and made again once its token is refused."""

    def __init__(
        self, url: str, identity: dict[str, Any], scope: dict[str, Any] | None, cacert: str | None
    ) -> None:
        base = url.rstrip("/")
        self._url = f"{base if base.endswith('/v3') else f'{base}/v3'}/auth/tokens"
        self._body = {"auth": {"identity": identity} | ({"scope": scope} if scope else {})}
        self._verify: str | bool = cacert or True
        self._lock = threading.Lock()
        self._token = ""
        self._catalog: list[dict[str, Any]] = []

    # What swiftclient asks of a session

    def get_token(self) -> str:
        """A token for Swift; raises StorageError or requests' errors."""
        with self._lock:
            self._log_in()
            return self._token

    def get_endpoint(self, *, service_type: str, interface: str, region_name: str | None) -> str:
        """Where the project's account is; StorageError names what the catalogue lacks."""
        with self._lock:
            self._log_in()
            catalog = self._catalog
        wanted = interface.removesuffix("URL")
        for service in catalog:
            for endpoint in service["endpoints"] if service["type"] == service_type else ():
                if endpoint["interface"] == wanted and region_name in {None, endpoint["region"]}:
                    return str(endpoint["url"])
        where = f"{wanted} endpoint" + (f" in region {region_name}" if region_name else "")
        remedy = "correct OS_REGION_NAME and OS_ENDPOINT_TYPE, or give OS_STORAGE_URL"
        raise StorageError("login", f"Keystone's catalogue has no {service_type} with a {where}; {remedy}")

    def invalidate(self) -> bool:
        """Swift refused the token: the next one is asked for anew."""
        with self._lock:
            self._token = ""
        return True

    def _log_in(self) -> None:
        if self._token:
            return
        answer = requests.post(self._url, json=self._body, timeout=TIMEOUT, verify=self._verify)
        if answer.status_code != requests.codes.created:
            raise self._refused(answer.status_code)
        self._catalog = answer.json()["token"].get("catalog", [])
        self._token = answer.headers["X-Subject-Token"]

    def _refused(self, status: int) -> StorageError:
        if status in {401, 403}:
            return Unauthorized("login", "Keystone does not accept the credentials given as OS_*", status)
        if status >= requests.codes.internal_server_error or status in _BUSY:
            return Unavailable("login", "Keystone cannot answer now", status)
        return StorageError("login", f"{self._url} refuses; is OS_AUTH_URL Keystone's address?", status)
