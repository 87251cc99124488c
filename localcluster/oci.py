"""An image archive of one static binary, written without any builder."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.oci.image"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(binary: Path, reference: str, target: Path) -> None:
    """Write an OCI archive whose only layer holds `binary` at /<its name>, which it runs as uid 65535."""
    layer = _tar({binary.name: binary.read_bytes()}, mode=0o755)
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [f"/{binary.name}"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = [layer, json.dumps(config).encode()]
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": descriptor(f"{MEDIA}.config.v1+json", blobs[1]),
        "layers": [descriptor(f"{MEDIA}.layer.v1.tar", layer)],
    }
    blobs.append(json.dumps(manifest).encode())
    top = descriptor(f"{MEDIA}.manifest.v1+json", blobs[2])
    top["annotations"] = {"io.containerd.image.name": reference}
    contents = {
        "oci-layout": LAYOUT,
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [top]}).encode(),
        **{f"blobs/sha256/{_digest(blob).partition(':')[2]}": blob for blob in blobs},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".tmp")
    draft.write_bytes(_tar(contents, mode=0o644))
    draft.replace(target)


def _tar(contents: dict[str, bytes], *, mode: int) -> bytes:
    """A tar that depends on nothing but its contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    """How OCI refers to a blob."""
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}
