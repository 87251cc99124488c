"""An image registry for tests, and telling the cluster's containerd to trust one that speaks plain HTTP."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcluster import files
from localcluster.config import ClusterConfig
from localcluster.shell import wait_until

END_SECONDS = 10


def hosts_toml(address: str) -> str:
    """What containerd must know of a registry without TLS.

    >>> print(hosts_toml("10.90.0.254:5000").splitlines()[0])
    server = "http://10.90.0.254:5000"
    """
    return f'server = "http://{address}"\n[host."http://{address}"]\n  capabilities = ["pull", "resolve"]\n'


def trust(config: ClusterConfig, address: str) -> Path:
    """Let the cluster pull from HOST:PORT by plain HTTP; containerd reads the file at the next pull."""
    target = config.settings / "certs.d" / address / "hosts.toml"
    files.write(target, hosts_toml(address))
    return target


def settings(directory: Path, address: str) -> str:
    """Configuration of the registry: images in a directory, no TLS (JSON is YAML)."""
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
            "http": {"addr": address},
        }
    )


@contextmanager
def serving(binary: Path, directory: Path, address: str) -> Iterator[str]:
    """Run a registry at HOST:PORT with its data in `directory` for the length of a block."""
    file = directory / "registry.yml"
    files.write(file, settings(directory, address))
    with (directory / "registry.log").open("w") as log:
        process = subprocess.Popen([binary, "serve", file], stdout=log, stderr=log)
        try:
            wait_until(
                lambda: _answers(address), seconds=15, what=f"registry at {address} answers", hint=log.name
            )
            yield address
        finally:
            process.terminate()
            process.wait(timeout=END_SECONDS)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=2):
            return True
    except OSError:
        return False
