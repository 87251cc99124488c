"""Keystone v3, the real one: both ways to log in, a Swift that asks it, and signatures that need no token."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from tests.keystone_server import Cloud, running_keystone
from tests.staging.pod import Pod

from chris_operator.storage import Storage, StorageError, Unauthorized

pytestmark = pytest.mark.swift
WAYS = ("password", "application-credential")


def write_scan(root: Path) -> None:
    (root / "scan.nii").write_bytes(b"voxels")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_keystone(tmp_path_factory.mktemp("keystone")) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def ways(cloud: Cloud) -> Mapping[str, Mapping[str, str]]:
    return dict(zip(WAYS, (cloud.password, cloud.application_credential("operator")), strict=True))


@pytest.fixture(params=WAYS)
def values(request: pytest.FixtureRequest, ways: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """Variables that log in."""
    return ways[request.param]


def test_the_account_is_ours(values: Mapping[str, str], cloud: Cloud):
    storage = Storage(values)
    storage.ensure_container()
    storage.put("ks/a/1", b"hello")
    assert storage.get("ks/a/1")[0] == b"hello"
    assert [each.name for each in storage.list("ks/")] == ["ks/a/1"]
    assert storage.url == cloud.swift.url
    assert storage.delete_prefix("ks/") == 1


def test_signatures_open_it_without_a_token(values: Mapping[str, str]):
    storage = Storage(values)
    storage.ensure_container()
    expires = int(time.time()) + 60
    place = f"{storage.url}{storage.path('ks/run_1/a')}"
    put = requests.put(f"{place}?{storage.sign('PUT', 'ks/run_1/', expires)}", b"x", timeout=30)
    got = requests.get(f"{place}?{storage.sign('GET', 'ks/run_1/', expires)}", timeout=30)
    assert (put.status_code, got.status_code, got.content) == (201, 200, b"x")
    assert requests.get(place, timeout=30).status_code == 401


def test_a_run_publishes_and_the_next_one_reads(values: Mapping[str, str], tmp_path: Path):
    storage = Storage(values)
    storage.ensure_container()
    first = Pod(tmp_path / "first", storage, "ks/first/")
    first.publish_files(write_scan)
    second = Pod(tmp_path / "second", storage, "ks/second/", [first])
    assert second.stage_in().code == 0
    assert (second.incoming / "scan.nii").read_bytes() == b"voxels"


def test_a_token_that_has_ended_is_replaced(values: Mapping[str, str], cloud: Cloud):
    storage = Storage(values)
    storage.put("ks/b", b"before")
    old = storage._connection().token
    cloud.revoke(old)
    assert storage.get("ks/b")[0] == b"before"
    assert storage._connection().token != old


WRONG: dict[str, tuple[dict[str, str], type[StorageError], str]] = {
    "password": ({"OS_PASSWORD": "guess"}, Unauthorized, "Keystone does not accept the credentials"),
    "project": ({"OS_PROJECT_NAME": "another"}, Unauthorized, "Keystone does not accept the credentials"),
    "region": (
        {"OS_REGION_NAME": "Cellar"},
        StorageError,
        "public endpoint in region Cellar.*OS_REGION_NAME",
    ),
    "interface": ({"OS_ENDPOINT_TYPE": "internalURL"}, StorageError, "internal endpoint.*OS_ENDPOINT_TYPE"),
    "address": ({"OS_AUTH_URL": "/elsewhere"}, StorageError, "is OS_AUTH_URL Keystone's address"),
}


@pytest.mark.parametrize(("change", "error", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(cloud: Cloud, change: dict[str, str], error: type[StorageError], words: str):
    values = {**cloud.password, **change}
    if "OS_AUTH_URL" in change:
        values["OS_AUTH_URL"] = cloud.url.removesuffix("/v3") + change["OS_AUTH_URL"]
    with pytest.raises(error, match=words):
        Storage(values).ensure_container()


def test_the_address_may_lack_its_version(cloud: Cloud):
    storage = Storage({**cloud.password, "OS_AUTH_URL": cloud.url.removesuffix("/v3")})
    assert storage.url == cloud.swift.url
