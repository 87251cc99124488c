"""From raw objects to `Observed`: the one place where dictionaries become models."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from chris_operator.core import fanout, healing
from chris_operator.core.links import LINK_ONLY
from chris_operator.core.names import ATTEMPT_LABEL, USER_LABEL
from chris_operator.core.observe import JobFacts, PodFacts, job_facts, pod_facts
from chris_operator.core.observed import Given, Observed, Settings, Tenant
from chris_operator.core.site import Site
from chris_operator.core.summary import trusted_image
from chris_operator.models.base import explain
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import Plugin
from chris_operator.models.plugininstance import (
    PluginInstance,
    PluginInstanceSpec,
    PluginInstanceStatus,
    PluginReference,
)

from .indexes import has_user_range, labels_of
from .world import World

Object = dict[str, Any]
_MAX_ANCESTORS = 1_000


def model_of(body: Object) -> tuple[PluginInstance, str | None]:
    """The model and, where the resource cannot be read, why not."""
    try:
        return PluginInstance.model_validate(body), None
    except ValidationError as error:
        reason = f"the resource breaks today's schema: {explain(error)}"
    plugin = (body.get("spec") or {}).get("plugin") or {}
    bare = PluginInstanceSpec.model_validate(
        {"plugin": {"name": str(plugin.get("name") or "-"), "version": str(plugin.get("version") or "-")}}
    )
    readable = {"metadata": body["metadata"], "spec": bare, "status": _status(body)}
    return PluginInstance.model_validate(readable), reason


def _status(body: Object) -> PluginInstanceStatus:
    """What the run has told so far: its number and output must outlive a change of the spec's rules."""
    try:
        return PluginInstanceStatus.model_validate(body.get("status") or {})
    except ValidationError:
        return PluginInstanceStatus()


def parent_of(world: World, namespace: str, name: str) -> PluginInstance | None:
    """The instance whose output is to be read; None where there is none, or soon will be."""
    body = world.instance(namespace, name)
    if body is None or body["metadata"].get("deletionTimestamp"):
        return None
    return model_of(body)[0]


def _circle(world: World, namespace: str, instance: PluginInstance) -> tuple[str, ...]:
    """The names upwards, from a parent to the run itself, along which it would be its own ancestor; else empty."""
    own = instance.metadata.name
    below: dict[str, str | None] = dict.fromkeys(instance.spec.previous)
    ahead = deque(below)
    while ahead and len(below) < _MAX_ANCESTORS:
        name = ahead.popleft()
        if name == own:
            return _way(below, own)
        body = world.instance(namespace, name)
        for up in (body or {}).get("spec", {}).get("previous") or ():
            if up not in below:
                below[up] = name
                ahead.append(up)
    return ()


def _way(below: dict[str, str | None], last: str) -> tuple[str, ...]:
    chain = [last]
    while (name := below[chain[-1]]) is not None:
        chain.append(name)
    return tuple(reversed(chain))


def tenant_of(world: World, namespace: str) -> Tenant:
    """Whom a namespace works for."""
    body = world.namespace(namespace)
    if body is None:
        return Tenant(namespace)
    user = labels_of(body).get(USER_LABEL) or None
    claims = world.namespaces_of(user) if user else []
    return Tenant(
        namespace,
        user=user,
        rival=claims[0] if claims and claims[0] != namespace else None,
        fixed_user=not has_user_range(body),
        deleted=bool(body["metadata"].get("deletionTimestamp")),
    )


def _tenant_at(world: World, namespace: str, site: Site) -> Tenant:
    tenant = tenant_of(world, namespace)
    return replace(tenant, fixed_user=site.fixed_user) if site.name else tenant


def _feed_name(instance: PluginInstance, parent: PluginInstance | None) -> str | None:
    if instance.spec.feed:
        return instance.spec.feed
    if not instance.spec.previous:
        return instance.metadata.name
    return parent.status.feed if parent else instance.status.feed


def plugin_of(world: World, wanted: PluginReference) -> Plugin | None:
    """The registered Plugin of this name and version."""
    body = world.plugin(wanted.name, wanted.version)
    return Plugin.model_validate(body) if body else None


class _Pods(NamedTuple):
    current: PodFacts
    """That of the attempt that the status names, or the newest where it names none."""
    older: tuple[PodFacts, ...]
    crew: tuple[PodFacts, ...]


def _pods(world: World, instance: PluginInstance, jobs: Sequence[JobFacts], site: str) -> _Pods:
    attempt = instance.status.attempt
    pods = sorted(
        world.pods(instance.metadata.uid, site),
        key=lambda pod: pod["metadata"].get("creationTimestamp") or "",
    )
    facts = [(labels_of(pod).get(ATTEMPT_LABEL), pod_facts(pod)) for pod in pods]
    every = tuple(pod for _, pod in facts)
    ours = tuple(pod for number, pod in facts if attempt is None or number == str(attempt.number))
    if not ours:
        return _Pods(PodFacts(), every, ())
    if ours[-1].index is None:
        return _Pods(ours[-1], tuple(pod for pod in every if pod is not ours[-1]), ())
    over = all(job.over for job in jobs if attempt is None or job.number == attempt.number)
    return _Pods(fanout.as_one(ours, over=over), every, ours)


def observed(
    world: World,
    settings: Settings,
    body: Object,
    given: Given,
    site: Site = Site(),  # noqa: B008  a frozen value
) -> Observed:
    """Everything that a plan about this PluginInstance may look at; its pods live on `site`."""
    told, malformed = model_of(body)
    jobs = tuple(job_facts(job, ATTEMPT_LABEL) for job in world.jobs(told.metadata.uid, site.name))
    instance = healing.healed(told, jobs)
    pods = _pods(world, instance, jobs, site.name)
    plugin = plugin_of(world, instance.spec.plugin)
    namespace = instance.metadata.namespace
    parents = {name: parent_of(world, namespace, name) for name in instance.spec.previous}
    first = parents.get(instance.spec.previous[0]) if instance.spec.previous else None
    feed_name = _feed_name(instance, first)
    feed = world.feed(namespace, feed_name) if feed_name else None
    return Observed(
        instance=instance,
        tenant=_tenant_at(world, namespace, site),
        settings=settings,
        plugin=plugin.spec if plugin else None,
        image=trusted_image(plugin) if plugin else None,
        feed=Feed.model_validate(feed) if feed else None,
        feed_name=feed_name,
        parents=parents,
        # Parents are fixed at creation, so a run that has started was no circle when it mattered.
        circle=() if instance.status.attempt else _circle(world, namespace, instance),
        cancelled_by=world.cancelled_ancestor(namespace, instance.spec.previous),
        jobs=jobs,
        pod=pods.current,
        older=pods.older,
        crew=pods.crew,
        mended=instance is not told,
        given=given,
        malformed=malformed,
        no_pod=instance.spec.plugin.name in LINK_ONLY,
        site=site,
    )
