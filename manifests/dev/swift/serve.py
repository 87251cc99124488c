"""A real OpenStack Swift of one node: writes its configuration and rings, starts it, and watches over it.

    python serve.py --data DIR --config DIR [--port 8080] [--base-port 6200] [--bind 0.0.0.0] [--proxies 2]
                    [--auth "authtoken keystoneauth" --filters FILE]

Account, container and object server, proxy, updaters and memcached run as children; if one dies, all end and
so does this process, for the kubelet (or a test) to start them again. The user and key of tempauth come from
SWIFT_USER (`account:user`) and SWIFT_KEY; another authentication is given by the names of its filters in the
proxy's pipeline and a file that configures them. Needs the packages of requirements/swift.txt and memcached.

One replica without integrity daemons: for development and tests, not for patients.
"""

# ruff: noqa: INP001, T201 - the one program of an image; its standard output is its log

import argparse
import importlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "conf"
SERVERS = {"account": 2, "container": 1, "object": 0}
"""Offsets from the base port, as Swift's own documentation numbers them."""
PROGRAMS = {
    "account-server": "swift.account.server",
    "container-server": "swift.container.server",
    "object-server": "swift.obj.server",
    "proxy-server": "swift.proxy.server",
    # Without the updaters neither usage nor quotas of an account move, and listings miss objects whose
    # container server was busy when they were written.
    "container-updater": "swift.container.updater",
    "object-updater": "swift.obj.updater",
}
INNER = "127.0.0.1"
"""Where all but the proxy listen."""
PART_POWER = 4
DEVICE = "sda1"
START_SECONDS = 60


def main() -> int:
    """Start everything and wait for its end."""
    arguments = parse_arguments()
    if arguments.program:
        return run_program(arguments.program, arguments.config)
    refuse_taken_ports(arguments)
    for name in (DEVICE, "recon"):
        (arguments.data / name).mkdir(parents=True, exist_ok=True)
    write_configuration(arguments)
    build_rings(arguments.config, arguments.base_port)
    return watch(start(arguments))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("/srv/swift"))
    parser.add_argument("--config", type=Path, default=Path("/etc/swift"))
    parser.add_argument("--bind", default="0.0.0.0")  # noqa: S104 - the pod's network is its Service's
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--base-port", type=int, default=6200)
    parser.add_argument("--proxies", type=int, default=2)
    parser.add_argument("--chunk-bytes", type=int, default=1 << 20)
    parser.add_argument("--auth", default="tempauth")
    parser.add_argument("--filters", type=Path)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_program(program: str, config: Path) -> int:
    """Become one of Swift's programs.

    Through set_swift_dir: the daemons read /etc/swift/swift.conf whatever their own configuration says, and
    with another hash suffix there the updater quarantines living containers.
    """
    utils = importlib.import_module("swift.common.utils")
    utils.set_swift_dir(str(config))
    sys.argv = [f"swift-{program}", str(config / f"{program.partition('-')[0]}.conf"), "--verbose"]
    importlib.import_module(PROGRAMS[program]).main()
    return 0


def refuse_taken_ports(arguments: argparse.Namespace) -> None:
    """SystemExit where something listens already: Swift would share the traffic with it (SO_REUSEPORT)."""
    inner = [(INNER, port) for port in range(arguments.base_port, arguments.base_port + 4)]
    for host, port in [(front(arguments), arguments.port), *inner]:
        if listens(port, host):
            raise SystemExit(f"port {port} is taken; stop what listens there or choose another")


def front(arguments: argparse.Namespace) -> str:
    """An address of this machine at which the proxy is reached."""
    bound: str = arguments.bind
    return "127.0.0.1" if bound == "0.0.0.0" else bound  # noqa: S104 - compared, not bound


