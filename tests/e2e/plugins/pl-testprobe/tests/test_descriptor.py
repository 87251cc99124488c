from pathlib import Path

import plugin_resource
import pytest

IMAGE = "localhost/chris/pl-testprobe:1.0.0"


def printed(module, program):
    return plugin_resource.printed_of_one(IMAGE, module, program, f"pl-{program}")


def test_plugin_yaml_says_what_the_programs_say():
    programs = [printed("cli", "testprobe"), printed("source", "testsource"), printed("params", "testparams")]
    plugin_resource.check(Path(__file__).parents[1], programs)


@pytest.mark.parametrize(
    ("module", "program", "kind"), [("cli", "testprobe", "ds"), ("source", "testsource", "fs")]
)
def test_type(module, program, kind):
    assert printed(module, program)["type"] == kind
