"""Swift behind TLS and an authority of the hospital's own: with it everything works, without it the remedy is told."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.staging.pod import Pod
from tests.swift_server import SwiftServer
from tests.tls_front import Front, tls_front

from chris_operator.staging.contract import SwiftEndpoint
from chris_operator.storage import Storage, Untrusted

pytestmark = pytest.mark.swift
REMEDY = "ConfigMap swift-ca"


@pytest.fixture(scope="module")
def front(swift: SwiftServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with tls_front(swift.port, tmp_path_factory.mktemp("tls")) as front:
        yield front


def write_scan(root: Path) -> None:
    (root / "scan.nii").write_bytes(b"voxels" * 1000)


def behind(front: Front, swift: SwiftServer, **values: str) -> Storage:
    """Swift as it is reached through the front."""
    account = {"OS_STORAGE_URL": f"{front.url}/v1/AUTH_chris", "ST_AUTH": f"{front.url}/auth/v1.0"}
    return Storage({**swift.credentials, **account, **values})


@pytest.mark.parametrize("variable", ["OS_CACERT", "CHRIS_SWIFT_CA_FILE"])
def test_the_operator_trusts_the_authority_given(front: Front, swift: SwiftServer, variable: str):
    storage = behind(front, swift, **{variable: str(front.ca)})
    storage.ensure_container()
    storage.put("tls/a", b"hello")
    assert storage.get("tls/a")[0] == b"hello"
    assert storage.url == front.url
    assert storage.ca_bundle == front.ca.read_text()


def test_without_it_the_operator_names_the_remedy_and_finds_what_is_given_later(
    front: Front, swift: SwiftServer, tmp_path: Path
):
    late = tmp_path / "ca.crt"
    storage = behind(front, swift, CHRIS_SWIFT_CA_FILE=str(late))
    assert storage.ca_bundle is None
    for _ in range(2):
        with pytest.raises(
            Untrusted, match=f"{REMEDY}.*: certificate verify failed: unable to get local issuer certificate"
        ):
            storage.ensure_container()
    shutil.copy(front.ca, late)
    storage.ensure_container()
    assert storage.ca_bundle == front.ca.read_text()


def test_staging_trusts_what_its_order_brings(front: Front, swift: SwiftServer, tmp_path: Path):
    storage = behind(front, swift, OS_CACERT=str(front.ca))
    storage.ensure_container()
    first = Pod(tmp_path / "first", storage, "tls/first/")
    assert first.job.swift.url.startswith("https://")
    report = first.publish_files(write_scan)
    assert report.files == 1
    second = Pod(tmp_path / "second", storage, "tls/second/", [first])
    assert second.stage_in().code == 0
    assert (second.incoming / "scan.nii").read_bytes() == b"voxels" * 1000
    second.job = dataclasses.replace(second.job, swift=SwiftEndpoint(front.url))
    second.sign()
    ended = second.stage_in()
    assert ended.code == 75
    assert ended.report
    assert ended.report.code == "SwiftUntrusted"
    assert REMEDY in ended.report.message
    assert "repeating" not in ended.log, "waiting does not change a certificate"
