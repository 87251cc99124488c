"""`kubectl chris files INSTANCE`."""

import argparse
import json

from chris_operator.cli.access import swift
from chris_operator.cli.options import connected, located
from chris_operator.cli.outputs import Output
from chris_operator.cli.runs import run_of
from chris_operator.core.words import plural, size
from chris_operator.staging.placing import Member


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.add_argument("instance", metavar="INSTANCE", help="name of the run")
    parser.add_argument("-l", "--long", action="store_true", help="with checksums")
    parser.add_argument(
        "-o", "--output", choices=["text", "json"], default="text", help="json is for programs"
    )


def run(options: argparse.Namespace) -> int:
    """List what the run's manifest lists, at the paths where a plugin finds it."""
    kubectl = connected(options)
    instance = run_of(kubectl, options.instance)
    with swift(kubectl) as storage:
        output = Output.read(storage, instance)
    found = output.files()
    if options.output == "json":
        print(json.dumps([_fields(each) for each in found], indent=1))
        return 0
    for each in found:
        proof = f"{_proof(each)}  " if options.long else ""
        print(f"{size(each.entry.size):>9}  {proof}{printable(each.path)}")
    print(f"{plural(len(found), 'file')}, {size(output.header.bytes)}")
    return 0


def printable(path: str) -> str:
    r"""A path that no terminal takes for commands.

    >>> printable("a\nb ü"), printable("\udcff")
    ('a\\nb ü', '\\udcff')
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in path)


def _proof(member: Member) -> str:
    entry = member.entry
    return f"sha256:{entry.sha256}" if entry.sha256 else f"etag:{entry.etag}"


def _fields(member: Member) -> dict[str, str | int]:
    return {"path": member.path, "size": member.entry.size, "content": _proof(member)}
