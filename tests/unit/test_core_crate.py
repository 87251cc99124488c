"""An analysis as an RO-Crate: the same whatever order things come in, whole in itself, true to what ran.

The whole documents stand in tests/golden/cli; that a validator takes them is proven in tests/staging/test_crate.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.crates import DATA, NAMED, RUNS, record

from chris_operator.core.crate.data import encoding_format
from chris_operator.core.crate.document import documents, metadata
from chris_operator.core.crate.entities import METADATA, Entity
from chris_operator.core.crate.programs import ImageName
from chris_operator.core.crate.records import FileRecord, files, remembered
from chris_operator.staging.manifest import Entry, Piece

CARRIED = pytest.mark.parametrize("carried", [False, True], ids=["described", "carried"])


def test_equal_feeds_give_equal_bytes():
    assert documents(record(), carried=True) == documents(record(list(reversed(RUNS))), carried=True)


def graph(**options: Any) -> dict[str, Entity]:
    return {each["@id"]: each for each in metadata(record(), **{"carried": True, **options})["@graph"]}


def references(value: Any) -> Iterator[str]:
    """Every `@id` that an entity refers to."""
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else references(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


@CARRIED
def test_every_reference_leads_somewhere(carried: bool):
    known = graph(carried=carried)
    used = {each for entity in known.values() for each in references(entity)}
    assert {each for each in used - known.keys() if not each.startswith("https://")} == set()
    told = {each["@id"] for each in known.values()} - used - {METADATA}
    assert told == set(), "nothing stands there that nobody refers to"


def test_what_ran_stands_there():
    known = graph()
    register = known["#run/register"]
    assert register["instrument"] == {"@id": "tag:chrisproject.org,2026:plugin:pl-register-1.0.0"}
    assert {each["@id"] for each in register["object"]} == {
        "runs/scan/",
        "inputs/register/",
        "#run/register/parameter/atlas",
        "#run/register/parameter/template",
        "#run/register/parameter/levels",
        "#run/register/parameter/fine",
    }
    assert known["#run/register/parameter/fine"]["value"] is True
    assert known["#run/register/parameter/template"]["value"] == "mni152", "the default that the program took"
    assert register["result"] == {"@id": "runs/register/"}
    assert known[register["containerImage"]["@id"]]["sha256"] == "a" * 64
    assert (register["startTime"], register["endTime"]) == (
        "2026-01-02T12:00:20+00:00",
        "2026-01-02T12:00:29+00:00",
    )
    assert known["#run/register/usage/cpuSeconds"]["value"] == 1.5


def test_a_failure_is_told_as_one():
    broken = graph()["#run/broken"]
    assert broken["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert broken["error"] == "broken: PluginFailed: told"
    assert graph()["runs/broken/"]["description"].endswith("partial: the run failed")


def test_an_output_that_was_taken_over_says_from_whom():
    former = {"id": 9, "name": "former", "feed": "older", "completionTime": "2026-01-01T00:00:00Z"}
    runs = [(body | {"status": body["status"] | {"cacheHit": former}}, program) for body, program in RUNS]
    known = {each["@id"]: each for each in metadata(record(runs), carried=True)["@graph"]}
    assert known["#run/register"]["disambiguatingDescription"] == (
        "Not computed anew: the output of run former (number 9) of the Feed older, which ended 2026-01-01T00:00:00+00:00"
    )


def test_files_lie_where_the_crate_says():
    known = graph()
    places = {each for each, entity in known.items() if entity["@type"] == "File" and "/" in each}
    assert places == {
        f"{kind}/{run}/{path}".replace(" ", "%20").replace("ü", "%C3%BC")
        for kind, runs in (("runs", DATA), ("inputs", NAMED))
        for run, each in runs.items()
        for path in each
    }
    assert known["inputs/register/home_alice_uploads/atlas.nii"]["identifier"].startswith("md5:")


def test_terms_of_use():
    assert graph()["./"]["license"] == {"@id": "#licence"}
    assert graph(license_url="https://example.org/by")["./"]["license"] == {"@id": "https://example.org/by"}


def test_links_become_the_files_that_they_led_to():
    piece = Piece("home/alice/uploads/x/a.dcm", 0, 3, "0" * 32)
    link = Entry("home_alice_uploads_x.chrislink", link="home/alice/uploads/x")
    entries = [link, Entry("a.dcm", 3, etag="0" * 32, pieces=(piece,), within=link.path)]
    assert files(entries) == (FileRecord("home_alice_uploads_x/a.dcm", 3, etag="0" * 32),)


def test_a_plugin_that_is_gone_is_told_as_far_as_its_run_tells():
    run = next(each.instance for each in record().runs if each.name == "register")
    program = remembered(run)
    assert (program.name, program.version) == ("pl-register", "1.0.0")
    assert [(p.name, p.type) for p in program.parameters] == [("fine", "bool"), ("atlas", "str")]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ghcr.io/chris/pl-x:2", ("ghcr.io", "chris/pl-x", "2")),
        ("localhost:5000/x", ("localhost:5000", "x", "latest")),
        ("chris/pl-x:1@sha256:00", ("docker.io", "chris/pl-x", "1")),
    ],
    ids=["registry", "port", "digest"],
)
def test_names_of_images(text: str, parts: tuple[str, str, str]):
    name = ImageName.parse(text)
    assert (name.registry, name.name, name.tag) == parts


def test_a_longer_ending_wins():
    assert encoding_format("a.nii.gz") == "application/gzip"
    assert encoding_format("A.NII") == "application/x-nifti"


def test_no_byte_of_a_name_is_lost():
    text = json.dumps(metadata(record(), carried=True))
    assert "notes%20%C3%BC.txt" in text
