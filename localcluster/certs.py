"""The cluster's keys and certificates, made by openssl."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from localcluster.config import ClusterConfig
from localcluster.shell import run

DAYS = "3650"
EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Identity:
    """One client of the API server; RBAC's default roles go by the names here."""

    name: str
    user: str
    group: str = ""

    @property
    def subject(self) -> str:
        """The certificate's subject in openssl's form."""
        return (f"/O={self.group}" if self.group else "") + f"/CN={self.user}"


IDENTITIES = (
    Identity("admin", "chris-localcluster-admin", "system:masters"),
    Identity("kube-controller-manager", "system:kube-controller-manager"),
    Identity("kube-scheduler", "system:kube-scheduler"),
    Identity("kube-proxy", "system:kube-proxy"),
    Identity("kubelet", "system:node:node", "system:nodes"),
    Identity("coredns", "system:coredns"),
    Identity("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
)


def server_names(config: ClusterConfig) -> str:
    """Subject alternative names of the API server: from the host, from the box, from pods."""
    addresses = (config.node_address, "127.0.0.1", config.service_range[1])
    names = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    return ",".join([*(f"IP:{address}" for address in addresses), *(f"DNS:{name}" for name in names)])


def create(config: ClusterConfig) -> None:
    """Write the authority, the server's and every client's certificate, the token keys and the kubeconfigs."""
    pki = config.pki
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = ["openssl", "req", "-x509", *EC_KEY, "-days", DAYS, "-subj", "/CN=chris-localcluster"]
    run([*authority, "-keyout", pki / "ca.key", "-out", pki / "ca.crt"])
    _issue(pki, "apiserver", "/CN=kube-apiserver", f"subjectAltName={server_names(config)}", "serverAuth")
    for identity in IDENTITIES:
        _issue(pki, identity.name, identity.subject, "basicConstraints=CA:FALSE", "clientAuth")
    run(
        [
            "openssl",
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            pki / "sa.key",
        ]
    )
    run(["openssl", "pkey", "-in", pki / "sa.key", "-pubout", "-out", pki / "sa.pub"])
    config.settings.mkdir(parents=True, exist_ok=True, mode=0o700)
    for identity in IDENTITIES:
        target = (
            config.kubeconfig if identity.name == "admin" else config.settings / f"{identity.name}.kubeconfig"
        )
        target.write_text(kubeconfig(config, identity.name))
        target.chmod(0o600)


def kubeconfig(config: ClusterConfig, identity: str) -> str:
    """A kubeconfig with everything embedded, so that it can be copied elsewhere (JSON is YAML)."""

    def embedded(file: str) -> str:
        return base64.b64encode((config.pki / file).read_bytes()).decode()

    context = f"chris-{config.name}"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": identity}}],
            "clusters": [
                {
                    "name": context,
                    "cluster": {"server": config.api_url, "certificate-authority-data": embedded("ca.crt")},
                }
            ],
            "users": [
                {
                    "name": identity,
                    "user": {
                        "client-certificate-data": embedded(f"{identity}.crt"),
                        "client-key-data": embedded(f"{identity}.key"),
                    },
                }
            ],
        },
        indent=1,
    )


def _issue(pki: Path, name: str, subject: str, extension: str, usage: str) -> None:
    """One certificate signed by the authority; `req -x509 -CA` needs OpenSSL 3."""
    request = ["openssl", "req", "-x509", *EC_KEY, "-days", DAYS, "-subj", subject]
    signer: list[str | Path] = ["-CA", pki / "ca.crt", "-CAkey", pki / "ca.key"]
    extensions = ["-addext", extension, "-addext", f"extendedKeyUsage={usage}"]
    run([*request, *signer, *extensions, "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt"])
