"""`python3 -m localcluster COMMAND`: the cluster's command line."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from localcluster import binaries, cluster, deploy, existing, images, kind, prepare, registry
from localcluster.config import MAIN, cache_dir
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
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--cluster", default="", help=f"`{existing.KIND}`: a cluster that exists already")
    asked.add_argument("--context", default="", help="of its kubeconfig (default: the current one)")
    asked.add_argument("--registry", default="", metavar="HOST/PREFIX", help="that its nodes pull from")
    for name, action, text in (
        ("prepare", _prepare, "install the system packages that are missing, or name them"),
        ("env", _env, "print how to reach the cluster, as shell"),
        ("status", _status, "say whether the cluster is usable"),
        ("binaries", _binaries, "build the cluster's binaries and print the directory that holds them"),
        ("registry-binary", _registry_binary, "build an image registry for tests and print its path"),
    ):
        commands.add_parser(name, help=text).set_defaults(action=action)
    for name, action, text in (
        ("down", _down, "remove the cluster without a trace; an existing one stays"),
        ("deploy", _deploy, "put the operator, Swift and the plugins on the cluster"),
    ):
        commands.add_parser(name, parents=[asked], help=text).set_defaults(action=action)
    up_parser = commands.add_parser(
        "up", parents=[asked], help="make the cluster run, whatever state it is in; look at an existing one"
    )
    up_parser.add_argument("names", nargs="*", metavar="PLUGIN", help="for an existing one only these")
    up_parser.add_argument("--without-images", action="store_true", help="leave the images as they are")
    up_parser.set_defaults(action=_up)
    image_parser = commands.add_parser(
        "images", help="build images; bring them into the cluster or a registry"
    )
    image_parser.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all)")
    image_parser.add_argument(
        "--registry", metavar="HOST/PREFIX", help="push there instead of into the cluster"
    )
    image_parser.set_defaults(action=_images)
    trust_parser = commands.add_parser(
        "trust-registry", help="let the cluster pull from a registry without TLS"
    )
    trust_parser.add_argument("address", metavar="HOST:PORT")
    trust_parser.set_defaults(action=_trust_registry)
    return parser


def _prepare(_: argparse.Namespace) -> None:
    prepare.prepare(docker=kind.engine_answers())


def _exists(options: argparse.Namespace) -> bool:
    """Whether a cluster that exists already is asked for."""
    if options.cluster in {"", existing.KIND}:
        return bool(options.cluster)
    raise ClusterError(
        f"CLUSTER: must be {existing.KIND}, for a cluster that exists already, or left out for one of its own, "
        f"and is {options.cluster!r}"
    )


def _up(options: argparse.Namespace) -> None:
    if _exists(options):
        _prepare(options)
        existing.up(options.context, options.registry, options.names)
        return
    _prepare(options)
    if kind.engine_answers():
        kind.up(cluster.bin_dir())
    elif options.without_images:
        cluster.up(options.name, options.first_index)
    else:
        _up_while_building(options)
    if not options.without_images:
        images.provide([], options.name)


def _up_while_building(options: argparse.Namespace) -> None:
    """Images are built beside the cluster: downloads and compilers wait for different things."""
    stop = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        building = pool.submit(images.build, stop)
        try:
            cluster.up(options.name, options.first_index)
        except ClusterError:
            stop.set()
            raise
        building.result()


def _deploy(options: argparse.Namespace) -> None:
    if _exists(options):
        existing.put()
        return
    deploy.deploy(str(cluster.bin_dir() / "kubectl"))


def _binaries(_: argparse.Namespace) -> None:
    cluster.link_binaries()
    print(cluster.bin_dir())


def _registry_binary(_: argparse.Namespace) -> None:
    print(binaries.ensure(cache_dir(), binaries.REGISTRY) / "registry")


def _trust_registry(options: argparse.Namespace) -> None:
    config, _ = cluster.require(options.name)
    print(registry.trust(config, options.address))


def _env(options: argparse.Namespace) -> None:
    config, _ = cluster.require(options.name)
    print(config.env_file.read_text(), end="")


def _down(options: argparse.Namespace) -> None:
    if _exists(options):
        print(existing.farewell())
        return
    removed = kind.down(cluster.bin_dir()) if kind.engine_answers() else cluster.down(options.name)
    say(f"cluster {options.name}: {'removed' if removed else 'there is none'}")


def _status(options: argparse.Namespace) -> int:
    if kind.engine_answers():
        print(f"cluster {kind.NAME} (kind): " + ("up" if kind.is_up(cluster.bin_dir()) else "down"))
        return 0 if kind.is_up(cluster.bin_dir()) else 1
    found = cluster.running(options.name)
    if found is None:
        print(f"cluster {options.name}: down")
        return 1
    problems = cluster.problems(*found)
    print(f"cluster {options.name}: " + ("up" if not problems else "; ".join(problems)))
    return 1 if problems else 0


def _images(options: argparse.Namespace) -> None:
    if options.registry:
        images.publish(options.names, options.registry)
    else:
        images.provide(options.names, options.name)


if __name__ == "__main__":
    sys.exit(main())
