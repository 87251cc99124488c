"""testsource: the shared behaviour as an fs plugin, which needs no parent."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chris_plugin import chris_plugin

from pl_testprobe.behaviour import add_parameters, behave

parser = ArgumentParser(description="Misbehaves as told, without any input.")
add_parameters(parser)


@chris_plugin(
    parser=parser,
    title="Test source",
    category="test",
    min_memory_limit="64Mi",
    max_memory_limit="512Mi",
    min_cpu_limit="200m",
)
def main(options: Namespace, outputdir: Path) -> None:
    """Behave as told."""
    behave(options, None, outputdir)


if __name__ == "__main__":
    main()
