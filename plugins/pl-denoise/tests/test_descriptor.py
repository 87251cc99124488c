from pathlib import Path

import plugin_resource

IMAGE = "localhost/chris/pl-denoise:1.0.0"


def test_plugin_yaml_says_what_the_programs_say():
    programs = [
        plugin_resource.printed_of_one(IMAGE, "cli", "denoise", "pl-denoise"),
        plugin_resource.printed_of_one(IMAGE, "merge", "denoise_merge", "pl-denoise-merge"),
    ]
    plugin_resource.check(Path(__file__).parents[1], programs)
