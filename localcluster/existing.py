"""A cluster that exists already, used only when asked: `CLUSTER=kubeconfig`.

It is looked at before anything is put there, gets its images through a registry, never carries the mark of
clusters that tests may disturb, and is never removed.
"""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localcluster import (
    binaries,
    cluster,
    deploy,
    env,
    files,
    images,
    install,
    kind,
    overlay,
    preflight,
    specs,
)
from localcluster.config import CHECKOUT, cache_dir
from localcluster.console import say
from localcluster.deploy import Kubectl
from localcluster.errors import ClusterError
from localcluster.preflight import Facts, Right

KIND = "kubeconfig"
STATE = CHECKOUT / "build" / "existing"
KUBECONFIG = STATE / "kubeconfig"
INSTALL = STATE / "install"
DEV = CHECKOUT / "manifests" / "dev"
ENV_FILE = CHECKOUT / "build" / "env"
PATIENCE = "600s"
"""Its nodes pull the images over a network that may be slow."""
_ANSWER = "--request-timeout=15s"
_QUESTIONS_AT_ONCE = 4


def up(context: str, registry: str, names: Sequence[str]) -> None:
    """Look at the cluster, push images to the registry, write build/env; ClusterError with all that it lacks."""
    program, own_path = kubectl()
    chosen = choose(Kubectl(program, os.environ.get("KUBECONFIG", "")), context)
    _look(program, chosen, registry)
    pushed = images.push(wanted(names), registry)
    install.write(registry, pushed, INSTALL, DEV)
    files.write(KUBECONFIG, json.dumps(chosen, indent=1) + "\n", private=True)
    access = env.Access(name_of(chosen), KIND, KUBECONFIG, STATE)
    env.write(access, ENV_FILE, own_path)
    say(f"cluster {access.name}: `. {os.path.relpath(ENV_FILE)}` for kubectl")


def put() -> None:
    """Deploy what `up` pushed on the cluster that `up` wrote down."""
    known = deploy.access()
    if known.get("CLUSTER_KIND") != KIND:
        raise ClusterError(
            f"build/env: must name the existing cluster, and names {known.get('CLUSTER_NAME')} of `make up`; "
            "run `make up CLUSTER=kubeconfig REGISTRY=…` first"
        )
    run = Kubectl(kubectl()[0], known["KUBECONFIG"])
    deploy.put(run, INSTALL, sorted((INSTALL / "plugins").glob("*.yaml")), PATIENCE)


def farewell() -> str:
    """What would remove our things from the cluster, which is the user's and stays."""
    if not KUBECONFIG.exists():
        return "existing cluster: nothing was put on one from this checkout"
    name = name_of(json.loads(KUBECONFIG.read_text()))
    return "\n".join(
        [
            f"cluster {name} is yours and stays as it is. This removes what `make up` put there, all data included:",
            f"  export KUBECONFIG={os.path.relpath(KUBECONFIG)}",
            "  kubectl delete feeds --all --all-namespaces --timeout=5m",
            "  kubectl delete pi --all --all-namespaces --timeout=5m",
            "  kubectl delete plugins --all",
            f"  kubectl delete -k {os.path.relpath(INSTALL)}",
            "Namespaces of tenants stay, as do the images in the registry and /var/lib/chris-swift on Swift's node.",
        ]
    )


def kubectl() -> tuple[str, Path | None]:
    """A kubectl, and the directory to put on PATH for it: the user's own, else the one that we build."""
    found = shutil.which("kubectl")
    if found:
        return found, None
    tools = cluster.bin_dir()
    if not (tools / "kubectl").exists():
        binaries.link_bin([binaries.ensure(cache_dir(), kind.KUBECTL)], tools)
    return str(tools / "kubectl"), tools


