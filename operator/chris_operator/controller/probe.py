"""One look at another cluster: whether it answers, is the one we trust, and lets us do what runs need."""

import asyncio
from dataclasses import dataclass
from typing import Any

from chris_operator.cluster import (
    ACCESS_REVIEWS,
    NAMESPACES,
    Cluster,
    ClusterError,
    Unreachable,
    Untrusted,
)
from chris_operator.core.compute import READY, RIGHTS, Finding, Right, missing_words
from chris_operator.models.computeresource import ComputeResourceSpec

from .fast_start import mounts_images
from .indexes import has_user_range

_PATIENCE = 10.0
"""Seconds for all questions together; a cluster that needs longer is of no use."""
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has shown of a cluster."""

    finding: Finding
    fast_start: bool = False
    """Whether it mounts images as volumes."""
    fixed_user: bool = True
    """False where its namespace carries a range of user ids of its own."""


async def probe(cluster: Cluster, spec: ComputeResourceSpec) -> Seen:
    """Ask another cluster; whatever it does wrong is a finding, not an error."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _ask(cluster, spec)
    except TimeoutError:
        return Seen(Finding("Unreachable", f"it has not answered within {_PATIENCE:.0f} s"))
    except ClusterError as error:
        return Seen(_judged(error))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Seen(_strange(type(error).__name__))


def _strange(words: str) -> Finding:
    return Finding(
        "StrangeAnswer",
        f"it does not answer as a Kubernetes API server does ({words}): correct the kubeconfig's server",
    )


def _judged(error: ClusterError) -> Finding:
    words = error.server_message
    if isinstance(error, Untrusted):
        return Finding(
            "CertificateRefused",
            f"its certificate is not from the kubeconfig's authority ({words}): correct certificate-authority-data",
        )
    if isinstance(error, Unreachable):
        return Finding("Unreachable", f"it does not answer ({words}); asked again until it does")
    if error.status == _UNAUTHORIZED:
        return Finding(
            "LoginRefused", f"it does not accept the kubeconfig's credentials ({words}): renew them"
        )
    return _strange(f"HTTP {error.status}")


async def _ask(cluster: Cluster, spec: ComputeResourceSpec) -> Seen:
    version = await cluster.version()
    answers = await asyncio.gather(*(_may(cluster, spec.namespace, right) for right in RIGHTS))
    missing = [right for right, allowed in zip(RIGHTS, answers, strict=True) if not allowed]
    if missing:
        return Seen(Finding("RightsMissing", missing_words(spec, missing)))
    namespace = await cluster.find(NAMESPACES, spec.namespace)
    if namespace is None:
        words = f"it has no namespace {spec.namespace}: apply manifests/remote to it"
        return Seen(Finding("NamespaceNotFound", words))
    told = ".".join(map(str, version))
    finding = Finding(READY, f"runs may go to namespace {spec.namespace} of Kubernetes {told}", told)
    return Seen(finding, mounts_images(version), not has_user_range(namespace))


async def _may(cluster: Cluster, namespace: str, right: Right) -> bool:
    attributes = {
        "namespace": namespace,
        "group": right.group,
        "resource": right.resource,
        "verb": right.verb,
    }
    body: dict[str, Any] = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await cluster.create(ACCESS_REVIEWS, body)
    return bool(answer["status"].get("allowed"))
