"""Command line: list the input, sleep if asked, copy."""

import json
import os
import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path, PurePosixPath

from chris_plugin import chris_plugin

from pl_simpledsapp.algorithm import prefixed, seconds

parser = ArgumentParser(description="Copies every input file under a prefixed name.")
parser.add_argument("-p", "--prefix", type=str, default="", help="prefix for file names")
parser.add_argument(
    "--ignoreInputDir",
    dest="b_ignoreInputDir",
    action="store_true",
    help="if set, ignore the input dir completely",
)
parser.add_argument(
    "--sleepLength", type=str, default="0", help="time to sleep before performing plugin action"
)
parser.add_argument("--dummyInt", type=int, default=1, help="dummy integer parameter")
parser.add_argument("--dummyFloat", type=float, default=1.1, help="dummy float parameter")
parser.add_argument(
    "--pftelDB",
    type=str,
    default="",
    help="an optional pftel telemetry logger, of form '<pftelURL>/api/v1/<object>/<collection>/<event>'",
)


def regular_files(folder: Path) -> list[PurePosixPath]:
    """Relative paths of the regular files below `folder`; links and special files are left out."""
    return [
        PurePosixPath(os.path.relpath(path, folder))
        for root, _, names in os.walk(folder)
        for path in (Path(root, name) for name in names)
        if path.is_file() and not path.is_symlink()
    ]


def copy_all(inputdir: Path, outputdir: Path, prefix: str) -> None:
    """Copy every regular file of `inputdir` into the same folder of `outputdir`, its name prefixed."""
    for source, target in prefixed(regular_files(inputdir), prefix):
        destination = outputdir / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inputdir / source, destination)
        print(f"Copied {source} to {target}")


def write_parameters(options: Namespace, outputdir: Path) -> None:
    """The one file written when the input is ignored: the parameters as they arrived."""
    names = ("prefix", "b_ignoreInputDir", "sleepLength", "dummyInt", "dummyFloat", "pftelDB")
    values = {name: getattr(options, name) for name in names}
    target = outputdir / f"{options.prefix}simpledsapp.json"
    target.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    print(f"Ignored the input; wrote the parameters to {target.name}")


@chris_plugin(
    parser=parser,
    title="Simple chris ds app",
    category="copy",
    min_memory_limit="64Mi",
    min_cpu_limit="200m",
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Copy `inputdir` to `outputdir`; a wrong parameter ends with exit code 2 and one line of explanation."""
    try:
        pause = seconds(options.sleepLength)
        prefixed([], options.prefix)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    if options.pftelDB:
        print(f"--pftelDB {options.pftelDB} is accepted and not used: plugins have no network here.")
    print(f"Sleeping for {pause:g} s", flush=True)
    time.sleep(pause)
    if options.b_ignoreInputDir:
        write_parameters(options, outputdir)
    else:
        copy_all(inputdir, outputdir, options.prefix)


if __name__ == "__main__":
    main()
