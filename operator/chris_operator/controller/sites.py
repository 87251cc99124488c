"""Clusters elsewhere: connected, listened to, asked whether they can be used, and rid of what belongs to no run.

One connection and one pair of watches per ComputeResource. Whether it can be used is decided by `look` alone; a watch
that breaks only asks for one. After each loss everything is listed anew, so nothing that happened meanwhile is missed.
"""

import asyncio
import logging
import ssl
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import yaml

from chris_operator.cluster import JOBS, NAMESPACES, PODS, SECRETS, Clock, Cluster, Resource, Unreachable
from chris_operator.core import compute, kubeconfig
from chris_operator.core.compute import Finding
from chris_operator.core.links import LINK_ONLY
from chris_operator.core.observed import Settings
from chris_operator.core.site import Site
from chris_operator.models.computeresource import ComputeResource

from . import metrics
from .fences import Fences
from .handlers import Ear, compute_key, runs_at
from .indexes import compute_of
from .informer import Informer
from .probe import Seen, probe
from .queue import WorkQueue
from .settings import FastStart, NetworkSettings, OperatorSettings
from .swifts import Swifts
from .world import World

log = logging.getLogger(__name__)
KEY = "kubeconfig"
"""Of the Secret's data."""
_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
"""A cluster that answers and has not listed what is there after so long cannot be used."""


@dataclass
class _Link:
    """The connection to one other cluster, as long as its kubeconfig stays."""

    access: kubeconfig.Access
    network: NetworkSettings
    cluster: Cluster
    fences: Fences
    watches: list[asyncio.Task[None]] = field(default_factory=list)
    unlisted: set[Resource] = field(default_factory=set)
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    """Loop time at which it was made, or listened to."""

    @property
    def known(self) -> bool:
        """Whether all that is there was listed, and is listened to."""
        return bool(self.watches) and not self.unlisted


