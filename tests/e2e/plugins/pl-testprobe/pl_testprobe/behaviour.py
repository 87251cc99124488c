"""The parameters that testprobe and testsource share, and what each of them does."""

import hashlib
import json
import os
import resource
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pl_testprobe import hostility
from pl_testprobe.algorithm import ODD_NAMES, content, log_blocks, names

MIB = 1 << 20
PAGE = resource.getpagesize()
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def add_parameters(parser: ArgumentParser) -> None:
    """Add the shared parameters: all optional, and without any of them one small file is written."""
    parser.add_argument("--exitCode", type=int, default=0, help="end with this exit code, after writing")
    parser.add_argument("--killSelf", action="store_true", help="end by SIGKILL, after writing")
    parser.add_argument("--ignoreTerm", action="store_true", help="do not end on SIGTERM")
    parser.add_argument("--writeNothing", action="store_true", help="leave the output empty")
    parser.add_argument("--files", type=int, default=1, help="write this many files")
    parser.add_argument("--bytes", type=int, default=1024, help="size of each of them")
    parser.add_argument("--logBytes", type=int, default=0, help="print this many characters first")
    parser.add_argument("--sleep", type=float, default=0.0, help="sleep this many seconds before writing")
    parser.add_argument("--burn", type=float, default=0.0, help="use this many CPU seconds before writing")
    parser.add_argument("--allocate", type=int, default=0, help="hold this many MiB of memory until the end")
    parser.add_argument(
        "--fill", type=int, default=0, help="write this many MiB into one more file, before sleeping"
    )
    parser.add_argument(
        "--sparse", type=int, default=0, help="the same, but a file that takes no room on the disk"
    )
    parser.add_argument("--oddNames", action="store_true", help="write files with odd names as well")
    parser.add_argument(
        "--hostile", action="store_true", help="write links, devices, a FIFO and a socket as well"
    )
    parser.add_argument("--orphans", action="store_true", help="leave children behind that will not end")
    parser.add_argument("--tamper", default="", help="spoil this of the state directory: " + hostility.KNOWN)
    parser.add_argument(
        "--report", action="store_true", help="write report.json: what the program sees around it"
    )


def report(inputdir: Path | None, outputdir: Path) -> dict[str, object]:
    """What the pod shows to a program: identity, environment, what is writable, the input with its sums."""
    folders = [folder for folder in (inputdir, outputdir, Path("/"), Path("/tmp")) if folder]  # noqa: S108  is it?
    files = sorted(path for path in inputdir.rglob("*") if path.is_file()) if inputdir else []
    return {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "environment": dict(sorted(os.environ.items())),
        "device": (outputdir / "device").is_char_device(),
        "writable": {str(folder): os.access(folder, os.W_OK) for folder in folders},
        "serviceAccountToken": TOKEN.exists(),
        "input": {
            str(path.relative_to(inputdir)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }
        if inputdir
        else {},
    }


def hold(mebibytes: int) -> bytearray:
    """Memory that is really there: one byte of every page is written."""
    block = bytearray(mebibytes * MIB)
    block[::PAGE] = b"\1" * len(range(0, len(block), PAGE))
    return block


def burn(seconds: float) -> None:
    """Use CPU time, not clock time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        hashlib.sha256(b"warm").digest()


def fill(target: Path, mebibytes: int) -> None:
    """A file that really takes its room."""
    with target.open("wb") as file:
        for _ in range(mebibytes):
            file.write(b"\1" * MIB)


def write_odd_names(outputdir: Path) -> None:
    """A file of every odd name, each with its own name as content."""
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(outputdir) + b"/" + name)).write_bytes(name)


def write(options: Namespace, inputdir: Path | None, outputdir: Path) -> None:
    """Write what was asked for."""
    for index, name in enumerate(names(options.files)):
        target = outputdir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content(index, options.bytes))
    if options.oddNames:
        write_odd_names(outputdir)
    if options.hostile:
        hostility.write(outputdir)
    if options.report:
        seen = json.dumps(report(inputdir, outputdir), indent=2) + "\n"
        (outputdir / "report.json").write_text(seen, encoding="utf-8")


def end(options: Namespace) -> None:
    """End as asked."""
    sys.stdout.flush()
    if options.killSelf:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(options.exitCode)


def behave(options: Namespace, inputdir: Path | None, outputdir: Path) -> None:
    """Log, hold memory, fill, burn, sleep, write, end: in this order, so that a failure leaves its output behind."""
    if options.ignoreTerm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.writelines(log_blocks(options.logBytes))
    sys.stdout.flush()
    held = hold(options.allocate)
    if options.fill:
        fill(outputdir / "fill.bin", options.fill)
    if options.sparse:
        with (outputdir / "sparse.bin").open("wb") as file:
            file.truncate(options.sparse * MIB)
    burn(options.burn)
    time.sleep(options.sleep)
    if not options.writeNothing:
        write(options, inputdir, outputdir)
    if options.tamper:
        hostility.tamper(options.tamper)
    if options.orphans:
        hostility.leave_children()
    print(f"Held {len(held) // MIB} MiB, wrote {0 if options.writeNothing else options.files} files")
    end(options)
