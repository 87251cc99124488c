"""Brings a run's output to this machine: the same verified transfer that fills a plugin's input directory."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from chris_operator.core.inputs import MANIFEST
from chris_operator.core.names import attempt_prefix
from chris_operator.models.plugininstance import PluginInstance
from chris_operator.staging.contract import Grant, InputRef, RunRef, StageJob, SwiftEndpoint
from chris_operator.staging.crew import Crew
from chris_operator.staging.placing import Placer
from chris_operator.staging.stage_in import stage_input
from chris_operator.staging.swift_http import SwiftHttp
from chris_operator.storage import Storage

_LIFETIME = 3600
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


def credentials() -> dict[str, str]:
    """The operator's Swift credentials, as whoever may read that Secret sees them."""
    words = ["kubectl", "-n", "chris-system", "get", "secret", "swift-credentials", "-o", "json"]
    data = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


@contextmanager
def reachable(values: dict[str, str]) -> Iterator[dict[str, str]]:
    """The credentials with an address that this machine can reach: a Service is forwarded to a local port."""
    parts = urlsplit(values.get("ST_AUTH", ""))
    service, _, rest = (parts.hostname or "").partition(".")
    namespace, _, kind = rest.partition(".")
    if not kind.startswith("svc"):
        yield values
        return
    words = ["kubectl", "-n", namespace, "port-forward", f"service/{service}", f":{parts.port or 80}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as forward:
        try:
            found = _FORWARDING.search(forward.stdout.readline() if forward.stdout else "")
            if found is None:
                raise RuntimeError(f"kubectl cannot forward to service {namespace}/{service}")
            yield values | {"ST_AUTH": urlunsplit(parts._replace(netloc=f"127.0.0.1:{found[1]}"))}
        finally:
            forward.terminate()


def job(instance: PluginInstance, storage: Storage) -> StageJob:
    """An order to bring one committed output, readable for an hour."""
    meta, status = instance.metadata, instance.status
    if status.output is None or status.id is None or status.feed_id is None or status.user is None:
        raise ValueError(
            f"{meta.name} has no output: `kubectl -n {meta.namespace} describe pi {meta.name}` says why"
        )
    prefix = attempt_prefix(status.user, status.feed_id, status.id, status.output.attempt)
    header, _ = storage.read_manifest(prefix + MANIFEST)
    expires = int(time.time()) + _LIFETIME

    def grant(place: str) -> Grant:
        return Grant(storage.path(place), storage.sign("GET", place, expires))

    return StageJob(
        run=RunRef(meta.namespace, meta.name, meta.uid, status.id, status.output.attempt),
        swift=SwiftEndpoint(storage.url),
        inputs=(InputRef(storage.path(prefix) + MANIFEST, status.output.digest),),
        # What was linked lies elsewhere: among the user's uploads.
        get=tuple(grant(place) for place in dict.fromkeys((prefix, *header.prefixes))),
        put=grant(prefix),  # nothing is written; it only tells where the container is
    )


def fetch(instance: PluginInstance, target: Path) -> None:
    """Write the run's files below `target`, which is emptied first; every byte is verified."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with reachable(credentials()) as values:
        order = job(instance, Storage(values))
        with Crew(order.limits.threads) as crew:
            placer = Placer(SwiftHttp(lambda: order, crew.stopped), str(target))
            for each in order.inputs:
                stage_input(each, placer, crew)
