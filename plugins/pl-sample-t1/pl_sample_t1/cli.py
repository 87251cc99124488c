"""Command line: give the sample, which was made when the image was built."""

import hashlib
import json
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from chris_plugin import chris_plugin

# The image sets it; without it the plugin has nothing to give.
DATA_VARIABLE = "PL_SAMPLE_T1_DATA"
SUMMARY = "pl-sample-t1.json"

parser = ArgumentParser(description="Writes a real T1-weighted head scan, its brain mask and tissue labels.")


def verified(folder: Path) -> list[Path]:
    """The sample's files, each checked against the sum in the sample's own summary.

    Raises FileNotFoundError without a summary, ValueError if a file is not the one that was made.
    """
    if not (folder / SUMMARY).is_file():
        message = f"no {SUMMARY} in {folder}: set {DATA_VARIABLE} to the folder that make_data wrote"
        raise FileNotFoundError(message)
    entries = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["files"]
    for name, entry in entries.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != entry["sha256"]:
            message = f"{name}: sha256 is {found}, {SUMMARY} says {entry['sha256']}: the image is damaged"
            raise ValueError(message)
    return sorted(path for path in folder.iterdir() if path.is_file())


@chris_plugin(
    parser=parser,
    title="Sample T1 head scan",
    category="sample data",
    min_memory_limit="64Mi",
    min_cpu_limit="500m",
)
def main(_options: Namespace, outputdir: Path) -> None:
    """Copy the verified sample into `outputdir`."""
    try:
        files = verified(Path(os.environ.get(DATA_VARIABLE, "")))
    except (OSError, ValueError) as error:
        sys.exit(f"No sample: {error}")
    for file in files:
        shutil.copyfile(file, outputdir / file.name)
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
