"""testprobe: the shared behaviour as a ds plugin."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chris_plugin import chris_plugin

from pl_testprobe.behaviour import add_parameters, behave

parser = ArgumentParser(description="Misbehaves as told, after reading an input.")
add_parameters(parser)


@chris_plugin(
    parser=parser,
    title="Test probe",
    category="test",
    min_memory_limit="64Mi",
    max_memory_limit="512Mi",
    min_cpu_limit="200m",
)
def main(options: Namespace, inputdir: Path, outputdir: Path) -> None:
    """Behave as told."""
    behave(options, inputdir, outputdir)


if __name__ == "__main__":
    main()
