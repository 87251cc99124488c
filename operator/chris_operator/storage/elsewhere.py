"""The Swift of another cluster, as a Secret describes it: nothing of this process's environment or files counts there."""

import os
from collections.abc import Mapping
from typing import Any

from chris_operator.storage import credentials
from chris_operator.storage.errors import StorageError
from chris_operator.storage.runs import Storage

AUTHORITY = "ca.crt"
"""Of the Secret's data: certificates of the authorities to trust there instead of the public ones."""
_FILES = frozenset({"OS_CACERT", "CHRIS_SWIFT_CA_FILE"})


class StorageElsewhere(Storage):
    """Our container there; its errors tell where they happened."""

    def __init__(self, name: str, data: Mapping[str, str], container: str) -> None:
        """`name` is the ComputeResource's, `data` the Secret's; ValueError names what is missing or wrong in it."""
        known = {
            key: text.strip()
            for key, text in data.items()
            if key in credentials.VARIABLES and key not in _FILES
        }
        self.where, self._authority, self._known_url = name, -1, ""
        if pem := data.get(AUTHORITY, ""):
            # OpenSSL reads authorities from files only, and this process may have no disk to write to.
            self._authority = os.memfd_create("ca.crt")
            os.write(self._authority, pem.encode())
            known["OS_CACERT"] = f"/proc/self/fd/{self._authority}"
        try:
            super().__init__(known, container=container)
            self.bundle = super().ca_bundle
        except ValueError as error:
            self.close()
            raise ValueError(str(error).replace(known.get("OS_CACERT") or AUTHORITY, AUTHORITY)) from None

    @property
    def ca_bundle(self) -> str | None:
        """Certificates (PEM) of the authorities to trust there; None where none were given."""
        return self.bundle

    def close(self) -> None:
        """Give back what is held."""
        if self._authority >= 0:
            os.close(self._authority)
            self._authority = -1

    def look(self) -> None:
        """Ask whether it can be used, and for its address and key: they are remembered, so signing needs no answer."""
        self._key = ""
        self.ensure_container()
        self.ensure_temp_url_key()
        self._known_url = super()._storage_url()

    def _storage_url(self) -> str:
        return self._known_url or super()._storage_url()

    def _guard(self, object: str, act: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        try:
            return super()._guard(object, act, *args, **kwargs)
        except StorageError as error:
            error.where = self.where
            raise

    def places(self) -> list[str]:
        """Where data lie: every run's directory, and whatever else of every user's; directories end in `/`."""
        return [place for user in self._below("home/") for place in self._of_user(user)]

    def _of_user(self, user: str) -> list[str]:
        feeds = f"{user}feeds/"
        runs = [run for feed in self._below(feeds) for run in self._below(f"{feed}runs/")]
        return [*runs, *(place for place in self._below(user) if place != feeds)]

    def _below(self, place: str) -> list[str]:
        return [each.name for each in self.list(place, delimiter="/")]

    def clear(self, place: str) -> int:
        """Remove a place; returns how many objects there were."""
        if place.endswith("/"):
            return self.delete_prefix(place)
        self.delete(place)
        return 1
