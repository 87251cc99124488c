"""Hospital to cloud as ChRIS draws it: two real clusters, a Swift in each, and no way into the hospital."""

import hashlib
import json
import os
from collections.abc import Iterator

import pytest
from tests.e2e.hospital import NAME, Cloud, reaches, second_cluster
from tests.e2e.outputs import content, output
from tests.e2e.tenant import Tenant

from chris_operator.storage import Storage

pytestmark = pytest.mark.cluster
MIB = 1 << 20
API_PORT, SWIFT_PORT = 6443, 8080
AT_WORK = {"report": True, "files": 3, "bytes": 2 * MIB, "sleep": 15.0}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """The second cluster."""
    if os.environ.get("CLUSTER_KIND") != "localcluster":
        pytest.skip("a Docker engine answers: a cable can be laid between boxes of localcluster only")
    with second_cluster() as found:
        yield found


def written(number: int, size: int) -> bytes:
    """What the test programs write into their file of this number."""
    return hashlib.shake_128(f"file {number}".encode()).digest(size)


def test_no_connection_comes_in_and_all_data_come_home(cloud: Cloud, tenant: Tenant, swift: Storage):
    """The cable is pulled out while the program runs there, and nothing is lost by it."""
    (home, inside), (far, outside) = cloud.cable.home, cloud.cable.cloud
    doors = [(str(home.node_address), API_PORT), (cloud.home_swift_address, SWIFT_PORT)]
    assert all(reaches(outside, *door) for door in doors), "without the firewall there is a way in"
    cloud.cable.block()
    assert not any(reaches(outside, *door) for door in doors)
    assert cloud.cable.knocks() >= len(doors)
    assert reaches(inside, str(far.node_address), API_PORT)
    tenant.run("scan", "pl-testsource", parameters={"files": 3, "bytes": 4096})
    tenant.run("far", "pl-testprobe", previous=["scan"], computeResource=NAME, parameters=AT_WORK)
    tenant.run("back", "pl-testprobe", previous=["far"], parameters={"report": True})
    tenant.reaches("far", "Running", "Unknown")
    assert cloud.swift.places() != []
    with cloud.cable.pulled_out():
        cloud.nudge()
        lost = tenant.reaches("far", "ComputeUnavailable", "Unknown")
        assert [each["type"] for each in lost["status"]["conditions"]] == ["Succeeded", "Stalled"]
    found = {entry.path: content(swift, entry) for entry in output(swift, tenant, "far")}
    assert tenant.get("PluginInstance", "far")["status"]["attempt"]["number"] == 1  # type: ignore[index]
    report = json.loads(found.pop("report.json"))
    assert found == {f"00/{number:04}.bin": written(number, 2 * MIB) for number in range(3)}
    assert {path.rpartition("/")[2]: sha for path, sha in report["input"].items()} == {
        f"{number:04}.bin": hashlib.sha256(written(number, 4096)).hexdigest() for number in range(3)
    }
    tenant.reaches("back", "Completed", "True")
    tenant.until(lambda: not cloud.swift.places(), "the end of all copies there")
    assert cloud.cable.knocks() == 0, "and nobody has tried to come in"
