"""What `make images REGISTRY=…` leaves behind: build/install, ready for `kubectl apply -k` on any cluster.

`build/install` is a kustomization over manifests/base with the registry's images; `build/install/plugins`
holds the Plugins, apart because the API server must know their kind first. A later call with the same
registry adds to both, one with another registry starts afresh.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcluster import files, overlay
from localcluster.config import CHECKOUT
from localcluster.overlay import Image
from localcluster.specs import ImageSpec

INSTALL = CHECKOUT / "build" / "install"
BASE = CHECKOUT / "manifests" / "base"
PLUGINS = CHECKOUT / "plugins"


@dataclass(frozen=True)
class Pushed:
    """One image in the registry."""

    spec: ImageSpec
    image: Image


def write(prefix: str, pushed: Iterable[Pushed], target: Path = INSTALL, base: Path = BASE) -> bool:
    """Write what can be applied over `base`; False while the operator or its staging image has not been pushed."""
    fresh = list(pushed)
    known = {**_known(prefix, target), **{each.spec.name: each.image for each in fresh}}
    record = {"registry": prefix, "images": known}
    files.write(target / "images.json", json.dumps(record, indent=1, sort_keys=True) + "\n")
    for resource in _resources(fresh):
        text = overlay.plugin_text(resource.read_text(), prefix)
        files.write(target / "plugins" / f"{resource.parent.name}.yaml", text)
    if not {"operator", "staging"} <= known.keys():
        return False
    wanted = overlay.kustomization(known, os.path.relpath(base, target))
    files.write(target / "kustomization.yaml", json.dumps(wanted, indent=1) + "\n")
    return True


def _known(prefix: str, target: Path) -> Mapping[str, Image]:
    """What earlier calls pushed to the same registry; what they wrote for another one goes."""
    file = target / "images.json"
    record = json.loads(file.read_text()) if file.exists() else {}
    if record.get("registry") == prefix:
        images: dict[str, Image] = record["images"]
        return images
    shutil.rmtree(target, ignore_errors=True)
    return {}


def _resources(pushed: Iterable[Pushed]) -> list[Path]:
    """The plugin.yaml of every plugin among the images, and of those that need no image."""
    with_image = [each.spec.context / "plugin.yaml" for each in pushed if not each.spec.follows_content]
    return with_image + [
        file for file in sorted(PLUGINS.glob("*/plugin.yaml")) if not (file.parent / "Dockerfile").exists()
    ]
