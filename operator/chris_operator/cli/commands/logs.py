"""`kubectl chris logs INSTANCE`."""

import argparse
import sys
import threading
from contextlib import closing, suppress

from chris_operator.cli.access import swift
from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import INSTANCES, Kubectl, Outdated
from chris_operator.cli.options import connected, located
from chris_operator.cli.outputs import log_place, reading
from chris_operator.cli.runs import run_of
from chris_operator.core.names import attempt_name
from chris_operator.core.plan import final_condition
from chris_operator.models.conditions import ConditionType, find
from chris_operator.models.plugininstance import PluginInstance, WorkerCounts
from chris_operator.staging.contract import LOG_NAME
from chris_operator.staging.swift_http import Body, SwiftHttp
from chris_operator.storage import NotFound

_CHUNK = 1 << 16
_STARTED = frozenset({"Running", "Publishing", "Verifying"})


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.add_argument("instance", metavar="INSTANCE", help="name of the run")
    parser.add_argument(
        "-f", "--follow", action="store_true", help="wait for its start, and print until its end"
    )
    parser.add_argument("--attempt", type=int, help="an earlier attempt's log (default: the last one's)")


def run(options: argparse.Namespace) -> int:
    """Print the log: the pod's while the attempt lives, else Swift's."""
    kubectl = connected(options)
    instance = run_of(kubectl, options.instance)
    if options.follow and options.attempt is None:
        instance = _await_start(kubectl, instance)
    attempt = instance.status.attempt
    if options.attempt is not None or final_condition(instance) or (attempt and attempt.ended):
        _stored(kubectl, instance, options.attempt or (attempt.number if attempt else None))
    else:
        _live(kubectl, instance, follow=options.follow)
    return 0


def _await_start(kubectl: Kubectl, instance: PluginInstance) -> PluginInstance:
    """The run as soon as its program has started, or it has ended."""
    name = instance.metadata.name
    while not _has_started(instance):
        print(f"{name} has not started yet ({_reason(instance)}) …", file=sys.stderr)
        version = instance.metadata.resource_version
        with suppress(Outdated), kubectl.watching(INSTANCES, version, only=name) as events:
            for kind, body in events:
                if kind == "DELETED":
                    raise UserError(f"{name} was deleted before it started")
                instance = PluginInstance.parse(body)
                if _has_started(instance):
                    return instance
        instance = run_of(kubectl, name)
    return instance


def _reason(instance: PluginInstance) -> str:
    condition = find(instance.status.conditions, ConditionType.SUCCEEDED)
    return condition.reason if condition else "Created"


def _has_started(instance: PluginInstance) -> bool:
    return _reason(instance) in _STARTED or final_condition(instance) is not None


def _live(kubectl: Kubectl, instance: PluginInstance, *, follow: bool) -> None:
    """The log of the attempt's pod, in kubectl's hands."""
    name, attempt = instance.metadata.name, instance.status.attempt
    if attempt is None:
        where = f"`kubectl chris why -n {instance.metadata.namespace} {name}`"
        raise UserError(
            f"{name} has not started ({_reason(instance)}): {where} says why; -f waits for its log"
        )
    pods = _pods(attempt_name(name, attempt.number), instance.status.workers)
    words = ["logs", *pods, "--container=plugin", *(["--follow"] if follow else [])]
    with kubectl.open(*words) as running:
        errors: list[bytes] = []
        reader = threading.Thread(
            target=lambda: errors.append(running.stderr.read() if running.stderr else b"")
        )
        reader.start()
        while running.stdout and (chunk := running.stdout.read1(_CHUNK)):  # type: ignore[attr-defined]
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        failed = running.wait()
        reader.join()
    if failed:
        raise UserError(f"{name} is {_reason(instance)}: {b''.join(errors).decode(errors='replace').strip()}")


def _pods(job: str, workers: WorkerCounts | None) -> list[str]:
    """The pods of an attempt as kubectl is told of them; the lines of several begin with their pod's name."""
    if workers is None:
        return [f"job/{job}"]
    selector = f"--selector=batch.kubernetes.io/job-name={job}"
    return [selector, "--prefix", "--tail=-1", f"--max-log-requests={workers.count}"]


def _stored(kubectl: Kubectl, instance: PluginInstance, attempt: int | None) -> None:
    """The log as it was published, a piece at a time: it may be gigabytes."""
    with swift(kubectl) as storage:
        place = log_place(storage, instance, attempt)
        try:
            size = storage.head(place + LOG_NAME).bytes
        except NotFound:
            words = f"{instance.metadata.name}: attempt {attempt} has published no log"
            raise UserError(f"{words}: it printed nothing, ended before publishing, or never ran") from None
        http, done = SwiftHttp(reading(storage, (place,)), threading.Event()), 0

        def consume(body: Body) -> None:
            nonlocal done
            buffer = memoryview(bytearray(_CHUNK))
            while body.left:
                count = body.readinto(buffer)
                sys.stdout.buffer.write(buffer[:count])
                done += count

        with closing(http):
            if size:
                http.read(place + LOG_NAME, lambda: (done, size), consume)
    sys.stdout.buffer.flush()
