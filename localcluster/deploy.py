"""Puts the operator, Swift and the plugins of this checkout on the cluster: `kubectl apply` and wait.

The overlay in build/deploy pins every image to the content that was built, so that a changed image rolls
out and an unchanged one does not.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcluster.config import CHECKOUT
from localcluster.console import say
from localcluster.errors import ClusterError

OVERLAY = CHECKOUT / "build" / "deploy" / "kustomization.yaml"
_TIMEOUT = "300s"
_SYSTEM = "chris-system"
_OURS = ("operator", "staging", "swift")


def overlay(images: Mapping[str, Mapping[str, str]], base: str) -> dict[str, Any]:
    """The kustomization that deploys `base` with exactly these images.

    kustomize knows images of containers only, so the staging image, which the operator writes into the
    pods it makes, is set by a patch.
    """
    missing = [name for name in ("operator", "staging") if name not in images]
    if missing:
        raise ClusterError(f"images {', '.join(missing)} are not built: run `make images` first")
    patch = [
        {
            "op": "replace",
            "path": "/spec/template/spec/containers/0/env/2",
            "value": {"name": "CHRIS_STAGING_IMAGE", "value": pinned(images["staging"])},
        }
    ]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base],
        "images": [
            {
                "name": f"localhost/chris/{name}",
                "newName": repository(images[name]["ref"]),
                "newTag": images[name]["key"],
            }
            for name in _OURS
            if name in images
        ],
        "patches": [
            {
                "target": {"kind": "Deployment", "name": "chris-operator"},
                "patch": json.dumps(patch),
            }
        ],
    }


def repository(ref: str) -> str:
    """An image reference without its tag.

    >>> repository("localhost:5000/chris/operator:dev")
    'localhost:5000/chris/operator'
    """
    head, _, tail = ref.rpartition(":")
    return head if head and "/" not in tail else ref


def pinned(image: Mapping[str, str]) -> str:
    """An image reference by its content key."""
    return f"{repository(image['ref'])}:{image['key']}"


def kubeconfig(environment: Path = CHECKOUT / "build" / "env") -> str:
    """The kubeconfig that `make up` wrote down."""
    if not environment.exists():
        raise ClusterError("there is no build/env: run `make up` first")
    for line in environment.read_text().splitlines():
        words = shlex.split(line)
        if len(words) == 2 and words[1].startswith("KUBECONFIG="):  # noqa: PLR2004  export NAME=value
            return words[1].partition("=")[2]
    raise ClusterError(f"{environment} names no KUBECONFIG: run `make up` again")


def deploy(kubectl: str, kubeconfig: str, base: Path = CHECKOUT / "manifests" / "dev") -> None:
    """Apply everything, register the plugins, wait until Swift and the operator serve."""
    images = json.loads((CHECKOUT / "build" / "images.json").read_text())
    OVERLAY.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(base, OVERLAY.parent)
    OVERLAY.write_text(json.dumps(overlay(images, relative), indent=1) + "\n")
    run = Kubectl(kubectl, kubeconfig)
    say("deploy: custom resources, Swift and the operator")
    run("apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY.parent))
    for path in sorted(CHECKOUT.glob("crds/*.yaml")):
        if path.name != "kustomization.yaml":
            run("wait", "--for=condition=Established", f"--timeout={_TIMEOUT}", "-f", str(path))
    for name in ("swift", "chris-operator"):
        run("-n", _SYSTEM, "rollout", "status", f"deployment/{name}", f"--timeout={_TIMEOUT}")
    say("deploy: plugins")
    for path in sorted(CHECKOUT.glob("plugins/pl-*/plugin.yaml")):
        run("apply", "-f", str(path))


class Kubectl:
    """kubectl for one cluster; what it prints is shown only when it fails."""

    def __init__(self, program: str, kubeconfig: str) -> None:
        self._program, self._environment = program, {**os.environ, "KUBECONFIG": kubeconfig}

    def __call__(self, *words: str) -> str:
        """Run one command and return its output; ClusterError with its own words when it fails."""
        done = subprocess.run(
            [self._program, *words], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
