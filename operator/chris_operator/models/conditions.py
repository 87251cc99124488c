"""Conditions: what Kubernetes' tools (kubectl wait, Flux, Argo CD) read to learn how an object is doing."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from chris_operator.models.base import Count, Model, Timestamp


class ConditionType(StrEnum):
    """The types that we write; `Reconciling` and `Stalled` are kstatus's."""

    SUCCEEDED = "Succeeded"
    READY = "Ready"
    CACHEABLE = "Cacheable"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Condition(Model):
    """One observation of the object's state, in the form of Kubernetes' metav1.Condition."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What is observed, for example Succeeded or Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so; Unknown while it is being found out."""
    reason: Annotated[
        str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, in a sentence for people; never text from a log, never a file name."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Count | None = None
    """The generation of the object that was observed."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]
"""At most one condition of each type."""


def find(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of a type, None where nothing has been observed yet."""
    return next((condition for condition in conditions if condition.type == kind), None)
