"""Ports for the servers of tests.

They lie below those that the kernel gives to whoever connects: one of these may be taken between its choice and its use,
or while its server is restarted. And no port is given twice, to whatever test process, as long as the first one lives.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

RANGE = range(20_000, 32_000)
_LOCKS = Path(tempfile.gettempdir()) / "chris-test-ports"


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Consecutive ports on which nobody listens, neither at `host` nor at the loopback address."""
    while True:
        first = random.choice(RANGE[: 1 - count] if count > 1 else RANGE)  # noqa: S311  no secret
        ports = list(range(first, first + count))
        if all(_reserved(port) and _is_free(port, {host, "127.0.0.1"}) for port in ports):
            return ports


def _reserved(port: int) -> bool:
    _LOCKS.mkdir(exist_ok=True)
    lock = os.open(_LOCKS / str(port), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    return True  # it stays open for the rest of this process, with which the kernel lets go of the lock


def _is_free(port: int, hosts: set[str]) -> bool:
    for host in hosts:
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
