"""Whether a cluster that exists already can take us: what is asked of it and what it lacks. Decisions only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MINIMUM = (1, 30)
"""The first release that serves ValidatingAdmissionPolicy as v1."""
POLICIES = "validatingadmissionpolicies"
DEVELOPMENT_SWIFT = "http://swift.chris-swift.svc:8080/auth/v1.0"
"""Address of the Swift in manifests/dev, as its Secret gives it."""
CREDENTIALS = "swift-credentials"

# HOST, where a dot, a port or `localhost` tells it from a folder of a default registry, then /PREFIX.
_HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:))(?::\d+)?"
_FOLDER = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_REGISTRY = re.compile(rf"{_HOST}(?:/{_FOLDER})*/?")


@dataclass(frozen=True)
class Right:
    """Something that whoever installs must be allowed to do."""

    verb: str
    resource: str
    """Plural with its API group, as `kubectl auth can-i` takes it."""
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f" -n {self.namespace}" if self.namespace else "")


# Server-side apply patches, and creates what is not there.
RIGHTS = (
    *(
        Right(verb, resource)
        for resource in (
            "namespaces",
            "customresourcedefinitions.apiextensions.k8s.io",
            "clusterroles.rbac.authorization.k8s.io",
            "clusterrolebindings.rbac.authorization.k8s.io",
            f"{POLICIES}.admissionregistration.k8s.io",
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        )
        for verb in ("create", "patch")
    ),
    Right("create", "deployments.apps", "chris-system"),
    Right("create", "secrets", "chris-system"),
    Right("get", "secrets", "chris-system"),
)


@dataclass(frozen=True)
class Facts:
    """What a cluster answered."""

    version: str
    """`gitVersion` of its API server."""
    admission: frozenset[str]
    """Resources that it serves in admissionregistration.k8s.io/v1."""
    denied: tuple[Right, ...] = ()
    credentials: Mapping[str, str] | None = None
    """The Secret swift-credentials as it is, decoded; None where there is none or it may not be read."""


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor of a version as servers give it; None where it is none.

    >>> parse_version("v1.30.4-gke.1043000"), parse_version("v1.31.2+k3s1"), parse_version("latest")
    ((1, 30), (1, 31), None)
    """
    found = re.match(r"v?(\d+)\.(\d+)(?!\d)", text)
    return (int(found[1]), int(found[2])) if found else None


def registry_lacks(registry: str) -> list[str]:
    """What keeps images from being pushed to REGISTRY, as one line or none."""
    if _REGISTRY.fullmatch(registry):
        return []
    given = f"is {registry!r}" if registry else "is not given"
    return [
        (
            f"REGISTRY: must be HOST/PREFIX that the cluster's nodes can pull from, as an existing cluster cannot be "
            f"handed image archives, and {given}; say for example REGISTRY=registry.example.org/chris"
        )
    ]


def cluster_lacks(facts: Facts) -> list[str]:
    """All that keeps the cluster from taking us, one line each; empty where nothing does."""
    return [*_version(facts), *_policies(facts), *_rights(facts), *_swift(facts)]


def _version(facts: Facts) -> list[str]:
    found = parse_version(facts.version)
    if found is not None and found >= MINIMUM:
        return []
    least = ".".join(map(str, MINIMUM))
    return [
        f"Kubernetes: must be {least} or newer, and is {facts.version or 'of no version'}; upgrade the cluster"
    ]


def _policies(facts: Facts) -> list[str]:
    if POLICIES in facts.admission:
        return []
    served = ", ".join(sorted(facts.admission)) or "nothing"
    return [
        (
            f"API admissionregistration.k8s.io/v1: must serve {POLICIES}, and serves {served}; "
            "upgrade the cluster, or do not switch that API off in its API server"
        )
    ]


def _rights(facts: Facts) -> list[str]:
    return [
        f"your rights: must include `{right}`, and `kubectl auth can-i` answers no; "
        "use a context of an administrator (ClusterRole cluster-admin)"
        for right in facts.denied
    ]


def _swift(facts: Facts) -> list[str]:
    """The development Swift would take the place of the one that holds somebody's data."""
    if facts.credentials is None or facts.credentials.get("ST_AUTH") == DEVELOPMENT_SWIFT:
        return []
    address = facts.credentials.get("ST_AUTH") or facts.credentials.get("OS_AUTH_URL") or "an unknown Swift"
    return [
        (
            f"Secret chris-system/{CREDENTIALS}: must be absent or name the development Swift, and names {address}, "
            "whose data would be out of reach; upgrade that installation with `make images REGISTRY=…` and "
            "`kubectl apply -k build/install` instead"
        )
    ]
