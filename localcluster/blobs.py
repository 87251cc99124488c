"""Built images as shared layers: what two images, or two versions of one, have in common is kept and sent once."""

import io
import json
import shutil
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from localcluster import files, oci

DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
CONFIG = f"{DOCKER}.container.image.v1+json"
LAYER = f"{DOCKER}.image.rootfs.diff.tar"


@dataclass(frozen=True)
class BlobStore:
    """A directory with one manifest per image and content, `<name>-<key>.json`, and their layers in `blobs`."""

    home: Path

    def has(self, name: str) -> bool:
        """Whether an image's manifest and all its blobs are there."""
        file = self._manifest(name)
        return file.exists() and all(self._blob(digest).exists() for digest in digests(_read(file)))

    def add(self, name: str, archive: Path) -> None:
        """Take over an uncompressed docker archive; the manifest is written last."""
        with tarfile.open(archive) as tar:
            described = json.loads(_member(tar, "manifest.json").read())[0]
            config = _member(tar, described["Config"]).read()
            layers = [
                self._add_layer(tar, member, digest)
                for member, digest in zip(
                    described["Layers"], json.loads(config)["rootfs"]["diff_ids"], strict=True
                )
            ]
        descriptor = oci.descriptor(CONFIG, config)
        self._write(descriptor["digest"], io.BytesIO(config))
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": layers}
        files.write(self._manifest(name), json.dumps(manifest))

    def send(self, name: str, reference: str, known: Collection[str], target: IO[bytes]) -> int:
        """Write an archive of the image under `reference` without the blobs in `known`; returns their bytes."""
        file = self._manifest(name)
        manifest = file.read_bytes()
        top = oci.descriptor(MANIFEST, manifest)
        top["annotations"] = {"io.containerd.image.name": reference}
        index = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
        wanted = [digest for digest in digests(_read(file)) if digest not in known]
        with tarfile.open(fileobj=target, mode="w|") as tar:
            for path, data in (
                ("oci-layout", oci.LAYOUT),
                ("index.json", index),
                (_place(top["digest"]), manifest),
            ):
                info = tarfile.TarInfo(path)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            for digest in dict.fromkeys(wanted):
                tar.add(self._blob(digest), _place(digest))
        return sum(self._blob(digest).stat().st_size for digest in wanted)

    def prune(self, image: str, kept: int) -> list[str]:
        """Forget all but the last few contents of an image, and the blobs nobody needs; returns the keys forgotten."""
        manifests = sorted(
            self.home.glob(f"{image}-????????????.json"), key=lambda file: file.stat().st_mtime
        )
        old = manifests[:-kept]
        for file in old:
            file.unlink()
        needed = {digest for file in self.home.glob("*.json") for digest in digests(_read(file))}
        for blob in (self.home / "blobs").glob("[0-9a-f]*"):
            if f"sha256:{blob.name}" not in needed:
                blob.unlink()
        return [file.stem[-12:] for file in old]

    def _add_layer(self, tar: tarfile.TarFile, member: str, digest: str) -> dict[str, Any]:
        content = _member(tar, member)
        self._write(digest, content)
        return {"mediaType": LAYER, "digest": digest, "size": self._blob(digest).stat().st_size}

    def _write(self, digest: str, content: IO[bytes]) -> None:
        target = self._blob(digest)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}")
        with draft.open("wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
        draft.replace(target)

    def _blob(self, digest: str) -> Path:
        return self.home / "blobs" / digest.removeprefix("sha256:")

    def _manifest(self, name: str) -> Path:
        return self.home / f"{name}.json"


def digests(manifest: dict[str, Any]) -> list[str]:
    """Digests of everything a manifest refers to.

    >>> digests({"config": {"digest": "a"}, "layers": [{"digest": "b"}]})
    ['a', 'b']
    """
    return [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]


def _place(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _read(file: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(file.read_text())
    return parsed


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    content = tar.extractfile(name)
    if content is None:
        raise tarfile.TarError(f"{tar.name!r}: {name} is no file")
    return content
