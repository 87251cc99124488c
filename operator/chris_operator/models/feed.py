"""Feed: one analysis. It owns its instances."""

from typing import Annotated, ClassVar

from pydantic import Field

from chris_operator.models.base import Count, Model, Resource, Rule, Spec, UserName
from chris_operator.models.conditions import Conditions
from chris_operator.models.meta import ObjectMeta

_SET = {"x-kubernetes-list-type": "set"}
Tag = Annotated[str, Field(min_length=1, max_length=100)]


class FeedSpec(Spec):
    """What the analysis is called and who may see it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=None,  # lists of type set
            message="Duplicate value: name every tag and every user of sharedWith once",
            holds=lambda s: all(len(set(entries)) == len(entries) for entries in (s.tags, s.shared_with)),
        ),
    )

    title: Annotated[str, Field(max_length=200)] = ""
    """Title that people read; empty: the Feed's name."""
    note: Annotated[str, Field(max_length=16384)] = ""
    """Free text about the analysis."""
    tags: Annotated[tuple[Tag, ...], Field(max_length=50, json_schema_extra=_SET)] = ()
    """Words to find the analysis by."""
    shared_with: Annotated[tuple[UserName, ...], Field(max_length=100, json_schema_extra=_SET)] = ()
    """Users who may read the analysis and its data."""
    public: Annotated[bool, Field(strict=True)] = False
    """Whether everybody may read the analysis and its data."""


class InstanceCounts(Model):
    """How many runs of the analysis are in which state."""

    waiting: Count = 0
    """Runs that wait for something."""
    running: Count = 0
    """Runs that have been handed to the cluster and have not ended."""
    succeeded: Count = 0
    """Runs whose output is complete."""
    failed: Count = 0
    """Runs that ended in an error."""
    cancelled: Count = 0
    """Runs that were ended by their user."""


class FeedStatus(Model):
    """What the operator knows about the analysis."""

    id: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Number of the Feed; it names the Feed's place in Swift."""
    observed_generation: Count | None = None
    """Generation of the Feed that this status tells about."""
    conditions: Conditions = ()
    """Ready, and kstatus's Reconciling and Stalled."""
    instances: InstanceCounts | None = None
    """Number of runs by state."""


class Feed(Resource):
    """One analysis: a tree of runs with a title, a note, tags and those it is shared with."""

    plural: ClassVar[str] = "feeds"
    namespaced: ClassVar[bool] = True

    metadata: ObjectMeta
    spec: FeedSpec = FeedSpec()
    status: FeedStatus = FeedStatus()
