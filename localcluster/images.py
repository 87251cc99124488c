"""Every image of the repository, in the cluster or in a registry, built only when its content changed."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from localcluster import cluster, files, install, kind, specs
from localcluster.builder import Buildah
from localcluster.config import CHECKOUT, cache_dir
from localcluster.console import say
from localcluster.containerd import Containerd
from localcluster.specs import ImageSpec

RESULT = CHECKOUT / "build" / "images.json"
KEY_LENGTH = 12


class Destination(Protocol):
    """A way of building images and of bringing them to a cluster."""

    def key(self, spec: ImageSpec) -> str:
        """Content key of an image."""
        ...

    def bring(self, spec: ImageSpec) -> None:
        """Make the cluster have the image under its key and its tag."""
        ...

    def sweep(self) -> None:
        """Let go of what earlier contents took."""
        ...


@dataclass(frozen=True)
class BoxImages:
    """Images built by buildah, imported into the box's containerd."""

    builder: Buildah
    client: Containerd
    present: frozenset[str]

    def key(self, spec: ImageSpec) -> str:
        """Content key of an image."""
        return self.builder.key(spec)

    def bring(self, spec: ImageSpec) -> None:
        """Import unless containerd has this content; contents that the store has forgotten go.

        The last few stay: what is deployed refers to one of them until it is deployed anew.
        """
        keyed = f"{spec.repository}:{self.key(spec)}"
        if keyed not in self.present:
            name, known = self.builder.ensure(spec), self.client.blobs()
            size = self.client.import_from(lambda pipe: self.builder.store.send(name, keyed, known, pipe))
            say(f"image {spec.name}: {size / 1e6:.0f} MB brought into the cluster")
        self.client.tag(keyed, f"{spec.repository}:{spec.tag}")
        for name in self.present:
            if is_content_key(spec, name) and not self.builder.store.has(
                name.rpartition("/")[2].replace(":", "-")
            ):
                self.client.remove(name)

    def sweep(self) -> None:
        """Let go of what earlier contents took."""
        self.client.sweep()


def build(stop: Event) -> None:
    """Build every image that is missing, while the cluster is being built or started; until `stop` is set."""
    builder = Buildah(cache_dir())
    for spec in specs.discover(CHECKOUT):
        if stop.is_set():
            return
        with specs.frozen(spec) as snapshot:
            builder.ensure(snapshot)


def provide(names: Sequence[str], cluster_name: str) -> None:
    """Build what is missing and bring it into the running cluster; write build/images.json."""
    destination = _destination(cluster_name)
    entries = {}
    for spec in specs.discover(CHECKOUT, names):
        with specs.frozen(spec) as snapshot:
            destination.bring(snapshot)
            entries[spec.name] = entry(snapshot, destination.key(snapshot), specs.PREFIX)
    write_result(entries)
    destination.sweep()
    say(f"images: {len(entries)} in the cluster")


def publish(names: Sequence[str], prefix: str) -> None:
    """Build what is missing, push it to HOST/PREFIX and write build/install.

    Without names that is everything which an installation needs, not the tests' own plugins. build/images.json
    stays as it is: it tells what the cluster of `make up` has.
    """
    found = specs.discover(CHECKOUT, names)
    pushed = push([spec for spec in found if names or specs.is_installed(CHECKOUT, spec)], prefix)
    if install.write(prefix, pushed):
        say(f"images: {len(pushed)} pushed; `kubectl apply -k {os.path.relpath(install.INSTALL)}` uses them")
    else:
        say(f"images: {len(pushed)} pushed; push operator and staging as well to install from {prefix}")


def push(wanted: Iterable[ImageSpec], prefix: str) -> list[install.Pushed]:
    """Build what is missing of these images and push them to HOST/PREFIX."""
    builder = kind.KindImages(cluster.bin_dir()) if kind.engine_answers() else Buildah(cache_dir())
    pushed = []
    for spec in wanted:
        with specs.frozen(spec) as snapshot:
            image = entry(snapshot, builder.key(snapshot), prefix)
            builder.push(snapshot, image["ref"])
        say(f"image {spec.name}: pushed as {image['ref']}")
        pushed.append(install.Pushed(spec, image))
    return pushed


def write_result(entries: dict[str, dict[str, str]]) -> None:
    """Update the list of images for whoever deploys them; atomically."""
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    files.write(RESULT, json.dumps({**known, **entries}, indent=1, sort_keys=True) + "\n")


def entry(spec: ImageSpec, key: str, prefix: str) -> dict[str, str]:
    """What a deployer needs of one image: the reference to put into manifests, and its content key."""
    tag = key if spec.follows_content else spec.tag
    return {"ref": f"{prefix.rstrip('/')}/{spec.name}:{tag}", "key": key}


def is_content_key(spec: ImageSpec, name: str) -> bool:
    """Whether an image's name is this one's repository with a content key for a tag."""
    repository, _, tag = name.rpartition(":")
    return repository == spec.repository and len(tag) == KEY_LENGTH and set(tag) <= set("0123456789abcdef")


def _destination(cluster_name: str) -> Destination:
    if kind.engine_answers():
        return kind.KindImages(cluster.bin_dir())
    _, box = cluster.require(cluster_name)
    client = Containerd(box, cluster.bin_dir())
    return BoxImages(Buildah(cache_dir()), client, frozenset(client.image_names()))
