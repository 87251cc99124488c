"""Puts the operator, Swift and the plugins of this checkout on the cluster: `kubectl apply` and wait.

The overlay in build/deploy pins every image to the content that was built, so that a changed image rolls
out and an unchanged one does not.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from localcluster import files, overlay
from localcluster.config import CHECKOUT
from localcluster.console import say
from localcluster.errors import ClusterError

OVERLAY = CHECKOUT / "build" / "deploy" / "kustomization.yaml"
_TIMEOUT = "120s"
_DEPLOYMENTS = (("chris-swift", "swift"), ("chris-system", "chris-operator"))


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
    relative, known = os.path.relpath(base, OVERLAY.parent), access()
    if known.get("CLUSTER_KIND") == "kubeconfig":
        raise ClusterError(
            f"build/env: must name a cluster of `make up`, and names {known['CLUSTER_NAME']}, which is used only "
            "when asked; run `make up`, or say CLUSTER=kubeconfig"
        )
    # In a box, the node's directories are this machine's: what is below the cluster's own goes with it.
    data = f"{known['CLUSTER_STATE']}/swift" if known.get("CLUSTER_KIND") == "localcluster" else None
    files.write(OVERLAY, json.dumps(overlay.kustomization(images, relative, data), indent=1) + "\n")
    plugins = sorted(CHECKOUT.glob("plugins/pl-*/plugin.yaml"))
    put(Kubectl(kubectl, known["KUBECONFIG"]), OVERLAY.parent, plugins, _TIMEOUT, replace=True)


def put(
    run: "Kubectl", kustomization: Path, plugins: Iterable[Path], patience: str, *, replace: bool = False
) -> None:
    """Apply a kustomization, wait until Swift and the operator serve, register plugins.

    With `replace`, a plugin that changed without a new version, as while it is being written, is registered anew.
    """
    say("deploy: custom resources, Swift and the operator")
    run("apply", "--server-side", "--force-conflicts", "-k", str(kustomization))
    for path in sorted(CHECKOUT.glob("crds/*.yaml")):
        if path.name != "kustomization.yaml":
            run("wait", "--for=condition=Established", f"--timeout={_TIMEOUT}", "-f", str(path))
    for namespace, name in _DEPLOYMENTS:
        _serving(run, namespace, name, patience)
    say("deploy: plugins")
    for path in plugins:
        _register(run, path, replace=replace)


def _register(run: "Kubectl", path: Path, *, replace: bool) -> None:
    try:
        run("apply", "-f", str(path))
    except ClusterError as error:
        if not replace or "cannot change after creation" not in str(error):
            raise
        say(f"deploy: {path.parent.name} has changed under the same version: registered anew")
        run("replace", "--force", "-f", str(path))


def _serving(run: "Kubectl", namespace: str, name: str, patience: str) -> None:
    """Wait until a Deployment serves; where it does not, its pods' last words say why."""
    try:
        run("-n", namespace, "rollout", "status", f"deployment/{name}", f"--timeout={patience}")
    except ClusterError as error:
        log = run.ask("-n", namespace, "logs", f"deployment/{name}", "--tail=20", "--all-containers")
        raise ClusterError(f"{error}; its log ends:\n{log.stdout or log.stderr}") from error


class Kubectl:
    """kubectl for one cluster; what it prints is shown only when it fails."""

    def __init__(self, program: str, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self._program, self._environment = program, {**os.environ, "KUBECONFIG": kubeconfig}

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command, however it ends."""
        return subprocess.run(
            [self._program, *words], env=self._environment, capture_output=True, text=True, check=False
        )

    def __call__(self, *words: str) -> str:
        """Run one command and return its output; ClusterError with its own words when it fails."""
        done = self.ask(*words)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
