from pathlib import Path

import plugin_resource


def test_plugin_yaml_says_what_the_program_says():
    printed = plugin_resource.printed("localhost/chris/pl-register:1.0.0")
    plugin_resource.check(Path(__file__).parents[1], [printed])
