"""Swift as this user may reach it: by credentials of the environment, else by those of the installation."""

import base64
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from chris_operator.cli.errors import ForbiddenError, NotFoundError, UserError
from chris_operator.cli.kubectl import Kubectl
from chris_operator.staging.errors import StagingError
from chris_operator.staging.manifest import ManifestError
from chris_operator.storage import Storage, StorageError
from chris_operator.storage.credentials import VARIABLES

SYSTEM = "chris-system"
SECRET = "swift-credentials"  # noqa: S105 - its name
AUTHORITIES = "swift-ca"
_LOGINS = ("ST_AUTH", "OS_AUTH_URL")
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")
_REMEDY = (
    "set ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL and the OS_* variables of Keystone v3, for the account that the "
    f"operator uses; or have an administrator let you read the Secret {SECRET} in {SYSTEM}"
)


@contextmanager
def swift(kubectl: Kubectl, environment: Mapping[str, str] = os.environ) -> Iterator[Storage]:
    """Swift, for as long as the block runs; its errors and staging's are told as the user's."""
    with ExitStack() as stack, told():
        values = stack.enter_context(reachable(kubectl, credentials(kubectl, environment)))
        if not values.get("OS_CACERT") and (bundle := _authorities(kubectl, environment)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kubectl-chris-")))
            (folder / "ca.crt").write_text(bundle)
            values = {**values, "OS_CACERT": str(folder / "ca.crt")}
        yield Storage(values)


def credentials(kubectl: Kubectl, environment: Mapping[str, str]) -> dict[str, str]:
    """Swift credentials: the environment's, else the operator's own where this user may read them."""
    if any(environment.get(name) for name in _LOGINS):
        return {name: environment[name] for name in VARIABLES if environment.get(name)}
    try:
        secret = kubectl.raw(f"/api/v1/namespaces/{SYSTEM}/secrets/{SECRET}")
    except (ForbiddenError, NotFoundError) as error:
        raise UserError(f"no Swift credentials: {error}; {_REMEDY}") from error
    return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}


def _authorities(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    """The installation's own authorities, where the credentials are its own as well."""
    if any(environment.get(name) for name in _LOGINS):
        return ""
    try:
        found = kubectl.raw(f"/api/v1/namespaces/{SYSTEM}/configmaps/{AUTHORITIES}")
    except (ForbiddenError, NotFoundError):
        return ""
    return str(found.get("data", {}).get("ca.crt", ""))


@contextmanager
def reachable(kubectl: Kubectl, values: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The credentials with an address that this machine can reach: a Service is forwarded to a local port."""
    parts = urlsplit(values.get("ST_AUTH", ""))
    service, _, rest = (parts.hostname or "").partition(".")
    namespace, _, kind = rest.partition(".")
    if not kind.startswith("svc"):
        yield dict(values)
        return
    words = ("port-forward", f"service/{service}", f":{parts.port or 80}")
    with Kubectl(namespace, kubectl.options).open(*words) as forward:
        place = f"127.0.0.1:{_port(forward, service, namespace)}"
        for stream in (forward.stdout, forward.stderr):
            threading.Thread(target=_drain, args=(stream,), daemon=True).start()
        yield {**values, "ST_AUTH": urlunsplit(parts._replace(netloc=place))}


def _port(forward: subprocess.Popen[bytes], service: str, namespace: str) -> str:
    line = forward.stdout.readline().decode() if forward.stdout else ""
    found = _FORWARDING.search(line)
    if found is None:
        why = forward.stderr.read().decode().strip() if forward.stderr else ""
        raise UserError(
            f"Swift is the Service {service} in {namespace}, and kubectl cannot forward to it: {why}"
        )
    return found[1]


def _drain(stream: IO[bytes] | None) -> None:
    """Read what kubectl says of every connection: it would wait for ever once nobody does."""
    with suppress(ValueError):  # closed with the block
        while stream and stream.read(1 << 16):
            pass


@contextmanager
def told() -> Iterator[None]:
    """Errors of Swift and of staging in their own words, as the user's."""
    try:
        yield
    except StagingError as error:
        raise UserError(error.log_text()) from error
    except (StorageError, ManifestError) as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        if not str(error).startswith("Swift credentials"):
            raise
        raise UserError(str(error)) from error
