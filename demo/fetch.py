"""`make fetch RUN=namespace/name`: a run's files and its log on this machine, every byte verified."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from chris_operator.core.names import attempt_prefix
from chris_operator.models.plugininstance import PluginInstance
from chris_operator.storage import NotFound, Storage, StorageError

from .download import credentials, fetch, reachable
from .tree import size


class FetchError(Exception):
    """What keeps a run from being fetched, in one line for the user."""


def instance(run: str) -> PluginInstance:
    """The run `namespace/name`, as kubectl sees it."""
    namespace, slash, name = run.partition("/")
    if not slash:
        raise FetchError(f"RUN is {run!r}: write namespace/name, for example alice/register")
    words = ["kubectl", "-n", namespace, "get", "plugininstance", name, "-o", "json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FetchError(done.stderr.strip())
    return PluginInstance.parse(json.loads(done.stdout))


def free(folder: Path) -> Path:
    """A folder that may be written: files that are there already are nobody's but the user's."""
    if folder.exists() and any(folder.iterdir()):
        raise FetchError(f"{folder} is not empty: remove it, or name another place by TO=folder")
    return folder


def log(run: PluginInstance) -> bytes:
    """What the program of the run's last attempt printed."""
    status = run.status
    if status.attempt is None or status.id is None or status.feed_id is None or status.user is None:
        return b""
    with reachable(credentials()) as values:
        prefix = attempt_prefix(status.user, status.feed_id, status.id, status.attempt.number)
        try:
            return Storage(values).get(f"{prefix}log")[0]
        except NotFound:
            return b""


def main() -> int:
    """Parse the command line, fetch, say where things are."""
    parser = argparse.ArgumentParser(prog="fetch", description=__doc__)
    parser.add_argument("run", metavar="NAMESPACE/NAME")
    parser.add_argument("folder", type=Path, help="the run's folder is made in this one")
    options = parser.parse_args()
    try:
        run = instance(options.run)
        target = free(options.folder / run.metadata.name)
        fetch(run, target)
        target.with_name(f"{target.name}.log").write_bytes(log(run))
    except (FetchError, StorageError, ValueError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    if run.status.output:
        print(
            f"{target}: {run.status.output.files} files, {size(run.status.output.bytes)}; log in {target}.log"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
