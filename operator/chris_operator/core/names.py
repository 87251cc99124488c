"""Where things of a run live: names of its objects and places in Swift.

Swift names end at 1,024 bytes and trees get deep, so objects lie flat by run id; the tree that
ChRIS's clients see is computed (`logical_path`).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

RUN_UID_LABEL = "chrisproject.org/run-uid"
"""On every object of a run's attempts: the UID of its PluginInstance."""
ATTEMPT_LABEL = "chrisproject.org/attempt"
ID_LABEL = "chrisproject.org/id"
"""On a PluginInstance: its number, for when its status should lose it."""
RUN_LABEL = "chrisproject.org/run"
"""On every object of a run's attempts: the name of its PluginInstance, cut to a label's 63 characters."""
USER_LABEL = "chrisproject.org/user"
"""On a namespace: the tenant whose home in Swift it works in."""
EGRESS_LABEL = "chrisproject.org/network"
"""On a run's pod: what its Plugin may reach, where that is more than Swift."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""On a PluginInstance and its Jobs: the queue of Kueue's in which they wait for their turn."""
SPLIT_LABEL = "chrisproject.org/split"
"""On the Job of several workers: how they share the input."""
WORKFLOW_LABEL = "chrisproject.org/workflow"
"""On a run of a Workflow: the Workflow's name, cut to a label's 63 characters."""
WORKFLOW_UID_LABEL = "chrisproject.org/workflow-uid"
"""On a run of a Workflow: its UID, which tells whose run it is."""
NODE_LABEL = "chrisproject.org/node"
"""On a run of a Workflow: the name of its node."""
CLUSTER_LABEL = "chrisproject.org/cluster"
"""On the objects of a run's attempts on another cluster: the UID of the cluster that the run belongs to."""
COMPUTE_LABEL = "chrisproject.org/compute"
"""On the same: the name of the ComputeResource."""
FINALIZER = "chrisproject.org/data"
"""On a PluginInstance: its data in Swift must be removed before it may go."""

_MAX_BASE = 52  # a Job's name leaves 11 characters for the pod's suffix within a label's 63
_MAX_LABEL = 63
_HASH_LENGTH = 8


def attempt_name(instance: str, number: int) -> str:
    """Name of the Job and Secret of one attempt: `<instance>-<number>`.

    Long names are cut and hashed, so that two long names that begin alike stay apart:

    >>> attempt_name("register", 1)
    'register-1'
    >>> len(attempt_name("x" * 253, 1)) <= 54
    True
    """
    base = instance.replace(".", "-")
    if base != instance or len(base) > _MAX_BASE:
        base = f"{base[: _MAX_BASE - _HASH_LENGTH - 1].rstrip('-')}-{_hash(instance)}"
    return f"{base}-{number}"


def node_run_name(workflow: str, node: str) -> str:
    """Name of the PluginInstance that a Workflow makes of a node: `<workflow>-<node>`.

    Of long ones the Workflow's name is cut and hashed, since the node's tells people more:

    >>> node_run_name("to-mni-1", "register")
    'to-mni-1-register'
    >>> len(node_run_name("x" * 253, "y" * 63)), node_run_name("x" * 253, "register").endswith("-register")
    (117, True)
    """
    name = f"{workflow}-{node}"
    if len(name) <= _MAX_LABEL:
        return name
    return f"{workflow[: _MAX_BASE - _HASH_LENGTH].rstrip('-.')}-{_hash(name)}-{node}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def label_value(text: str) -> str:
    """Text cut to what a label's value may hold: 63 characters that end in a letter or digit."""
    return text[:_MAX_LABEL].rstrip("-._")


def feed_prefix(user: str, feed_id: int) -> str:
    """Everything of one feed in Swift; ends in `/`, so that feed_1 never matches feed_10."""
    return f"home/{user}/feeds/feed_{feed_id}/"


def run_prefix(user: str, feed_id: int, run_id: int) -> str:
    """Everything of one run in Swift."""
    return f"{feed_prefix(user, feed_id)}runs/{run_id}/"


def attempt_prefix(user: str, feed_id: int, run_id: int, attempt: int) -> str:
    """Everything that one attempt may write."""
    return f"{run_prefix(user, feed_id, run_id)}attempts/{attempt}/"


_RUN = re.compile(r"home/[^/]+/feeds/feed_[0-9]+/runs/([0-9]+)/")


def referenced(prefixes: Iterable[str]) -> tuple[int, ...]:
    """Numbers of the runs in whose directories these prefixes lie, each once, in order.

    >>> referenced(["home/a/feeds/feed_1/runs/12/attempts/1/", "home/a/uploads/x/", "home/a/feeds/feed_1/runs/3/"])
    (3, 12)
    """
    found = (_RUN.match(prefix) for prefix in prefixes)
    return tuple(sorted({int(match[1]) for match in found if match}))


def logical_path(user: str, feed_id: int, chain: Sequence[tuple[str, int]]) -> str:
    """The path of a run's data as ChRIS's clients see it; `chain` is (plugin name, run id) from the root.

    >>> logical_path("alice", 3, [("pl-sample-t1", 7), ("pl-register", 8)])
    'home/alice/feeds/feed_3/pl-sample-t1_7/pl-register_8/data'
    """
    nodes = "/".join(f"{plugin}_{run}" for plugin, run in chain)
    return f"{feed_prefix(user, feed_id)}{nodes}/data"
