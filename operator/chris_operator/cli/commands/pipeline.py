"""`kubectl chris pipeline import FILE` and `kubectl chris pipeline export NAME`."""

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from chris_operator.cli.errors import UserError
from chris_operator.cli.kubectl import PIPELINES, Kubectl
from chris_operator.cli.options import connected, located
from chris_operator.cli.runs import joins, reference
from chris_operator.core.chris_pipeline import FormatError, imported, to_json, to_yaml
from chris_operator.models.base import explain
from chris_operator.models.pipeline import Pipeline


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    take = acts.add_parser("import", help="make a Pipeline of a file in ChRIS's JSON or YAML format")
    take.add_argument("file", metavar="FILE", help="the file; - is standard input")
    take.add_argument("--name", help="name of the Pipeline (default: made from its title)")
    take.add_argument("--dry-run", action="store_true", help="print the Pipeline, create nothing")
    give = acts.add_parser("export", help="print a Pipeline in ChRIS's format")
    give.add_argument("name", metavar="NAME", help="name of the Pipeline")
    give.add_argument(
        "-o", "--output", choices=["json", "yaml"], default="json", help="which of ChRIS's formats"
    )
    for each in (take, give):
        located(each)


def run(options: argparse.Namespace) -> int:
    """Bring a pipeline in or out."""
    kubectl = connected(options)
    return _import(kubectl, options) if options.act == "import" else _export(kubectl, options)


def _import(kubectl: Kubectl, options: argparse.Namespace) -> int:
    numbers = {(body.get("status") or {}).get("id"): reference(body) for body in kubectl.plugins()}
    try:
        body = imported(_text(options.file), name=options.name, numbered=numbers.get)
    except FormatError as error:
        raise UserError(f"{options.file}: {error}") from error
    body["metadata"]["namespace"] = kubectl.namespace
    if options.dry_run:
        print(json.dumps(body, indent=1))
        return 0
    kubectl.create(body)
    print(body["metadata"]["name"])
    return 0


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def _export(kubectl: Kubectl, options: argparse.Namespace) -> int:
    try:
        pipeline = Pipeline.parse(kubectl.get(PIPELINES, options.name))
    except ValidationError as error:
        words = f"Pipeline {options.name} is not one that this program knows: {explain(error)}"
        raise UserError(f"{words}; update kubectl-chris to the operator's version") from error
    sys.stdout.write((to_yaml if options.output == "yaml" else to_json)(pipeline, joins(kubectl)))
    return 0
