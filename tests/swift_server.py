"""A real Swift for tests: the development Swift of manifests/dev, in a directory and on ports of its own.

    with running_swift(tmp_path) as swift:
        Storage(swift.credentials)

Swift's packages live in a virtual environment of their own, made from requirements/swift.txt once per lock
and kept in the user's cache. memcached comes from the system. `lock` and `arguments` (of serve.py) make it another
Swift: one that asks a Keystone, see tests/keystone_server.py.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_ports

REPOSITORY = Path(__file__).resolve().parent.parent
SERVE = REPOSITORY / "manifests" / "dev" / "swift" / "serve.py"
LOCK = REPOSITORY / "requirements" / "swift.txt"
START_SECONDS = 120


class SwiftServer:
    """One Swift, which can be killed and started again over the same data and ports."""

    def __init__(
        self, root: Path, host: str = "127.0.0.1", *, lock: Path = LOCK, arguments: Sequence[str] = ()
    ) -> None:
        self.root, self.host = root, host
        self._lock, self.arguments = lock, list(arguments)
        self.port, self._base_port = free_ports(5, host)[:2]  # the last four are of its inner servers
        self.log = root / "swift.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def credentials(self) -> Mapping[str, str]:
        return {"ST_AUTH": f"{self.url}/auth/v1.0", "ST_USER": "chris:operator", "ST_KEY": "testing"}

    @property
    def pid(self) -> int:
        """The process that all of Swift's processes descend from."""
        if not self._process:
            raise RuntimeError("Swift is not running; call start()")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until the proxy answers."""
        command = [str(python_of(self._lock)), str(SERVE), "--bind", self.host, "--port", str(self.port)]
        command += ["--base-port", str(self._base_port), "--data", str(self.root / "data")]
        command += ["--config", str(self.root / "etc"), *self.arguments]
        environment = dict(os.environ) | {"SWIFT_USER": "chris:operator", "SWIFT_KEY": "testing"}
        environment["PATH"] += ":/usr/bin:/usr/sbin"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"Swift does not start; its log ends:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL to every process, as when the node loses power."""
        if self._process:
            for pid in [
                self._process.pid,
                *descendants(self._process.pid),
            ]:  # each server leads its own group
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what is left."""
        if self._process:
            left = descendants(self._process.pid)
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.kill()


def descendants(pid: int) -> list[int]:
    """Every process below one, parents first."""
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended meanwhile
        return []
    return children + [each for child in children for each in descendants(child)]


@contextmanager
def running_swift(
    root: Path, host: str = "127.0.0.1", *, arguments: Sequence[str] = ()
) -> Iterator[SwiftServer]:
    """A Swift below `root` for as long as the block runs, at one of this machine's addresses."""
    server = SwiftServer(root, host, arguments=arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def swift_python() -> Path:
    """The interpreter that has Swift's packages."""
    return python_of(LOCK)


def python_of(requirements: Path) -> Path:
    """The interpreter that has a lock's packages; makes its environment the first time (about a minute)."""
    if not shutil.which("memcached", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin"):
        raise RuntimeError("memcached is missing; install it (Debian: apt-get install memcached)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chris-on-kubernetes" / "venvs"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:16]
    home = cache / f"{requirements.stem}-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may start at once
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
            subprocess.run([*pip, "-r", str(requirements)], check=True)
            (home / "complete").touch()
    return home / "bin" / "python"
