"""`kubectl chris cp INSTANCE[:PATH] FOLDER` and `kubectl chris cp FILE… home/USER/uploads/…`."""

import argparse
from pathlib import Path

from chris_operator.cli.access import swift
from chris_operator.cli.download import chosen, download
from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import Kubectl
from chris_operator.cli.options import connected, located
from chris_operator.cli.outputs import Output
from chris_operator.cli.runs import run_of
from chris_operator.cli.upload import upload
from chris_operator.core.words import plural, size

HOME = "home/"


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.epilog = (
        f"A target that begins with {HOME} is a place in Swift (write ./{HOME}… for a folder of that name here). Files "
        "come into FOLDER itself, a folder that is sent keeps its name. An interrupted call goes on where it stopped "
        "when it is made again; files that are there already with the same content are not sent anew."
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="+", help="INSTANCE or INSTANCE:PATH; or files and folders here"
    )
    parser.add_argument("target", metavar="TARGET", help="folder here; or home/USER/uploads/…")
    parser.add_argument("--overwrite", action="store_true", help="replace files at the target that differ")


def run(options: argparse.Namespace) -> int:
    """Copy in the direction that the target tells."""
    kubectl = connected(options)
    if options.target.startswith(HOME):
        print(
            _up(kubectl, [Path(each) for each in options.source], options.target, overwrite=options.overwrite)
        )
        return 0
    if len(options.source) > 1:
        raise UserError(f"{len(options.source)} sources for {options.target}: bring one run at a time")
    print(_down(kubectl, options.source[0], Path(options.target), overwrite=options.overwrite))
    return 0


def _down(kubectl: Kubectl, source: str, target: Path, *, overwrite: bool) -> str:
    name, _, below = source.partition(":")
    instance = run_of(kubectl, name)
    with swift(kubectl) as storage:
        output = Output.read(storage, instance)
        wanted = chosen(output.files(), below, name)
        brought = download(storage, output, wanted, target, overwrite=overwrite)
    kept = f", {brought.kept} of them there already" if brought.kept else ""
    partial = "; the run failed, so this is what it had written by then" if output.header.partial else ""
    return f"{target}: {plural(brought.files, 'file')}, {size(brought.bytes)}{kept}{partial}"


def _up(kubectl: Kubectl, sources: list[Path], target: str, *, overwrite: bool) -> str:
    with swift(kubectl) as storage:
        sent = upload(storage, sources, target, overwrite=overwrite)
    kept = f", {sent.kept} of them there already" if sent.kept else ""
    left = f"; left out, as only regular files are sent: {sent.skipped}" if sent.skipped else ""
    return f"{target.rstrip('/')}: {plural(sent.files, 'file')}, {size(sent.bytes)}{kept}{left}"
