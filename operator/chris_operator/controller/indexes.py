"""How the objects of each kind are kept and found: what is read of them, and by what they refer to."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chris_operator.cluster import (
    COMPUTE_RESOURCES,
    FEEDS,
    INSTANCES,
    JOBS,
    NAMESPACES,
    PIPELINES,
    PLUGINS,
    PODS,
    WORKFLOWS,
    Resource,
)
from chris_operator.core.brief import brief
from chris_operator.core.names import RUN_UID_LABEL, USER_LABEL, WORKFLOW_UID_LABEL

from .store import Object, Store, slim

_JOB_SPEC = ("completionMode", "completions", "maxFailedIndexes", "suspend")
_OPENSHIFT_RANGE = "openshift.io/sa.scc.uid-range"


def labels_of(body: Mapping[str, Any]) -> Mapping[str, str]:
    """An object's labels."""
    return body["metadata"].get("labels") or {}


def has_user_range(namespace: Mapping[str, Any]) -> bool:
    """Whether the cluster chooses user ids for this namespace (OpenShift)."""
    return _OPENSHIFT_RANGE in (namespace["metadata"].get("annotations") or {})


def feeds_of(body: Mapping[str, Any]) -> set[str]:
    """Names of the Feeds that a PluginInstance may belong to."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    names = {spec.get("feed"), status.get("feed"), None if spec.get("previous") else body["metadata"]["name"]}
    return {name for name in names if name}


def _within(names: Callable[[Object], Iterable[str]]) -> Callable[[Object], Iterable[tuple[str, str]]]:
    return lambda body: [(body["metadata"].get("namespace", ""), name) for name in names(body)]


def _program(body: Object) -> Iterable[tuple[Any, Any]]:
    program = body["spec"].get("plugin") or {}
    return [(program.get("name"), program.get("version"))]


def _programs(pipeline: Object) -> Iterable[tuple[Any, Any]]:
    return {each for node in pipeline["spec"].get("nodes") or () for each in _program({"spec": node})}


def _workflow_feed(body: Object) -> Iterable[str]:
    spec, status = body["spec"], body["status"]
    own = None if spec.get("previous") else body["metadata"]["name"]
    return [name for name in {spec.get("feed"), status.get("feed"), own} if name]


def _workflow_uid(body: Object) -> Iterable[str]:
    uid = labels_of(body).get(WORKFLOW_UID_LABEL)
    return [uid] if uid else []


def _named(field: str) -> Callable[[Object], Iterable[tuple[str, str]]]:
    return _within(lambda body: [body["spec"][field]] if body["spec"].get(field) else [])


def _namespace(body: Object) -> Iterable[str]:
    return [body["metadata"].get("namespace", "")]


def _slim_namespace(body: Mapping[str, Any]) -> Object:
    found = slim(body)
    found["metadata"]["annotations"] = body["metadata"].get("annotations") or {}
    return found


def _slim_pod(body: Mapping[str, Any]) -> Object:
    return slim(body) | {"spec": {"nodeName": body.get("spec", {}).get("nodeName")}}


def _slim_job(body: Mapping[str, Any]) -> Object:
    spec = body.get("spec") or {}
    return slim(body) | {"spec": {key: spec[key] for key in _JOB_SPEC if key in spec}}


def run_uid_of(body: Mapping[str, Any]) -> str:
    """UID of the run that a Job or pod belongs to; empty where it belongs to none."""
    return labels_of(body).get(RUN_UID_LABEL, "")


def _run_uid(body: Object) -> list[str]:
    return [run_uid_of(body)]


def compute_of(body: Mapping[str, Any]) -> str:
    """Name of the ComputeResource that a run names; empty where it stays here."""
    return body["spec"].get("computeResource") or ""


def _compute(body: Object) -> list[str]:
    name = compute_of(body)
    return [name] if name else []


def _user(body: Object) -> list[str]:
    user = labels_of(body).get(USER_LABEL)
    return [user] if user else []


def _equal(body: Object) -> Iterable[tuple[str, str]]:
    """By what an equal run finds this one: key and image of a whole output."""
    status = body.get("status") or {}
    output, key, image = status.get("output"), status.get("cacheKey"), status.get("image")
    whole = output and not output.get("partial") and not (status.get("workers") or {}).get("failed")
    return [(key, image)] if whole and key and image else []


def _refers(body: Object) -> Iterable[int]:
    """Numbers of the runs whose data this one needs; one that is being deleted needs none any more."""
    status = body.get("status") or {}
    return () if body["metadata"].get("deletionTimestamp") else status.get("references") or ()


def stores_of_attempts() -> dict[Resource, Store]:
    """What is known of the attempts on one cluster, empty."""
    return {
        JOBS: Store({"run": _run_uid}, slim=_slim_job),
        PODS: Store({"run": _run_uid}, slim=_slim_pod),
    }


def stores() -> dict[Resource, Store]:
    """What is known of one cluster, empty."""
    return {
        INSTANCES: Store(
            {
                "parent": _within(lambda body: body["spec"].get("previous") or ()),
                "feed": _within(feeds_of),
                "plugin": _program,
                "namespace": _namespace,
                "workflow": _workflow_uid,
                "equal": _equal,
                "refers": _refers,
                "compute": _compute,
            },
            brief=brief,
            seldom=lambda found: found.ended,
        ),
        FEEDS: Store({"namespace": _namespace}, seldom=lambda _: True),
        PIPELINES: Store({"plugin": _programs}, seldom=lambda _: True),
        WORKFLOWS: Store(
            {
                "pipeline": _named("pipeline"),
                "parent": _named("previous"),
                "feed": _within(_workflow_feed),
                "namespace": _namespace,
            },
            brief=brief,
            seldom=lambda found: found.ended,
        ),
        PLUGINS: Store({"program": lambda body: [(body["spec"].get("name"), body["spec"].get("version"))]}),
        NAMESPACES: Store({"user": _user}, slim=_slim_namespace),
        COMPUTE_RESOURCES: Store(),
        **stores_of_attempts(),
    }
