"""`kubectl chris crate FEED -o DIRECTORY|FILE.zip`."""

import argparse
import shutil
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chris_operator.cli import tree
from chris_operator.cli.access import swift
from chris_operator.cli.download import THREADS, download, writable
from chris_operator.cli.errors import NotFoundError, UserError
from chris_operator.cli.kubectl import FEEDS, INSTANCES, Kubectl
from chris_operator.cli.options import connected, located
from chris_operator.cli.outputs import Output
from chris_operator.cli.runs import parsed, plugin_of
from chris_operator.cli.tree import Node
from chris_operator.core.crate import records
from chris_operator.core.crate.data import folder, named_folder
from chris_operator.core.crate.document import documents
from chris_operator.core.crate.entities import METADATA
from chris_operator.core.crate.records import FeedRecord, RunRecord
from chris_operator.core.links import staged
from chris_operator.core.plan import final_condition
from chris_operator.core.words import plural
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstance, PluginReference
from chris_operator.storage import Storage

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a ZIP file can tell: the same Feed gives the same bytes."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    located(parser)
    parser.epilog = (
        "The crate is a Provenance Run Crate: images by digest, parameters, inputs and outputs with checksums, times and "
        "resources. It names files and parameters, which may be patients' data: mind to whom it goes."
    )
    parser.add_argument("feed", metavar="FEED", help="name of the analysis")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="directory, or file that ends in .zip"
    )
    parser.add_argument(
        "--data", action="store_true", help="with the files themselves; without, they are described only"
    )
    parser.add_argument(
        "--license", default="", metavar="URL", help="terms under which the crate may be used"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a crate that is there")


def run(options: argparse.Namespace) -> int:
    """Gather, describe, write."""
    target: Path = options.output
    present = target if target.suffix == ".zip" else target / METADATA
    if present.exists() and not options.overwrite:
        raise UserError(f"{present} exists: name another place, or add --overwrite")
    kubectl = connected(options)
    feed, instances = _feed(kubectl, options.feed)
    if target.suffix == ".zip":
        with writable(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            held = tempfile.TemporaryDirectory(prefix=".kubectl-chris-", dir=target.parent)
        with held as inner:
            record = _written(kubectl, feed, instances, Path(inner) / "crate", options)
            _zip(Path(inner) / "crate", Path(inner) / target.name)
            (Path(inner) / target.name).replace(target)
    else:
        record = _written(kubectl, feed, instances, target, options)
    print(
        f"{target}: {plural(len(record.runs), 'run')}, {plural(sum(len(each.files) for each in record.runs), 'file')}"
    )
    return 0


def _feed(kubectl: Kubectl, name: str) -> tuple[Feed, list[PluginInstance]]:
    """The Feed and its runs that have ended."""
    feed = Feed.parse(kubectl.get(FEEDS, name))
    bodies, _ = kubectl.all(INSTANCES)
    chosen = {node.name for node in tree.of_feed(map(Node.of, bodies), name)}
    known = parsed({body["metadata"]["name"]: body for body in bodies if body["metadata"]["name"] in chosen})
    ended = records.ended(known.values())
    if not ended:
        raise UserError(
            f"Feed {name} has no run that has ended: `kubectl chris tree {name}` shows how far they are"
        )
    if left := len(known) - len(ended):
        print(f"left out, as they have not ended: {plural(left, 'run')}", file=sys.stderr)
    return feed, ended


def _written(
    kubectl: Kubectl, feed: Feed, instances: list[PluginInstance], target: Path, options: argparse.Namespace
) -> FeedRecord:
    """Write a crate into a directory."""
    programs = _programs(kubectl, instances)
    with writable(target):
        target.mkdir(parents=True, exist_ok=True)
    with swift(kubectl) as storage, ThreadPoolExecutor(THREADS) as pool:
        gathered = list(
            pool.map(lambda each: _gathered(storage, each, programs[each.metadata.name]), instances)
        )
        for each in gathered if options.data else ():
            for output, place in ((each.output, folder(each.run)), (each.named, named_folder(each.run))):
                if output:
                    download(storage, output, output.files(), target / place, overwrite=options.overwrite)
    runs = [each.run for each in gathered]
    record = FeedRecord(feed, tuple(runs))
    for name, data in documents(record, carried=options.data, license_url=options.license).items():
        (target / name).write_bytes(data)
    return record


@dataclass(frozen=True, slots=True)
class Gathered:
    """One run with what it wrote, and what its parameters named."""

    run: RunRecord
    output: Output | None
    named: Output | None


def _gathered(storage: Storage, instance: PluginInstance, program: PluginSpec) -> Gathered:
    condition = final_condition(instance)
    if condition is None:  # told apart by `records.ended`
        raise ValueError(f"{instance.metadata.name} has not ended")
    output = Output.read(storage, instance) if instance.status.output else None
    named = Output.named(storage, instance) if staged(instance, program) else None
    files = [records.files(each.entries) if each else () for each in (output, named)]
    return Gathered(RunRecord(instance, condition, program, *files), output, named)


def _programs(kubectl: Kubectl, instances: list[PluginInstance]) -> dict[str, PluginSpec]:
    """The Plugin of each run; of one that is registered no longer, what the run tells."""
    registered: dict[PluginReference, PluginSpec] = {}
    for reference, example in {each.spec.plugin: each for each in instances}.items():
        with suppress(NotFoundError):
            registered[reference] = plugin_of(kubectl, example)
    return {
        each.metadata.name: registered.get(each.spec.plugin) or records.remembered(each) for each in instances
    }


def _zip(source: Path, target: Path) -> None:
    """Pack a directory so that equal contents give equal bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            info = zipfile.ZipInfo(f"{name}/" if path.is_dir() else name, _EPOCH)
            info.compress_type = zipfile.ZIP_STORED if path.is_dir() else zipfile.ZIP_DEFLATED
            info.external_attr = (0o40755 << 16 | 0x10) if path.is_dir() else 0o100644 << 16
            if path.is_dir():
                archive.writestr(info, b"")
                continue
            with path.open("rb") as file, archive.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(file, member, 1 << 20)
