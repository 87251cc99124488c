"""The only door to the kube-apiserver."""

from chris_operator.cluster.client import FIELD_MANAGER, Cluster, Object, inside_a_pod
from chris_operator.cluster.clock import Clock
from chris_operator.cluster.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)
from chris_operator.cluster.resources import (
    CONFIG_MAPS,
    EVENTS,
    FEEDS,
    INSTANCES,
    JOBS,
    LEASES,
    NAMESPACES,
    NETWORK_POLICIES,
    PLUGINS,
    PODS,
    SECRETS,
    Resource,
)

__all__ = [
    "CONFIG_MAPS",
    "EVENTS",
    "FEEDS",
    "FIELD_MANAGER",
    "INSTANCES",
    "JOBS",
    "LEASES",
    "NAMESPACES",
    "NETWORK_POLICIES",
    "PLUGINS",
    "PODS",
    "SECRETS",
    "AlreadyExists",
    "Clock",
    "Cluster",
    "ClusterError",
    "Conflict",
    "Forbidden",
    "Gone",
    "Invalid",
    "NotFound",
    "Object",
    "Resource",
    "Unreachable",
    "inside_a_pod",
]