def choose(run: Kubectl, context: str) -> Mapping[str, Any]:
    """The kubeconfig reduced to one context, with every certificate in it; the current one where none is named."""
    known = run("config", "get-contexts", "-o", "name").split()
    current = run.ask("config", "current-context").stdout.strip()
    name = context or current
    if name not in known:
        wish = f"is {name!r}" if name else "is not given, nor has the kubeconfig a current one"
        raise ClusterError(
            f"CONTEXT: must be one of the kubeconfig {run.kubeconfig or '~/.kube/config'}, which has "
            f"{', '.join(known) or 'none'}, and {wish}; say CONTEXT=name, or KUBECONFIG=path for another file"
        )
    text = run("config", "view", "--raw", "--minify", "--flatten", "--context", name, "-o", "json")
    chosen: dict[str, Any] = json.loads(text)
    return {**chosen, "current-context": name}


def name_of(chosen: Mapping[str, Any]) -> str:
    """The context's name, as which the user knows the cluster."""
    return str(chosen["current-context"])


def wanted(names: Sequence[str]) -> list[specs.ImageSpec]:
    """The operator's images, Swift's, and those of the plugins named, or of all that are installed."""
    if names:
        return specs.discover(CHECKOUT, list(dict.fromkeys((*overlay.OURS, *names))))
    every = specs.discover(CHECKOUT)
    return [spec for spec in every if specs.is_installed(CHECKOUT, spec) or spec.name in overlay.OURS]


def _look(program: str, chosen: Mapping[str, Any], registry: str) -> None:
    """The preflight: say which cluster it is and of which version; ClusterError with everything it lacks."""
    name, lacks = name_of(chosen), preflight.registry_lacks(registry)
    with tempfile.TemporaryDirectory(prefix="chris-preflight-") as directory:
        file = Path(directory) / "kubeconfig"
        files.write(file, json.dumps(chosen), private=True)
        try:
            facts = ask(Kubectl(program, str(file)), server_of(chosen))
        except ClusterError as error:
            lacks = [str(error), *lacks]
            version = "of unknown version"
        else:
            lacks = [*preflight.cluster_lacks(facts), *lacks]
            version = facts.version
    say(f"cluster {name} at {server_of(chosen)}: Kubernetes {version}")
    if lacks:
        raise ClusterError(
            "\n".join([f"cluster {name} ({version}) cannot be used:", *(f"  {x}" for x in lacks)])
        )


def server_of(chosen: Mapping[str, Any]) -> str:
    """Address of the only API server that is left in a reduced kubeconfig."""
    return str(chosen["clusters"][0]["cluster"]["server"])


def ask(run: Kubectl, server: str) -> Facts:
    """Put all questions of the preflight to the cluster; ClusterError when it does not answer."""
    answer = run.ask("version", "-o", "json", _ANSWER)
    if answer.returncode:
        raise ClusterError(
            f"API server {server}: must answer, and does not: {answer.stderr.strip()}; "
            "see that the cluster runs and that this machine reaches it"
        )
    version = json.loads(answer.stdout)["serverVersion"]["gitVersion"]
    with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
        allowed = list(pool.map(lambda right: _allowed(run, right), preflight.RIGHTS))
    denied = tuple(right for right, yes in zip(preflight.RIGHTS, allowed, strict=True) if not yes)
    return Facts(version, _admission(run), denied, _credentials(run))


def _allowed(run: Kubectl, right: Right) -> bool:
    where = ["-n", right.namespace] if right.namespace else []
    done = run.ask("auth", "can-i", right.verb, right.resource, *where, _ANSWER)
    answer = done.stdout.strip()
    if not answer.startswith(("yes", "no")):
        raise ClusterError(
            f"your rights: `kubectl auth can-i {right}` must answer yes or no, and says {done.stderr.strip()}; "
            "renew the credentials of the context"
        )
    return answer.startswith("yes")


def _admission(run: Kubectl) -> frozenset[str]:
    """Empty where the API is not served."""
    done = run.ask("get", "--raw", "/apis/admissionregistration.k8s.io/v1", _ANSWER)
    listed = json.loads(done.stdout)["resources"] if done.returncode == 0 else []
    return frozenset(each["name"] for each in listed)


def _credentials(run: Kubectl) -> dict[str, str] | None:
    words = ["-n", "chris-system", "get", "secret", preflight.CREDENTIALS, "--ignore-not-found", "-o", "json"]
    done = run.ask(*words, _ANSWER)
    if done.returncode or not done.stdout.strip():
        return None
    data = json.loads(done.stdout).get("data") or {}
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}
