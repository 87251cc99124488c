"""The Swifts of other clusters: opened as their Secrets say now, and asked whether they can be used."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chris_operator.cluster import SECRETS, Cluster
from chris_operator.core.compute import Finding
from chris_operator.core.site import Site
from chris_operator.models.computeresource import ComputeResource
from chris_operator.storage import StorageElsewhere, StorageError, Unauthorized, Unavailable, Untrusted

from . import logs

T = TypeVar("T")
_THREADS = 4
_PATIENCE_SECONDS = 15.0


class Swifts:
    """One Swift per ComputeResource that names a Secret for it.

    Our container there has the UID of this cluster and the ComputeResource's name: several may share an account.
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._open: dict[str, tuple[Mapping[str, str], StorageElsewhere]] = {}
        # Threads of their own: one that does not answer must not hold up who talks to ours.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="swift-elsewhere")

    def of(self, site: Site) -> StorageElsewhere | None:
        """The Swift of a place; None where its pods use ours. Raises Unavailable where it was not reached yet."""
        if not site.own_swift:
            return None
        if site.name not in self._open:
            raise Unavailable("account", "waits to be looked at", where=site.name)
        return self._open[site.name][1]

    def known(self, name: str) -> StorageElsewhere | None:
        """The Swift of a ComputeResource as it was last opened; None where it has none, or was not opened yet."""
        return self._open[name][1] if name in self._open else None

    async def ask(self, act: Callable[..., T], *args: Any) -> T:
        """Call something that talks to one of them."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *args)

    async def look(self, resource: ComputeResource, home: str) -> Finding | None:
        """Why a cluster's Swift cannot be used; None where it can, or where it has none of its own."""
        name, secret = resource.metadata.name, resource.spec.swift_secret
        if secret is None:
            self.leave(name)
            return None
        place = f"Secret {self._namespace}/{secret}"
        data = await self._read(secret)
        if data is None:
            command = (
                f"kubectl -n {self._namespace} create secret generic {secret} --from-literal=ST_AUTH=<url> …"
            )
            return _lack("SwiftSecretNotFound", f"{place} does not exist: create it with `{command}`")
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self.ask(self._opened(name, data, home).look)
        except TimeoutError:
            return _lack("SwiftUnreachable", f"its Swift has not answered within {_PATIENCE_SECONDS:.0f} s")
        except ValueError as error:
            return _lack("SwiftSecretRefused", f"{place}: {error}")
        except StorageError as error:
            return judged(error, place)
        return None

    async def _read(self, secret: str) -> dict[str, str] | None:
        found = await self._cluster.find(SECRETS, secret, self._namespace)
        if found is None:
            return None
        return {
            key: b64decode(text).decode(errors="replace") for key, text in (found.get("data") or {}).items()
        }

    def _opened(self, name: str, data: dict[str, str], home: str) -> StorageElsewhere:
        """The Swift as its Secret describes it now."""
        if name in self._open and self._open[name][0] == data:
            return self._open[name][1]
        self.leave(name)
        logs.hide(data)
        made = StorageElsewhere(name, data, f"chris-{home}-{name}")
        self._open[name] = data, made
        return made

    def leave(self, name: str) -> None:
        """Forget a cluster's Swift."""
        if name in self._open:
            self._open.pop(name)[1].close()


def _lack(reason: str, message: str) -> Finding:
    return Finding(reason, message, swift_only=True)


def judged(error: StorageError, secret: str) -> Finding:
    """Which reason a failure is told by, and what to do about it."""
    words = f"{error.rule}: {error.value}" if error.value != "" else error.rule
    match error:
        case Untrusted():
            told = (
                f"its Swift's certificate is from no authority that is trusted: give it as ca.crt in {secret}"
            )
            return _lack("SwiftUntrusted", told)
        case Unavailable():
            return _lack(
                "SwiftUnreachable", f"its Swift does not answer ({words}); asked again until it does"
            )
        case Unauthorized():
            return _lack(
                "SwiftLoginRefused",
                f"its Swift does not accept the credentials of {secret} ({words}): renew them",
            )
        case _:
            return _lack(
                "SwiftSecretRefused", f"{secret} leads to no Swift that can be used ({words}): correct it"
            )
