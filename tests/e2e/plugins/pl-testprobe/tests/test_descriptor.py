import sys
from pathlib import Path

import plugin_resource
import pytest

# chris_plugin_info expects one program per distribution; here each is shown to it as if it were the only one.
ONE_PROGRAM = """
import importlib.metadata, sys
from chris_plugin.tool import chris_plugin_info as tool
module, program = sys.argv.pop(1), sys.argv.pop(1)
whole = importlib.metadata.distribution("pl-testprobe")
class Part:
    name, metadata = whole.name, whole.metadata
    entry_points = [point for point in whole.entry_points if point.name == program]
tool.get_or_guess = lambda _name: ([module], Part)
tool.main()
"""


def printed(module, program):
    command = (
        Path(sys.executable).name,
        "-c",
        ONE_PROGRAM,
        f"pl_testprobe.{module}",
        program,
        "--name",
        f"pl-{program}",
    )
    return plugin_resource.printed("localhost/chris/pl-testprobe:1.0.0", command)


def test_plugin_yaml_says_what_the_programs_say():
    programs = [printed("cli", "testprobe"), printed("source", "testsource"), printed("params", "testparams")]
    plugin_resource.check(Path(__file__).parents[1], programs)


@pytest.mark.parametrize(
    ("module", "program", "kind"), [("cli", "testprobe", "ds"), ("source", "testsource", "fs")]
)
def test_type(module, program, kind):
    assert printed(module, program)["type"] == kind
