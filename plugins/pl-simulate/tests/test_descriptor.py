from pathlib import Path

import plugin_resource

IMAGE = "localhost/chris/pl-simulate:1.0.0"


def test_plugin_yaml_says_what_the_programs_say():
    programs = [
        plugin_resource.printed_of_one(IMAGE, "dwi_cli", "simulate_dwi", "pl-simulate-dwi"),
        plugin_resource.printed_of_one(IMAGE, "cohort_cli", "simulate_cohort", "pl-simulate-cohort"),
    ]
    plugin_resource.check(Path(__file__).parents[1], programs)