def listens(port: int, host: str) -> bool:
    """Whether something accepts connections on a port of this machine."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def write_configuration(arguments: argparse.Namespace) -> None:
    """Fill the templates in."""
    user, _, name = os.environ["SWIFT_USER"].partition(":")
    values = {
        "USER": pwd.getpwuid(os.getuid()).pw_name,
        "BIND": arguments.bind,
        "PORT": arguments.port,
        "PROXIES": arguments.proxies,
        "CHUNK": arguments.chunk_bytes,
        "CONFIG": arguments.config,
        "DATA": arguments.data,
        "MEMCACHED": arguments.base_port + 3,
        "AUTH": arguments.auth,
        "FILTERS": arguments.filters.read_text() if arguments.filters else "",
        "LOGIN": f"user_{user}_{name} = {os.environ['SWIFT_KEY']} .admin",
        **{f"{server.upper()}_PORT": arguments.base_port + offset for server, offset in SERVERS.items()},
    }
    arguments.config.mkdir(parents=True, exist_ok=True)
    for template in sorted(TEMPLATES.glob("*.conf")):
        target = arguments.config / template.name
        target.write_text(fill(template.read_text(), values))
        target.chmod(0o600)


def fill(text: str, values: Mapping[str, object]) -> str:
    """The text with every @NAME@ replaced."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def build_rings(config: Path, base_port: int) -> None:
    """One device, one replica. Rings are made anew at every start: they depend on nothing but the ports."""
    ring = importlib.import_module("swift.common.ring")
    for server, offset in SERVERS.items():
        builder = ring.RingBuilder(PART_POWER, 1, 0)
        builder.add_dev(
            {
                "region": 1,
                "zone": 1,
                "ip": INNER,
                "port": base_port + offset,
                "device": DEVICE,
                "weight": 1,
            }
        )
        builder.rebalance()
        builder.get_ring().save(str(config / f"{server}.ring.gz"))


def start(arguments: argparse.Namespace) -> dict[str, subprocess.Popen[bytes]]:
    """All children, each with its standard output on ours, once the proxy answers."""
    memcached = ["memcached", "-l", INNER, "-p", str(arguments.base_port + 3), "-U", "0", "-m", "64"]
    if os.getuid() == 0:
        memcached += ["-u", "root"]
    children = {"memcached": subprocess.Popen(memcached)}
    wait_for_port(arguments.base_port + 3, INNER, children)
    for program in PROGRAMS:
        if program == "proxy-server":  # it would suspend servers that it finds closed
            for offset in SERVERS.values():
                wait_for_port(arguments.base_port + offset, INNER, children)
        command = [sys.executable, __file__, "--program", program, "--config", str(arguments.config)]
        children[program] = subprocess.Popen(command)
    wait_for_port(arguments.port, front(arguments), children)
    print(f"Swift serves on port {arguments.port}", flush=True)
    return children


def wait_for_port(port: int, host: str, children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Return when something listens on a port of ours; SystemExit when a child died or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if dead := [name for name, child in children.items() if child.poll() is not None]:
            stop(children.values())
            raise SystemExit(f"{dead[0]} ended with code {children[dead[0]].returncode} while starting")
        if listens(port, host):
            return
        time.sleep(0.05)
    stop(children.values())
    raise SystemExit(f"nothing listens on port {port} after {START_SECONDS} s")


def watch(children: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until we are told to stop (0) or a child ends (1); then end them all."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: told.append(got))
    while not told:
        for name, child in children.items():
            if child.poll() is not None:
                print(f"{name} ended with code {child.returncode}; stopping the others", flush=True)
                stop(children.values())
                return 1
        time.sleep(0.2)
    stop(children.values())
    return 0


def stop(children: Iterable[subprocess.Popen[bytes]]) -> None:
    """End all children, politely for five seconds."""
    living = [child for child in children if child.poll() is None]
    for child in living:
        child.terminate()
    deadline = time.monotonic() + 5
    for child in living:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()


if __name__ == "__main__":
    sys.exit(main())
