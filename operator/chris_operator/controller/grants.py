"""Orders for an attempt's two containers: what to move, and TempURLs for exactly that, kept valid.

A TempURL lives long enough for most runs' queueing, work and publishing. For those that take longer it is
renewed at half its life, in the attempt's Secret; staging reads the file again when Swift says 401.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from chris_operator.cluster import SECRETS, Cluster, NotFound
from chris_operator.core import inputs
from chris_operator.core.observe import JobFacts
from chris_operator.core.observed import Observed
from chris_operator.core.plan import final_condition
from chris_operator.core.resources import disk
from chris_operator.staging.contract import (
    SPLITS,
    Grant,
    InputRef,
    Limits,
    RunRef,
    Share,
    StageJob,
    SwiftEndpoint,
)
from chris_operator.storage import Storage

from . import checkpoints
from .facts import Facts
from .settings import OperatorSettings
from .sites import Sites


class Grants:
    """Signs orders and renews them while their pods live."""

    def __init__(
        self, cluster: Cluster, sites: Sites, storage: Storage, facts: Facts, settings: OperatorSettings
    ) -> None:
        self._cluster, self._sites = cluster, sites
        self._storage, self._facts, self._settings = storage, facts, settings
        self._signed: dict[tuple[str, int], datetime] = {}

    async def order(
        self, o: Observed, number: int, prefixes: tuple[str, ...], now: datetime, share: Share | None = None
    ) -> StageJob:
        """The order of one attempt; `prefixes` are what it may read, relative to the container."""
        # The first use of the key and the address may ask Swift; afterwards both are remembered.
        signed = await asyncio.to_thread(self._sign, o, number, prefixes, now)
        self._signed[o.instance.metadata.uid, number] = now
        # Workers that share a run begin anew when they are tried again: there is one state, and it is nobody's.
        return replace(signed, share=share, checkpoint=None if share else signed.checkpoint)

    def _sign(self, o: Observed, number: int, prefixes: tuple[str, ...], now: datetime) -> StageJob:
        meta, run_id = o.instance.metadata, o.instance.status.id or o.given.run_id or 0
        storage = self._sites.swifts.of(o.site) or self._storage
        expires = int((now + self._settings.url_lifetime).timestamp())

        def grant(method: str, prefix: str) -> Grant:
            return Grant(storage.path(prefix), storage.sign(method, prefix, expires))

        checkpoint, restorable = checkpoints.order(storage, o, number, grant)
        return StageJob(
            run=RunRef(namespace=meta.namespace, name=meta.name, uid=meta.uid, id=run_id, attempt=number),
            swift=SwiftEndpoint(self._swift_url(o, storage), storage.ca_bundle),
            inputs=tuple(
                InputRef(manifest=storage.path(each.manifest), digest=each.digest, into=each.into)
                for each in inputs.of(o)
            ),
            get=tuple(grant("GET", prefix) for prefix in (*prefixes, *restorable)),
            put=grant("PUT", inputs.own_prefix(o, number)),
            limits=Limits(output_bytes=disk(o.instance.spec, o.plugin) if o.plugin else None),
            checkpoint=checkpoint,
        )

    def _swift_url(self, o: Observed, storage: Storage) -> str:
        """Where the run's pods reach Swift."""
        there = o.site.spec.swift_url if o.site.spec else None
        ours = None if o.site.own_swift else self._settings.swift_url
        return there or ours or storage.url

    async def renew(self, o: Observed, now: datetime | None = None) -> timedelta | None:
        """Renew the living attempt's order where half its life is over; returns when to look again.

        After a restart nobody knows when an order was signed, so its Job's creation counts.
        """
        now = now or self._cluster.clock.now()
        attempt, uid = o.instance.status.attempt, o.instance.metadata.uid
        job = next((job for job in o.jobs if attempt and job.number == attempt.number), None)
        if o.site.problem or o.site.storage_problem:
            return None  # looked at again when its cluster is back
        if attempt is None or attempt.ended or job is None or job.deleted or final_condition(o.instance):
            self._signed = {key: when for key, when in self._signed.items() if key[0] != uid}
            return None
        signed = self._signed.get((uid, attempt.number)) or job.created or now
        half = self._settings.url_lifetime / 2
        if now < signed + half:
            return signed + half - now
        complete = await self._facts.inputs_again(o)
        fresh = await self.order(complete, attempt.number, inputs.readable(complete), now, _share(job))
        patch = {"stringData": {"job.json": fresh.to_json()}}
        name, cluster = o.attempt_name(attempt.number), self._sites.cluster(o.site)
        try:
            await cluster.merge(SECRETS, name, o.namespace, patch)
        except NotFound:
            return None  # somebody deleted it; the plan sees to that
        return half


def _share(job: JobFacts) -> Share | None:
    """How a living attempt's workers share the work: as its Job was made."""
    split = next((each for each in SPLITS if each == job.split), None)
    return Share(split, job.workers) if split and job.workers else None
