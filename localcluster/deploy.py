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
_DEPLOYMENTS = (("chris-swift", "swift"), ("chris-system", "chris-operator"))
_OURS = ("operator", "staging", "swift")


def overlay(images: Mapping[str, Mapping[str, str]], base: str, swift_data: str | None) -> dict[str, Any]:
    """The kustomization that deploys `base` with exactly these images; Swift's data go below `swift_data`.

    kustomize knows images of containers only, so the staging image, which the operator writes into the
    pods it makes, is set by a patch.
    """
    missing = [name for name in ("operator", "staging") if name not in images]
    if missing:
        raise ClusterError(f"images {', '.join(missing)} are not built: run `make images` first")
    staging = {"name": "CHRIS_STAGING_IMAGE", "value": pinned(images["staging"])}
    patches = [_patch("chris-operator", "/spec/template/spec/containers/0/env/2", staging)]
    if swift_data:
        patches.append(_patch("swift", "/spec/template/spec/volumes/0/hostPath/path", swift_data))
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
        "patches": patches,
    }


def _patch(deployment: str, path: str, value: object) -> dict[str, Any]:
    operation = {"op": "replace", "path": path, "value": value}
    return {"target": {"kind": "Deployment", "name": deployment}, "patch": json.dumps([operation])}


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


def access(environment: Path = CHECKOUT / "build" / "env") -> dict[str, str]:
    """The variables that `make up` wrote down."""
    if not environment.exists():
        raise ClusterError("there is no build/env: run `make up` first")
    words = [shlex.split(line) for line in environment.read_text().splitlines()]
    pairs = (each[1].partition("=") for each in words if len(each) == 2)  # noqa: PLR2004  export NAME=value
    return {name: value for name, _, value in pairs}


def deploy(kubectl: str, base: Path = CHECKOUT / "manifests" / "dev") -> None:
    """Apply everything, register the plugins, wait until Swift and the operator serve."""
    images = json.loads((CHECKOUT / "build" / "images.json").read_text())
    OVERLAY.parent.mkdir(parents=True, exist_ok=True)
    relative, known = os.path.relpath(base, OVERLAY.parent), access()
    # In a box, the node's directories are this machine's: what is below the cluster's own goes with it.
    data = f"{known['CLUSTER_STATE']}/swift" if known.get("CLUSTER_KIND") == "localcluster" else None
    OVERLAY.write_text(json.dumps(overlay(images, relative, data), indent=1) + "\n")
    run = Kubectl(kubectl, known["KUBECONFIG"])
    say("deploy: custom resources, Swift and the operator")
    run("apply", "--server-side", "--force-conflicts", "-k", str(OVERLAY.parent))
    for path in sorted(CHECKOUT.glob("crds/*.yaml")):
        if path.name != "kustomization.yaml":
            run("wait", "--for=condition=Established", f"--timeout={_TIMEOUT}", "-f", str(path))
    for namespace, name in _DEPLOYMENTS:
        run("-n", namespace, "rollout", "status", f"deployment/{name}", f"--timeout={_TIMEOUT}")
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
