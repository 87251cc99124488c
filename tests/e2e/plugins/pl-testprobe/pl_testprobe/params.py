"""testparams: one parameter of each type, three of them required; writes down how they arrived."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from chris_plugin import chris_plugin
from chris_plugin.types import Special

parser = ArgumentParser(description="Writes the parameters it was given to arguments.json.")
parser.add_argument("-r", "--requireParam", type=str, required=True, help="any text; must be given")
parser.add_argument("--dir", type=Special.path, required=True, help="folders in storage, contents merged")
parser.add_argument("--linkedDir", type=Special.unextpath, required=True, help="folders in storage, as links")
parser.add_argument("--text", type=str, default="some text", help="a text")
parser.add_argument("--whole", type=int, default=7, help="a whole number")
parser.add_argument("--ratio", type=float, default=0.5, help="a number")
parser.add_argument("--on", action="store_true", help="a switch that is off by default")
parser.add_argument("--off", action="store_false", help="a switch that is on by default")


@chris_plugin(
    parser=parser, title="Test parameters", category="test", min_memory_limit="64Mi", min_cpu_limit="200m"
)
def main(options: Namespace, outputdir: Path) -> None:
    """Write the words of the command line, the values parsed from them, and the files below both folders."""
    ours = ("requireParam", "dir", "linkedDir", "text", "whole", "ratio", "on", "off")
    values = {name: getattr(options, name) for name in ours}
    roots = {Path(word) for paths in (options.dir, options.linkedDir) for word in paths.split(",")}
    files = sorted(
        str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file()
    )
    seen = {"words": sys.argv[1:], "values": values, "input": files}
    (outputdir / "arguments.json").write_text(json.dumps(seen, indent=2) + "\n", encoding="utf-8")
    print(f"Wrote arguments.json: {len(values)} parameters, {len(files)} input files")


if __name__ == "__main__":
    main()
