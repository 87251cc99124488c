"""Kustomizations that put exactly these images on a cluster, as data: no file is read or written here."""

import json
import re
from collections.abc import Mapping
from typing import Any

from localcluster.errors import ClusterError
from localcluster.specs import PREFIX

Image = Mapping[str, str]
"""`ref`, the reference to put into manifests, and `key`, the content key."""

OURS = ("operator", "staging", "swift")
"""Images of manifests/dev; those of manifests/base are the first two."""


def kustomization(images: Mapping[str, Image], base: str, swift_data: str | None = None) -> dict[str, Any]:
    """The kustomization that deploys `base` with each of our images under its content key.

    `swift_data` is the node's directory for the development Swift, where `base` has one.

    kustomize knows images of containers only, so the staging image, which the operator writes into the
    pods it makes, is set by a patch.
    """
    missing = [name for name in ("operator", "staging") if name not in images]
    if missing:
        raise ClusterError(f"images {', '.join(missing)} are not built: run `make images` first")
    patches = [_staging(pinned(images["staging"])), *([_swift_data(swift_data)] if swift_data else [])]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base],
        "images": [
            {
                "name": f"{PREFIX}/{name}",
                "newName": repository(images[name]["ref"]),
                "newTag": images[name]["key"],
            }
            for name in OURS
            if name in images
        ],
        "patches": patches,
    }


def _staging(reference: str) -> dict[str, str]:
    """Merged by the variable's name, wherever it stands in the list."""
    container = {"name": "operator", "env": [{"name": "CHRIS_STAGING_IMAGE", "value": reference}]}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chris-operator", "namespace": "chris-system"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    return {"patch": json.dumps(patch)}


def _swift_data(path: str) -> dict[str, Any]:
    operation = {"op": "replace", "path": "/spec/template/spec/volumes/0/hostPath/path", "value": path}
    return {"target": {"kind": "Deployment", "name": "swift"}, "patch": json.dumps([operation])}


def plugin_text(text: str, prefix: str) -> str:
    """A plugin.yaml whose images of ours are those of the registry `prefix`; every other line stays.

    >>> plugin_text("  dockImage: localhost/chris/pl-a:1.0", "example.org/lab")
    '  dockImage: example.org/lab/pl-a:1.0'
    """
    ours = rf"(?m)^(\s*dockImage:\s*['\"]?){re.escape(PREFIX)}/"
    return re.sub(ours, lambda found: f"{found[1]}{prefix.rstrip('/')}/", text)


def repository(ref: str) -> str:
    """An image reference without its tag.

    >>> repository("localhost:5000/chris/operator:dev")
    'localhost:5000/chris/operator'
    """
    head, _, tail = ref.rpartition(":")
    return head if head and "/" not in tail else ref


def pinned(image: Image) -> str:
    """An image reference by its content key."""
    return f"{repository(image['ref'])}:{image['key']}"
