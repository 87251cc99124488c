"""`kubectl chris why INSTANCE`."""

import argparse
from datetime import UTC, datetime
from typing import Any

from chris_operator.cli.errors import ForbiddenError
from chris_operator.cli.kubectl import INSTANCES, Kubectl
from chris_operator.cli.options import connected, located
from chris_operator.cli.runs import parsed, run_of
from chris_operator.core.names import ATTEMPT_LABEL, RUN_UID_LABEL, attempt_name
from chris_operator.core.observe import PodFacts, pod_facts
from chris_operator.core.why import Known, why
from chris_operator.models.plugininstance import PluginInstance


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.add_argument("instance", metavar="INSTANCE", help="name of the run")


def run(options: argparse.Namespace) -> int:
    """Tell what the run waits for, or why it ended as it did."""
    kubectl = connected(options)
    bodies, _ = kubectl.all(INSTANCES)
    relatives = {body["metadata"]["name"]: body for body in bodies}
    instance = run_of(kubectl, options.instance, relatives)
    pod, events = _looked(kubectl, instance)
    known = Known(instance, parsed(relatives), pod, events)
    print("\n".join(why(known, datetime.now(UTC)).lines()))
    return 0


def _looked(kubectl: Kubectl, instance: PluginInstance) -> tuple[PodFacts, list[str]]:
    """The pod of the run's last attempt and what was told of it; nothing where this user may not look."""
    attempt = instance.status.attempt
    if attempt is None or instance.status.completion_time:
        return PodFacts(), []
    labels = f"{RUN_UID_LABEL}%3D{instance.metadata.uid},{ATTEMPT_LABEL}%3D{attempt.number}"
    try:
        pods = kubectl.core("pods", f"labelSelector={labels}")
        pod = pods[0] if pods else None
        job = attempt_name(instance.metadata.name, attempt.number)
        names = [job, *([pod["metadata"]["name"]] if pod else [])]
        events = [
            each
            for name in names
            for each in kubectl.core("events", f"fieldSelector=involvedObject.name%3D{name}")
        ]
    except ForbiddenError:
        return PodFacts(), []
    return pod_facts(pod), [f"{each['reason']}: {each['message']}" for each in sorted(events, key=_moment)]


def _moment(event: dict[str, Any]) -> str:
    told = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"]
    return str(told)
