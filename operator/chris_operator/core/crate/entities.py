"""The parts of RO-Crate's JSON-LD that are the same for every analysis, and how entities refer to each other."""

from collections.abc import Iterable
from typing import Any

from chris_operator.models.base import API_VERSION

Entity = dict[str, Any]
METADATA = "ro-crate-metadata.json"
WORKFLOW = "feed.json"
"""The analysis as it was asked for: a List that `kubectl apply` takes."""
README = "README.md"
"""The analysis in words, for people who open the folder."""
ROOT = "./"
ENGINE = "tag:chrisproject.org,2026:operator"
LANGUAGE = "#language"
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_WFRUN = "https://w3id.org/ro/terms/workflow-run#"
_TERMS = (
    "ParameterConnection",
    "connection",
    "sourceParameter",
    "targetParameter",
    "ContainerImage",
    "containerImage",
    "DockerImage",
    "registry",
    "tag",
    "sha256",
    "resourceUsage",
)
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {term: f"{_WFRUN}{term}" for term in _TERMS}]
"""The profiles' own terms are spelt out, so that one remote document is enough to read a crate."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_SPECIFICATIONS = ("https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0")


def quoted(path: str) -> str:
    """A path as a URI has it: every byte kept, also of names that are no text.

    >>> quoted("a b/Größe.nii")
    'a%20b/Gr%C3%B6%C3%9Fe.nii'
    """
    return "".join(chr(b) if b in _SAFE else f"%{b:02X}" for b in path.encode("utf-8", "surrogateescape"))


def ref(identifier: str) -> Entity:
    """A reference to an entity."""
    return {"@id": identifier}


def refs(identifiers: Iterable[str]) -> list[Entity]:
    """References to entities, each once."""
    return [ref(each) for each in dict.fromkeys(identifiers)]


def moment(timestamp: str | None) -> str:
    """A Kubernetes timestamp as the profiles like it.

    >>> moment("2026-01-02T03:04:05Z")
    '2026-01-02T03:04:05+00:00'
    """
    return (timestamp or "").replace("Z", "+00:00")


def plain(entity: Entity) -> Entity:
    """An entity as RO-Crate likes it: a list of one is its value, an empty one is left out.

    >>> plain({"@id": "a", "hasPart": [{"@id": "b"}], "input": []})
    {'@id': 'a', 'hasPart': {'@id': 'b'}}
    """
    single = {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in entity.items()
    }
    return {key: value for key, value in single.items() if value not in ([], "")}


def descriptor() -> Entity:
    """What the metadata file says about itself."""
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": ref(ROOT),
        "conformsTo": refs(_SPECIFICATIONS),
    }


def profiles() -> list[Entity]:
    """The profiles that a crate keeps to."""
    return [
        {"@id": url, "@type": "CreativeWork", "name": name, "version": version}
        for url, (name, version) in PROFILES.items()
    ]


def engine() -> Entity:
    """What orchestrated the runs."""
    return {
        "@id": ENGINE,
        "@type": "SoftwareApplication",
        "name": "ChRIS on Kubernetes",
        "softwareVersion": API_VERSION,
        "url": "https://chrisproject.org",
    }


def language() -> Entity:
    """What the analysis is written in."""
    return {
        "@id": LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Custom resources of ChRIS on Kubernetes",
        "alternateName": API_VERSION,
        "url": "https://chrisproject.org",
    }


def person(user: str) -> Entity:
    """Whose analysis it is."""
    return {"@id": person_id(user), "@type": "Person", "name": user or "unknown"}


def person_id(user: str) -> str:
    """How that person is referred to."""
    return f"#user/{user or 'unknown'}"


def license_entity(url: str) -> Entity:
    """Under which terms the crate may be used; without a URL, under none."""
    if url:
        return {"@id": url, "@type": "CreativeWork", "name": url}
    words = "No licence is granted: ask whose analysis it is before using it. The data may be patients'."
    return {"@id": "#licence", "@type": "CreativeWork", "name": "No licence granted", "description": words}
