"""A TLS terminator before a server of this machine, certified by an authority of its own that nobody else trusts.

    with tls_front(swift.port, tmp_path) as front:
        requests.get(f"{front.url}/info", verify=str(front.ca))

It is a process of its own: `python -m tests.tls_front PORT TO DIRECTORY`.
"""

import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.apiserver import process
from tests.ports import free_ports

HOST = "127.0.0.1"
CHUNK = 1 << 18
START_SECONDS = 60.0
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Front:
    """Where it answers, and the certificate (PEM file) of the authority to trust."""

    url: str
    ca: Path


@contextmanager
def tls_front(port: int, directory: Path) -> Iterator[Front]:
    """A terminator on a port of its own for as long as the block runs."""
    ca = _certify(directory)
    (front,) = free_ports(1)
    command = [sys.executable, "-m", "tests.tls_front", str(front), str(port), str(directory)]
    with process(command, directory / "front.log") as running:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(front):
            if running.poll() is not None or time.monotonic() > deadline:
                log = (directory / "front.log").read_text()
                raise TimeoutError(f"the TLS terminator does not start:\n{log}")
            time.sleep(0.05)
        yield Front(f"https://{HOST}:{front}", ca)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


async def serve(port: int, to: int, directory: Path) -> None:
    """Terminate TLS on `port` and carry the bytes to and from the port `to`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "front.crt", directory / "front.key")
    server = await asyncio.start_server(lambda r, w: _join(to, r, w), HOST, port, ssl=context)
    await server.serve_forever()


async def _join(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until either side has no more."""
    there, back = await asyncio.open_connection(HOST, port)
    pumps = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for each in (writer, back):
        each.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()


def _certify(directory: Path) -> Path:
    """Make an authority and let it sign the front's certificate."""
    ca, key = directory / "ca.crt", directory / "ca.key"
    authority = ["openssl", "req", "-x509", *_NEW_KEY, "-days", "2", "-subj", "/CN=a hospital's authority"]
    _call([*authority, "-keyout", str(key), "-out", str(ca)])
    request = directory / "front.csr"
    wish = ["openssl", "req", *_NEW_KEY, "-subj", "/CN=swift", "-keyout", str(directory / "front.key")]
    _call([*wish, "-out", str(request)])
    extensions = directory / "extensions"
    extensions.write_text(f"subjectAltName=IP:{HOST}\nbasicConstraints=CA:FALSE\n")
    sign = ["openssl", "x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(key)]
    sign += ["-CAcreateserial", "-days", "2", "-extfile", str(extensions)]
    _call([*sign, "-out", str(directory / "front.crt")])
    return ca


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
