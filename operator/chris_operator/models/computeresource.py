"""ComputeResource: another cluster where runs may go. This cluster needs none: runs that name none stay here."""

from typing import Annotated, ClassVar

from pydantic import Field

from chris_operator.models.base import (
    INT32_MAX,
    Count,
    Model,
    ObjectName,
    Resource,
    Rule,
    Spec,
)
from chris_operator.models.conditions import Conditions
from chris_operator.models.meta import ObjectMeta
from chris_operator.models.plugininstance import ByteQuantity, CpuQuantity

_NAME_MAX = 63  # a label's value carries it
Namespace = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
AnyUser = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^(\*|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$")
]
Url = Annotated[str, Field(max_length=500, pattern=r"^https?://[^/?#@\s]+$")]


class ComputeLimits(Spec):
    """The most that one pod may ask for there; what is left out is not limited."""

    cpu: CpuQuantity | None = None
    """CPU as a Kubernetes quantity: 500m, or 2 for two cores."""
    memory: ByteQuantity | None = None
    """Memory as a Kubernetes quantity: 2Gi."""
    gpu: Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)] | None = None
    """Number of GPUs."""
    ephemeral_storage: ByteQuantity | None = None
    """Disk for input and output as a Kubernetes quantity: 10Gi."""


class PriorityClasses(Spec):
    """Names of that cluster's PriorityClasses; a priority without one gets that cluster's default."""

    urgent: ObjectName | None = None
    """For runs whose priority is urgent."""
    normal: ObjectName | None = None
    """For runs whose priority is normal."""
    slack: ObjectName | None = None
    """For runs whose priority is slack."""


class ComputeResourceSpec(Spec):
    """How to reach the other cluster, who may use it, and what one may ask for there."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.__namespace__ == oldSelf.__namespace__",  # a word of CEL's own, so it is written like this
            message="namespace cannot change after creation; create another ComputeResource",
            field=".namespace",
        ),
    )

    kubeconfig_secret: ObjectName
    """Secret of the operator's namespace whose key `kubeconfig` holds a kubeconfig: server, certificate authority and
    a token or client certificate, all within the file."""
    namespace: Namespace
    """Namespace of the other cluster in which all pods run."""
    users: Annotated[
        tuple[AnyUser, ...],
        Field(max_length=1000, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Users whose runs may go there, `*` for all: their data leave this cluster, so it is said for each."""
    swift_secret: ObjectName | None = None
    """Secret of the operator's namespace with the credentials (ST_* or OS_*) of a Swift of that cluster's own, and its
    authority's certificate as `ca.crt`: inputs are sent there and outputs fetched; left out: pods there use ours."""
    swift_url: Url | None = None
    """Scheme, host and port at which pods there reach Swift; left out: as pods here do, or as its own login says."""
    dns_ports: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=1, le=65535)], ...],
        Field(min_length=1, max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = (53,)
    """Ports of that cluster's DNS behind its Service (5353 on OpenShift), for its NetworkPolicies."""
    image_pull_secrets: Annotated[
        tuple[ObjectName, ...], Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Names of Secrets of that namespace with which its pods pull images."""
    limits: ComputeLimits | None = None
    """The most that one pod may ask for there."""
    priority_classes: PriorityClasses | None = None
    """Names of that cluster's PriorityClasses."""

    def admits(self, user: str | None) -> bool:
        """Whether a user's runs may go there."""
        return "*" in self.users or (user is not None and user in self.users)


class ComputeResourceStatus(Model):
    """What the operator knows about the other cluster."""

    observed_generation: Count | None = None
    """Generation of the ComputeResource that this status tells about."""
    conditions: Conditions = ()
    """Ready, and kstatus's Stalled while the cluster cannot be used."""
    version: str | None = None
    """Version of its Kubernetes."""


class ComputeResource(Resource):
    """Another cluster where runs may go."""

    plural: ClassVar[str] = "computeresources"
    namespaced: ClassVar[bool] = False
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"size(self.metadata.name) <= {_NAME_MAX}",
            message=f"metadata.name is longer than {_NAME_MAX} characters, and a label must hold it; shorten it",
            holds=lambda c: len(c.metadata.name) <= _NAME_MAX,
        ),
    )

    metadata: ObjectMeta
    spec: ComputeResourceSpec
    status: ComputeResourceStatus = ComputeResourceStatus()
