"""The operator as Kubernetes would start it: its own process, its own ServiceAccount, its own port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests
from tests.apiserver import POLL_SECONDS
from tests.installation import ROOT
from tests.ports import free_ports

START_SECONDS = 180.0
TIMES = {
    "CHRIS_KEEP_ENDED_SECONDS": "1",
    "CHRIS_PULL_PATIENCE_SECONDS": "3",
    "CHRIS_BACKOFF_SECONDS": "0.2",
    "CHRIS_SETTLE_SECONDS": "1",
    "CHRIS_GRACE_EXTRA_SECONDS": "1",
    "CHRIS_LEASE_SECONDS": "3",
}
"""What lasts minutes in a cluster lasts seconds here."""


class Door(Protocol):
    """What leads to the API server: itself, or a gateway before it."""

    def kubeconfig(self, user: str) -> Path:
        """A kubeconfig for one of its users."""


@dataclass
class Operator:
    """One replica; it can be stopped, killed and started again."""

    name: str
    gateway: Door
    swift: Mapping[str, str]
    directory: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(TIMES))
    _process: subprocess.Popen[bytes] | None = None
    port: int = 0

    @property
    def log(self) -> Path:
        """What it says on its standard error."""
        return self.directory / f"{self.name}.log"

    def start(self, *arguments: str) -> None:
        """Start the process; it is ready when its watches are, which nobody needs to wait for."""
        (self.port,) = free_ports(1)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": str(ROOT / "operator"),
            "PYTHONUNBUFFERED": "1",
            "KUBECONFIG": str(self.gateway.kubeconfig("operator")),
            "POD_NAME": self.name,
            "POD_NAMESPACE": "chris-system",
            "CHRIS_STAGING_IMAGE": "localhost/chris/staging:test",
            "CHRIS_PORT": str(self.port),
            **self.swift,
            **self.environment,
        }
        command = [sys.executable, "-m", "chris_operator.controller", *arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command], stdout=log, stderr=log, env=environment
            )

    @property
    def pid(self) -> int:
        """Its process."""
        if not self._process:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: it gets no chance to finish or give anything back."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, as the kubelet does; returns when it has ended."""
        if self.running and self._process:
            self._process.terminate()
            self._process.wait(START_SECONDS)

    def await_exit(self) -> tuple[int, str]:
        """Exit code and the last message, of a process that ends by itself."""
        if not self._process:
            raise RuntimeError(f"{self.name} was not started")
        code = self._process.wait(START_SECONDS)
        return code, str(self.said()[-1]["message"])

    def said(self) -> list[dict[str, Any]]:
        """Every line of its log so far, of all its processes; raises ValueError for one that is not JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def pause(self) -> None:
        """SIGSTOP: it lives, but neither renews its Lease nor sees anything."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def page(self, path: str) -> requests.Response:
        """What it answers on its own port."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)

    def metric(self, line: str) -> float:
        """The value of one metric by its name and labels as Prometheus writes them; 0.0 where there is none."""
        found = [each for each in self.page("/metrics").text.splitlines() if each.startswith(f"{line} ")]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

    def memory(self) -> dict[str, float]:
        """Its resident memory now and at most, in MiB by the kernel's names."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return {name: int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")}

    def cpu_seconds(self) -> float:
        """Time that it has spent on a processor."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def await_metric(self, line: str, value: float) -> None:
        """Return when a metric has a value; it need not answer yet."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.metric(line) == value:
                    return
            except requests.ConnectionError:
                if not self.running:
                    break
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"{self.name}: {line} is not {value}; its log ends:\n{self.log_tail()}")

    def log_tail(self, lines: int = 20) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])
