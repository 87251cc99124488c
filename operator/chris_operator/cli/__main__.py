"""`kubectl chris …`: look at analyses, bring files to and fro, run again, and learn why something waits or failed.

Exit codes: 0 done; 1 it could not be done, and one line on standard error says why and what helps; 2 wrong usage;
130 interrupted (what transfers data goes on where it stopped when it is run again).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from chris_operator.cli.errors import UserError

COMMANDS = {
    "tree": "draw an analysis: its runs, how they are doing, what they wrote",
    "why": "say what a run waits for, or why it failed and what helps",
    "logs": "print what a run's program printed, live while it runs",
    "files": "list the files that a run wrote",
    "cp": "bring a run's files here, or files from here to Swift",
    "rerun": "run again, with other parameters if wished, alone or with all that followed",
    "pipeline": "bring pipelines of today's ChRIS in or out",
    "crate": "export an analysis with its provenance as an RO-Crate",
}
"""Every command with its help. Each is a module, loaded only when it is asked for."""
TRACEBACK = "CHRIS_TRACEBACK"
INTERRUPTED = 130


def parser(chosen: str = "") -> argparse.ArgumentParser:
    """The command line; only the chosen command's own arguments are known in full."""
    whole = argparse.ArgumentParser(
        prog="kubectl chris",
        description=__doc__,
        epilog=f"An error of ours shows its traceback where {TRACEBACK} is set.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, words in COMMANDS.items():
        one = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == chosen:
            module = import_module(f"chris_operator.cli.commands.{name}")
            module.configure(one)
            one.set_defaults(run=module.run)
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if words is None else words)
    options = parser(given[0] if given else "").parse_args(given)
    try:
        done: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        return _failed(str(error))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        told = f"an error of ours ({type(error).__name__}: {error})"
        return _failed(f"{told}; {TRACEBACK}=1 shows where, please report that")
    return done


def _failed(words: str) -> int:
    print(f"kubectl chris: {words}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
