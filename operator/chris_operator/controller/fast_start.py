"""Whether this cluster mounts images as volumes, so that all containers of a pod can start together."""

import asyncio
import logging
from dataclasses import replace

from chris_operator.cluster import Cluster, ClusterError, Unreachable

from .settings import FastStart, OperatorSettings

log = logging.getLogger(__name__)
_LEAST = (1, 35)
"""From this version on Kubernetes mounts images without being told to (feature gate `ImageVolume`)."""
_RETRY_SECONDS = 2.0


async def decided(
    cluster: Cluster, options: OperatorSettings, retry_seconds: float = _RETRY_SECONDS
) -> OperatorSettings:
    """The settings with the pods' way to start; waits for an API server that does not answer."""
    fast = options.fast_start is FastStart.ON
    if options.fast_start is FastStart.AUTO:
        fast = mounts_images(await _version(cluster, retry_seconds))
    log.info("fast start is %s (CHRIS_FAST_START=%s)", "on" if fast else "off", options.fast_start.value)
    plans = options.plans
    return replace(options, plans=replace(plans, pods=replace(plans.pods, fast_start=fast)))


def mounts_images(version: tuple[int, int]) -> bool:
    """Whether a cluster of this version mounts images as volumes.

    >>> mounts_images((1, 36)), mounts_images((1, 34))
    (True, False)
    """
    return version >= _LEAST


async def _version(cluster: Cluster, retry_seconds: float) -> tuple[int, int]:
    while True:
        try:
            return await cluster.version()
        except Unreachable as error:
            log.warning("the API server's version is not known yet: %s", error)
        except ClusterError as error:
            log.warning("the API server does not tell its version, so pods start the slow way: %s", error)
            return 0, 0
        await asyncio.sleep(retry_seconds)
