"""The Job and Secret of one attempt, built as plain dictionaries.

One pod per attempt: `stage-in` pulls the inputs, `plugin` runs the program under the `run` script, `publish`
waits for the kernel to tell it the plugin's end and pushes what was written. Only our own two containers see the
Secret with the attempt's TempURLs.

Where the cluster mounts images as volumes, all three start together (`PodSettings.fast_start`) and the plugin's
container finds `run` and busybox in our image; elsewhere `stage-in` is an init container that lays them out too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chris_operator.staging import contract

from . import demand, indexed, observe
from .demand import GIB, MIB, GpuSettings, Manifest, Priority, Resources
from .names import (
    ATTEMPT_LABEL,
    EGRESS_LABEL,
    QUEUE_LABEL,
    RUN_LABEL,
    RUN_UID_LABEL,
    SPLIT_LABEL,
    attempt_name,
    label_value,
)

INCOMING = contract.INCOMING_DIR
OUTGOING = contract.OUTGOING_DIR
TOOLS = contract.TOOLS_DIR
STATE = contract.STATE_DIR
CHECKPOINT = contract.CHECKPOINT_DIR
JOB = contract.JOB_DIR
UID = 65532
"""The user id of every container, unless the namespace carries a range of its own (OpenShift)."""

_TOOLS_BYTES = 16 * MIB
_STATE_BYTES = 4 * GIB  # the plugin's whole log passes through it
_INPUT_SLACK = 256 * MIB


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What is the same for every pod of this installation."""

    staging_image: str
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: Sequence[str] = ()
    grace_seconds: int = 30
    gpu: GpuSettings = field(default_factory=GpuSettings)
    fast_start: bool = False
    """The cluster mounts images as volumes: the tools come so, and stage-in starts beside the others."""

    @property
    def tools(self) -> str:
        """Where the plugin's container finds `run` and busybox.

        The whole image is mounted: containerd before 2.2 ignores a `subPath` of images without a word.
        """
        return f"{TOOLS}{contract.IMAGE_TOOLS_DIR}" if self.fast_start else TOOLS


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a run, ready to be written down as a pod."""

    namespace: str
    instance: str
    uid: str
    number: int
    image: str
    command: Sequence[str]
    resources: Resources
    environment: Mapping[str, str] = field(default_factory=dict)
    input_bytes: int = 0
    fixed_user: bool = True
    """Set our own user id; False where the namespace's range must choose it."""
    network: str = "none"
    """What the plugin may reach besides Swift: `none`, or `egress` for everything."""
    deadline_seconds: int | None = None
    """How long the program may run once its input is there; `run` stops it then."""
    checkpoint: bool = False
    """The program keeps its state in a directory of its own, which outlives its pod."""
    priority: Priority = "normal"
    priority_class: str | None = None
    """Another cluster's name for that priority, empty for its default; None: ours."""
    queue: str = ""
    """Queue of Kueue's; empty where the Job may start at once."""
    fan: indexed.Fan | None = None
    """How several workers share the work; None: one pod does it."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    remote_name: str = ""
    """Name of the Job and the Secret on another cluster; empty: they live beside the run and are named after it."""
    remote_labels: Mapping[str, str] = field(default_factory=dict)
    """What tells on another cluster whose they are, in place of owners."""

    @property
    def name(self) -> str:
        """Name of the Job and the Secret."""
        return self.remote_name or attempt_name(self.instance, self.number)


def _labels(attempt: Attempt) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": "chris-operator",
        RUN_UID_LABEL: attempt.uid,
        RUN_LABEL: label_value(attempt.instance),
        ATTEMPT_LABEL: str(attempt.number),
        **({SPLIT_LABEL: attempt.fan.split} if attempt.fan else {}),
        **attempt.remote_labels,
    }


def owner_reference(instance: str, uid: str) -> Manifest:
    """Make an object go when its PluginInstance goes."""
    return {
        "apiVersion": "chrisproject.org/v1alpha1",
        "kind": "PluginInstance",
        "name": instance,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def _metadata(attempt: Attempt) -> Manifest:
    owners = [] if attempt.remote_name else [owner_reference(attempt.instance, attempt.uid)]
    return {
        "name": attempt.name,
        "namespace": attempt.namespace,
        "labels": _labels(attempt),
        **({"ownerReferences": owners} if owners else {}),
    }


def secret(attempt: Attempt, job_json: str) -> Manifest:
    """The Secret that tells our two containers what to move; `job_json` is an encoded StageJob."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(attempt),
        "type": "chrisproject.org/stage-job",
        "stringData": {"job.json": job_json},
    }


_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _mount(volume: str, path: str, *, read_only: bool = False) -> Manifest:
    return {"name": volume, "mountPath": path} | ({"readOnly": True} if read_only else {})


def _checkpoint(attempt: Attempt) -> list[Manifest]:
    """The mount of the program's state, alike in all containers."""
    return [_mount("checkpoint", CHECKPOINT)] if attempt.checkpoint else []


def _staging_container(
    name: str, settings: PodSettings, mounts: list[Manifest], resources: Manifest
) -> Manifest:
    return {
        "name": name,
        "image": settings.staging_image,
        "imagePullPolicy": settings.image_pull_policy,
        "args": [name],
        "env": [{"name": "TMPDIR", "value": STATE}],
        "volumeMounts": [_mount("job", JOB, read_only=True), _mount("state", STATE), *mounts],
        "securityContext": _SECURITY | {"readOnlyRootFilesystem": True},
        "resources": resources,
    }


