"""`python -m chris_operator.controller`: the operator's process."""

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import replace

from chris_operator.cluster import Cluster

from . import fast_start, logs, settings
from .root import ForeignRoot, OwnStorage
from .service import Service

log = logging.getLogger(__name__)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chris-operator", description=__doc__)
    parser.add_argument(
        "--adopt-swift-root",
        metavar="UID",
        help="take over the Swift data of the cluster with this UID (of its kube-system namespace)",
    )
    return parser.parse_args()


async def _run(options: settings.OperatorSettings) -> None:
    storage = OwnStorage(dict(os.environ))
    async with await Cluster.connect() as cluster:
        await Service(cluster, storage, await fast_start.decided(cluster, options)).run()


def main() -> None:
    """Run until told to stop; a mistake in the installation ends with one line that names it."""
    arguments = _arguments()
    try:
        logs.configure(os.environ)
        options = settings.read(os.environ)
        if arguments.adopt_swift_root:
            options = replace(options, adopt_root=arguments.adopt_swift_root)
        asyncio.run(_run(options))
    except (settings.SettingsError, ForeignRoot, ValueError) as error:
        log.critical("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
