"""The cluster where a Docker engine answers: `kind`, pinned like everything else; images by `docker build`."""

import json
import os
import shutil
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from localcluster import binaries, env
from localcluster.config import CHECKOUT, MARK, cache_dir
from localcluster.console import say, warn
from localcluster.errors import ClusterError
from localcluster.shell import run, succeeds
from localcluster.specs import ImageSpec, content_key

NAME = "chris"
NODE = f"{NAME}-control-plane"
BASE = "python:3.11-slim-bookworm"
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
STATE = CHECKOUT / "build" / "cluster"
KUBECONFIG = STATE / "kubeconfig"
ENV_FILE = CHECKOUT / "build" / "env"
KUBECTL = binaries.Module(
    "kubernetes",
    ("k8s.io/kubernetes/cmd/kubectl",),
    ("kubectl",),
    binaries.KUBERNETES.ldflags,
    "about 1 minute",
)


def engine_answers() -> bool:
    """Whether a Docker engine runs here, unless CHRIS_CLUSTER=localcluster says not to use it."""
    if os.environ.get("CHRIS_CLUSTER") == "localcluster" or not shutil.which("docker"):
        return False
    # The client alone prints nothing for the server's version, and some versions still exit with 0.
    try:
        return bool(run(["docker", "info", "--format", "{{.ServerVersion}}"]).strip())
    except ClusterError:
        return False


def create_words(kubeconfig: Path) -> list[str]:
    """Arguments of `kind` that make the cluster."""
    return ["create", "cluster", "--name", NAME, "--kubeconfig", str(kubeconfig), "--wait", "180s"]


def load_words(reference: str) -> list[str]:
    """Arguments of `kind` that bring an image of the engine into the cluster."""
    return ["load", "docker-image", "--name", NAME, reference]


def docker_build_words(spec: ImageSpec, name: str) -> list[str]:
    """Arguments of `docker` that build an image."""
    target = ["--target", spec.target] if spec.target else []
    return [
        "build",
        "-q",
        "--build-arg",
        f"PYTHON_IMAGE={BASE}",
        *target,
        "-f",
        str(spec.dockerfile),
        "-t",
        name,
        str(spec.context),
    ]


def up(tools: Path) -> None:
    """Make the cluster unless it is there; mark it, route to it, write build/env."""
    cache = cache_dir()
    binaries.link_bin([binaries.ensure(cache, binaries.KIND), binaries.ensure(cache, KUBECTL)], tools)
    kind = tools / "kind"
    kubectl: list[str | Path] = [tools / "kubectl", "--kubeconfig", KUBECONFIG]
    if NAME not in run([kind, "get", "clusters"]).split():
        say("kind: making the cluster")
        KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
        run([kind, *create_words(KUBECONFIG)])
    if not succeeds([*kubectl, "-n", "kube-system", "get", "configmap", MARK]):
        run([*kubectl, "-n", "kube-system", "create", "configmap", MARK, "--from-literal=madeBy=kind"])
    access = _access(json.loads(run(["docker", "inspect", NODE])))
    _route(access)
    env.write(access, ENV_FILE, tools)


def is_up(tools: Path) -> bool:
    """Whether the cluster's API server answers."""
    return succeeds([tools / "kubectl", "--kubeconfig", KUBECONFIG, "get", "--raw", "/readyz"])


def down(tools: Path) -> bool:
    """Remove the cluster; its routes end with Docker's network or here."""
    if not (tools / "kind").exists() or NAME not in run([tools / "kind", "get", "clusters"]).split():
        return False
    for target in (PODS, SERVICES):
        succeeds(["ip", "route", "del", target])
    run([tools / "kind", "delete", "cluster", "--name", NAME, "--kubeconfig", KUBECONFIG])
    ENV_FILE.unlink(missing_ok=True)
    return True


@dataclass(frozen=True)
class KindImages:
    """Images of the engine, brought into the cluster."""

    tools: Path

    def key(self, spec: ImageSpec) -> str:
        """Content key of an image as the engine builds it."""
        return content_key(spec, BASE)

    def bring(self, spec: ImageSpec) -> None:
        """Build unless the engine has this content, then load it under its key and its tag."""
        keyed = self._ensure(spec)
        tagged = f"{spec.repository}:{spec.tag}"
        run(["docker", "tag", keyed, tagged])
        for reference in (keyed, tagged):
            run([self.tools / "kind", *load_words(reference)])

    def sweep(self) -> None:
        """Nothing: the engine's images are the user's to prune, the node's go with the cluster."""

    def push(self, spec: ImageSpec, target: str) -> None:
        """Build unless the engine has this content, then push; the engine decides which registry is trusted."""
        run(["docker", "tag", self._ensure(spec), target])
        run(["docker", "push", target])

    def _ensure(self, spec: ImageSpec) -> str:
        name = f"{spec.repository}:{self.key(spec)}"
        if not succeeds(["docker", "image", "inspect", name]):
            say(f"image {spec.name}: docker build")
            run(["docker", *docker_build_words(spec, name)])
        return name


def _access(inspected: list[dict[str, Any]]) -> env.Access:
    """Addresses in the output of `docker inspect` of the node."""
    network = inspected[0]["NetworkSettings"]["Networks"]["kind"]
    return env.Access(
        NAME, "kind", KUBECONFIG, STATE, network["IPAddress"], network["Gateway"], PODS, SERVICES
    )


def _route(access: env.Access) -> None:
    """Pods and Services from the machine, as with the box; only root may lay routes."""
    if os.geteuid() != 0:
        warn(f"kind: routes to {PODS} and {SERVICES} need root; without them use kubectl port-forward")
        return
    for target in (PODS, SERVICES):
        run(["ip", "route", "replace", str(ip_network(target)), "via", access.node])