def _plugin_container(attempt: Attempt, settings: PodSettings, disk: int) -> Manifest:
    environment = {"HOME": "/tmp", "USER": "chris", **attempt.environment}  # noqa: S108  the pod's own
    if attempt.checkpoint:
        environment[contract.CHECKPOINT_VARIABLE] = CHECKPOINT
    limit = attempt.deadline_seconds
    deadline = [] if limit is None else [str(limit), str(settings.grace_seconds)]
    return {
        "name": observe.PLUGIN,
        "image": attempt.image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": [f"{settings.tools}/busybox", "sh", f"{settings.tools}/run", STATE, *deadline, "--"],
        "args": [_escape(word) for word in attempt.command],
        "env": [
            *({"name": name, "value": _escape(value)} for name, value in environment.items()),
            *(indexed.program_environment(attempt.fan) if attempt.fan else ()),
        ],
        "volumeMounts": [
            _mount("tools", TOOLS, read_only=True),
            _mount("state", STATE),
            _mount("incoming", INCOMING, read_only=True),
            _mount("outgoing", OUTGOING),
            *_checkpoint(attempt),
        ],
        "securityContext": _SECURITY,
        "resources": demand.plugin(attempt.priority, attempt.resources, disk, settings.gpu),
    }


def _escape(text: str) -> str:
    """Keep Kubernetes from expanding `$(NAME)` in a user's value."""
    return text.replace("$", "$$")


def _volumes(attempt: Attempt, settings: PodSettings, input_limit: int) -> list[Manifest]:
    def scratch(name: str, size: int) -> Manifest:
        return {"name": name, "emptyDir": {"sizeLimit": str(size)}}

    image = {"reference": settings.staging_image, "pullPolicy": settings.image_pull_policy}
    return [
        {"name": "job", "secret": {"secretName": attempt.name}},
        {"name": "tools", "image": image} if settings.fast_start else scratch("tools", _TOOLS_BYTES),
        scratch("state", _STATE_BYTES),
        scratch("incoming", input_limit),
        scratch("outgoing", attempt.resources.disk_bytes),
        *([scratch("checkpoint", attempt.resources.disk_bytes)] if attempt.checkpoint else []),
    ]


def _priority_class(attempt: Attempt) -> Manifest:
    theirs = attempt.priority_class
    name = demand.priority_class(attempt.priority) if theirs is None else theirs
    return {"priorityClassName": name} if name else {}


def pod_spec(attempt: Attempt, settings: PodSettings) -> Manifest:
    """The pod of one attempt."""
    input_limit = attempt.input_bytes + _INPUT_SLACK
    written = attempt.resources.disk_bytes * (2 if attempt.checkpoint else 1)
    disk = written + input_limit + _STATE_BYTES
    lay_out = [] if settings.fast_start else [_mount("tools", TOOLS)]
    stage_in = _staging_container(
        observe.STAGE_IN,
        settings,
        [*lay_out, _mount("incoming", INCOMING), *_checkpoint(attempt)],
        demand.staging(attempt.priority, input_limit),
    )
    publish = _staging_container(
        observe.PUBLISH,
        settings,
        [_mount("outgoing", OUTGOING), *_checkpoint(attempt)],
        demand.staging(attempt.priority, _STATE_BYTES),
    )
    beside = [stage_in] if settings.fast_start else []
    user = {"runAsUser": UID, "runAsGroup": UID} if attempt.fixed_user else {}
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.grace_seconds,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} | user,
        **({} if settings.fast_start else {"initContainers": [stage_in]}),
        # The kubelet starts them one after the other: first those that take longest to be ready.
        "containers": [*beside, publish, _plugin_container(attempt, settings, disk)],
        "volumes": _volumes(attempt, settings, input_limit),
        **_priority_class(attempt),
    }
    if claims := demand.gpu_claims(attempt.resources, settings.gpu):
        spec["resourceClaims"] = claims
    if settings.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return spec


_DEFAULT_CONTAINER = {"kubectl.kubernetes.io/default-container": observe.PLUGIN}
"""`kubectl logs` and `kubectl exec` without -c mean the program."""


_ONE_POD = {"backoffLimit": 0, "completions": 1, "parallelism": 1}


def job(attempt: Attempt, settings: PodSettings) -> Manifest:
    """The Job of one attempt; the operator, not the Job controller, decides about retries."""
    labels = _labels(attempt)
    if attempt.network != "none":
        labels[EGRESS_LABEL] = attempt.network
    metadata = _metadata(attempt)
    if attempt.queue:
        metadata["labels"] |= {QUEUE_LABEL: attempt.queue}
    limited = attempt.deadline_seconds is not None
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            **({"suspend": True} if attempt.queue else {}),  # from here on Kueue's to write
            **(indexed.job_spec(attempt.fan, limited=limited) if attempt.fan else _ONE_POD),
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {"labels": labels, "annotations": _DEFAULT_CONTAINER | dict(attempt.annotations)},
                "spec": pod_spec(attempt, settings),
            },
        },
    }
