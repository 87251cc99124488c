"""`kubectl chris rerun INSTANCE`."""

import argparse
import json

from chris_operator.cli.again import again, assignments, typed
from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import INSTANCES
from chris_operator.cli.options import connected, located
from chris_operator.cli.runs import joins, parsed, plugin_of, run_of
from chris_operator.core.validate import parameter_complaints


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.epilog = (
        "The new runs belong to the same analysis. Where an equal earlier run's output may serve it does, so only what "
        "changed is computed."
    )
    parser.add_argument("instance", metavar="INSTANCE", help="name of the run")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="another value of a parameter"
    )
    parser.add_argument("--unset", metavar="NAME", action="append", default=[], help="leave a parameter out")
    parser.add_argument(
        "--resource",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another amount of cpu, memory, …",
    )
    parser.add_argument("--from-here", action="store_true", help="all that read its output is run again, too")
    parser.add_argument(
        "--fresh", action="store_true", help="compute anew even where an equal run's output would serve"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be created, create nothing")


def run(options: argparse.Namespace) -> int:
    """Create the new runs, parents first, and name them."""
    kubectl = connected(options)
    bodies, _ = kubectl.all(INSTANCES)
    raw = {body["metadata"]["name"]: body for body in bodies}
    instance = run_of(kubectl, options.instance, raw)
    plugin = plugin_of(kubectl, instance)
    kept = {name: value for name, value in instance.spec.parameters.items() if name not in options.unset}
    parameters = kept | typed(assignments(options.set, "--set"), plugin)
    if wrong := parameter_complaints(plugin, parameters):
        raise UserError("; ".join(wrong))
    resources = assignments(options.resource, "--resource")
    made = again(
        parsed(raw),
        options.instance,
        parameters,
        resources,
        following=options.from_here,
        joins=joins(kubectl),
        fresh=options.fresh,
    )
    if options.dry_run:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}, indent=1))
        return 0
    for body in made:
        kubectl.create(body)
        print(body["metadata"]["name"])
    return 0
