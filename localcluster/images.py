"""Every image of the repository, in the cluster or in a registry, built only when its content changed."""

import json
import os
from pathlib import Path

from localcluster import cluster, specs
from localcluster.builder import Buildah
from localcluster.config import CHECKOUT, MAIN, cache_dir
from localcluster.console import say
from localcluster.containerd import Containerd
from localcluster.errors import ClusterError
from localcluster.specs import ImageSpec

RESULT = CHECKOUT / "build" / "images.json"
KEY_LENGTH = 12


def provide(names: list[str], cluster_name: str = MAIN) -> None:
    """Build what is missing and bring it into the running cluster; write build/images.json."""
    running = cluster.running(cluster_name)
    if running is None:
        raise ClusterError(f"cluster {cluster_name}: down, so it cannot take images; run `make up` first")
    builder = Buildah(cache_dir())
    client = Containerd(running[1], cluster.bin_dir())
    wanted = specs.discover(CHECKOUT, names)
    present = client.image_names()
    for spec in wanted:
        _bring(spec, builder, client, present)
    write_result({spec.name: _entry(spec, builder.key(spec), specs.PREFIX) for spec in wanted})
    say(f"images: {len(wanted)} in the cluster")


def publish(names: list[str], prefix: str) -> None:
    """Build what is missing and push it to HOST/PREFIX; write build/images.json."""
    builder = Buildah(cache_dir())
    entries = {}
    for spec in specs.discover(CHECKOUT, names):
        builder.ensure(spec)
        entry = _entry(spec, builder.key(spec), prefix)
        builder.push(spec, entry["ref"], insecure=is_insecure(prefix))
        entries[spec.name] = entry
        say(f"image {spec.name}: pushed as {entry['ref']}")
    write_result(entries)


def is_insecure(prefix: str) -> bool:
    """Whether a registry is tried without TLS as well: this machine's own, or by explicit wish.

    >>> is_insecure("localhost:5000/chris"), is_insecure("registry.example.org/chris")
    (True, False)
    """
    host = prefix.partition("/")[0].rpartition(":")[0] or prefix.partition("/")[0]
    wished = os.environ.get("REGISTRY_INSECURE", "") not in {"", "0", "false"}
    return wished or host == "localhost" or host.startswith(("127.", "10.9"))


def write_result(entries: dict[str, dict[str, str]]) -> None:
    """Update the list of images for whoever deploys them; atomically."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    draft = RESULT.with_suffix(".tmp")
    draft.write_text(json.dumps({**known, **entries}, indent=1, sort_keys=True) + "\n")
    os.replace(draft, RESULT)


def _entry(spec: ImageSpec, key: str, prefix: str) -> dict[str, str]:
    tag = key if spec.follows_content else spec.tag
    return {"ref": f"{prefix}/{spec.name}:{tag}", "key": key}


def _bring(spec: ImageSpec, builder: Buildah, client: Containerd, present: set[str]) -> None:
    """The image under its key and its tag; older contents of the same name go."""
    keyed = f"{spec.repository}:{builder.key(spec)}"
    if keyed not in present:
        archive = builder.ensure(spec)
        say(f"image {spec.name}: bringing {_size(archive)} into the cluster")
        client.import_archive(archive)
        client.tag(keyed, f"{spec.repository}:{spec.tag}")
    old = [name for name in present if _is_keyed(spec, name) and name != keyed]
    for name in old:
        client.remove(name)


def _is_keyed(spec: ImageSpec, name: str) -> bool:
    repository, _, tag = name.rpartition(":")
    return repository == spec.repository and len(tag) == KEY_LENGTH and set(tag) <= set("0123456789abcdef")


def _size(archive: Path) -> str:
    return f"{archive.stat().st_size / 1e6:.0f} MB"
