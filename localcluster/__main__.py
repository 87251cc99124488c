"""`python3 -m localcluster COMMAND`: the cluster's command line."""

import argparse
import sys
from collections.abc import Sequence

from localcluster import cluster
from localcluster.config import MAIN
from localcluster.console import say
from localcluster.errors import ClusterError


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, delegate, report; 0 on success, 1 when something the user must know went wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options) or 0)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description=__doc__)
    parser.add_argument("--name", default=MAIN, help="which cluster of this checkout (default: %(default)s)")
    parser.add_argument("--first-index", type=int, default=0, help="first set of address ranges to try")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, action, text in (
        ("up", _up, "make the cluster run, whatever state it is in"),
        ("down", _down, "remove the cluster without a trace"),
        ("status", _status, "say whether the cluster is usable"),
    ):
        commands.add_parser(name, help=text).set_defaults(action=action)
    return parser


def _up(options: argparse.Namespace) -> None:
    cluster.up(options.name, options.first_index)


def _down(options: argparse.Namespace) -> None:
    removed = cluster.down(options.name)
    say(f"cluster {options.name}: {'removed' if removed else 'there is none'}")


def _status(options: argparse.Namespace) -> int:
    found = cluster.running(options.name)
    if found is None:
        print(f"cluster {options.name}: down")
        return 1
    problems = cluster.problems(*found)
    print(f"cluster {options.name}: " + ("up" if not problems else "; ".join(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