class Sites:
    """All places where pods run: this cluster, and those that ComputeResources name."""

    def __init__(
        self,
        cluster: Cluster,
        world: World,
        queue: WorkQueue,
        settings: OperatorSettings,
        complete: Callable[[], None],
    ) -> None:
        """`complete` is called when all of another cluster is known, again after each loss."""
        self._cluster, self._world, self._queue, self._settings = cluster, world, queue, settings
        self._complete, self._home = complete, ""
        self._fences = Fences(cluster, settings.network)
        self.swifts = Swifts(cluster, settings.namespace)
        self._links: dict[str, _Link] = {}
        self._seen: dict[str, Seen] = {}
        self._failures: dict[str, int] = {}

    # -- what plans and their actions ask

    def of(self, run: Mapping[str, Any]) -> Site:
        """Where a run's pods live; one that only links has none, and needs no other cluster."""
        links = (run["spec"].get("plugin") or {}).get("name") in LINK_ONLY
        name = compute_of(run)
        return self.site(name) if name and not links else Site()

    def site(self, name: str) -> Site:
        """The place that a ComputeResource names, as it is known now."""
        body, link, seen = self._world.compute(name), self._links.get(name), self._seen.get(name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            return Site(name, problem="there is no such ComputeResource")
        spec = ComputeResource.model_validate(body).spec
        if seen is None:
            return Site(name, spec, self._home, problem="it is being looked at", connecting=True)
        if seen.finding.reachable and not (link and link.known):
            young = link is None or asyncio.get_running_loop().time() < link.since + _PATIENCE_SECONDS
            return Site(
                name, spec, self._home, problem="its Jobs and pods cannot be listed", connecting=young
            )
        words = "" if seen.finding.ready else seen.finding.message
        lost, without_swift = ("", words) if seen.finding.reachable else (words, "")
        return Site(name, spec, self._home, lost, without_swift, fixed_user=seen.fixed_user)

    def settings(self, site: Site) -> Settings:
        """How pods are made at a place."""
        plans = self._settings.plans
        if site.spec is None:
            return plans
        fast = site.name in self._seen and self._seen[site.name].fast_start
        pods = replace(
            plans.pods,
            fast_start=fast and self._settings.fast_start is not FastStart.OFF,
            image_pull_secrets=site.spec.image_pull_secrets,
        )
        return replace(plans, pods=pods)

    def cluster(self, site: Site) -> Cluster:
        """The API server of a place; raises Unreachable where there is no connection."""
        if not site.name:
            return self._cluster
        if site.name not in self._links:
            raise Unreachable(f"cluster {site.name}", 0, "there is no connection")
        return self._links[site.name].cluster

    def clock(self, site: Site) -> Clock:
        """The clock by which a place's Jobs and pods tell their times."""
        return self._links[site.name].cluster.clock if site.name in self._links else self._cluster.clock

    def fences(self, site: Site) -> Fences:
        """Who keeps the NetworkPolicies of a place."""
        return self._links[site.name].fences if site.name in self._links else self._fences

    # -- what keeps them up to date

    async def look(self, resource: ComputeResource) -> Finding:
        """Find out whether a cluster can be used now, and listen to it from then on as long as it can."""
        name = resource.metadata.name
        before = self._seen.get(name)
        seen = self._seen[name] = await self._look(resource)
        metrics.COMPUTE_READY.labels(name).set(seen.finding.ready)
        self._failures[name] = 0 if seen.finding.ready else self._failures.get(name, 0) + 1
        link = self._links.get(name)
        if link and seen.finding.reachable and not link.watches:
            self._listen(name, link)
        elif link and not seen.finding.reachable:
            await _hang_up(link)
        if before is None or before.finding.reason != seen.finding.reason:
            self._wake(name)
        return seen.finding

    def pause(self, name: str) -> timedelta:
        """When to look again."""
        return compute.pause(self._failures.get(name, 0))

    async def sweep(self, name: str) -> None:
        """Remove from a cluster whatever belongs to no run: some were let go while it could not be reached."""
        site = self.site(name)
        if site.problem:
            return
        for job in self._world.strays(name):
            meta = job["metadata"]
            log.info("%s: Job %s belongs to no run any more and is removed", name, meta["name"])
            await self.cluster(site).delete(SECRETS, meta["name"], meta["namespace"])
            await self.cluster(site).delete(JOBS, meta["name"], meta["namespace"], uid=meta["uid"])

    async def leave(self, name: str) -> None:
        """Forget a cluster whose ComputeResource is gone."""
        if self._seen.pop(name, None):
            metrics.COMPUTE_READY.remove(name)
        self._failures.pop(name, None)
        self.swifts.leave(name)
        await self._disconnect(name)

    async def _disconnect(self, name: str) -> None:
        link = self._links.pop(name, None)
        if link is not None:
            await _hang_up(link)
            await link.cluster.close()
        self._world.leave(name)

    async def close(self) -> None:
        """Leave all clusters: this replica ends, or leads no more."""
        for name in list(self._seen):
            await self.leave(name)

    # -- one cluster

    async def _look(self, resource: ComputeResource) -> Seen:
        try:
            link = await self._connect(resource)
        except _KubeconfigMissingError as error:
            return Seen(Finding("KubeconfigNotFound", str(error)))
        except kubeconfig.KubeconfigError as error:
            secret = f"Secret {self._settings.namespace}/{resource.spec.kubeconfig_secret}"
            return Seen(Finding("KubeconfigRefused", f"the kubeconfig of {secret} is refused: {error}"))
        seen = await probe(link.cluster, resource.spec)
        if not seen.finding.ready:
            return seen
        lack = await self.swifts.look(resource, self._home)
        return replace(seen, finding=replace(lack, version=seen.finding.version)) if lack else seen

    async def _connect(self, resource: ComputeResource) -> _Link:
        """The connection that the kubeconfig describes now: another one when its Secret has changed."""
        name = resource.metadata.name
        if not self._home:
            self._home = (await self._cluster.get(NAMESPACES, "kube-system"))["metadata"]["uid"]
        try:
            wanted = kubeconfig.access(await self._kubeconfig(resource.spec.kubeconfig_secret))
        except ValueError:
            await self._disconnect(name)
            raise
        network = NetworkSettings(dns_ports=resource.spec.dns_ports)
        link = self._links.get(name)
        if link is not None and (link.access, link.network) == (wanted, network):
            return link
        await self._disconnect(name)
        link = self._links[name] = _linked(wanted, network, self._cluster.silence)
        return link

    async def _kubeconfig(self, secret: str) -> Any:
        namespace = self._settings.namespace
        found = await self._cluster.find(SECRETS, secret, namespace)
        data = ((found or {}).get("data") or {}).get(KEY)
        if data is None:
            command = f"kubectl -n {namespace} create secret generic {secret} --from-file={KEY}=<file>"
            lack = f"has no key {KEY}" if found else "does not exist"
            raise _KubeconfigMissingError(f"Secret {namespace}/{secret} {lack}: create it with `{command}`")
        try:
            return yaml.safe_load(b64decode(data))
        except (yaml.YAMLError, UnicodeDecodeError):
            raise kubeconfig.KubeconfigError("it is no YAML") from None

    def _listen(self, name: str, link: _Link) -> None:
        site = self.site(name)
        if site.spec is None:
            return
        link.unlisted, link.since = {JOBS, PODS}, asyncio.get_running_loop().time()
        ear = Ear(self._world, self._queue, name)
        ear.awake = True
        for resource in (JOBS, PODS):
            informer = Informer(
                link.cluster,
                resource,
                ear,
                lambda listed: self._listed(name, link, listed),
                site.selector,
                site.spec.namespace,
                troubled=lambda _: self._queue.add(compute_key(name)),
            )
            link.watches.append(asyncio.create_task(self._follow(name, informer)))

    async def _follow(self, name: str, informer: Informer) -> None:
        """Listen until cancelled: nothing that another cluster says may end this process."""
        while True:
            try:
                await informer.run()
            except Exception:
                log.exception("%s: what it says about %s makes no sense", name, informer.resource.plural)
                self._queue.add(compute_key(name))
            await asyncio.sleep(_PAUSE_SECONDS)

    def _listed(self, name: str, link: _Link, resource: Resource) -> None:
        was_known = link.known
        link.unlisted.discard(resource)
        if link.known and not was_known:
            self._complete()
            self._queue.add(compute_key(name))

    def _wake(self, name: str) -> None:
        for key in runs_at(self._world, name):
            self._queue.add(key)


class _KubeconfigMissingError(ValueError):
    """The Secret is not there, or not as it must be."""


def _linked(access: kubeconfig.Access, network: NetworkSettings, silence: float) -> _Link:
    try:
        cluster = Cluster.elsewhere(
            access.server, access.authority, access.token, access.certificate + access.key
        )
    except ssl.SSLError as error:
        raise kubeconfig.KubeconfigError(
            f"its certificates or key cannot be read: {error.reason or error}"
        ) from None
    cluster.silence = silence
    return _Link(access, network, cluster, Fences(cluster, network))


async def _hang_up(link: _Link) -> None:
    for watch in link.watches:
        watch.cancel()
    await asyncio.gather(*link.watches, return_exceptions=True)
    link.watches.clear()
