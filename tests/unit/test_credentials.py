"""What of the environment becomes a Swift connection."""

from pathlib import Path

import pytest

from chris_operator.storage.credentials import LARGEST_BUNDLE, ca_bundle, connection_options
from chris_operator.storage.keystone import Keystone

V1 = {"ST_AUTH": "http://swift:8080/auth/v1.0", "ST_USER": "a:b", "ST_KEY": "c"}
PASSWORD = {
    "OS_AUTH_URL": "https://keystone/v3",
    "OS_USERNAME": "u",
    "OS_PASSWORD": "p",
    "OS_PROJECT_NAME": "x",
}
APPLICATION = {
    "OS_AUTH_URL": "https://keystone/v3",
    "OS_AUTH_TYPE": "v3applicationcredential",
    "OS_APPLICATION_CREDENTIAL_ID": "i",
    "OS_APPLICATION_CREDENTIAL_SECRET": "s",
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
WAYS = pytest.mark.parametrize("values", [V1, PASSWORD, APPLICATION], ids=["v1", "password", "application"])


@WAYS
def test_variables_become_options(values: dict[str, str], tmp_path: Path):
    ca = tmp_path / "ca.pem"
    ca.write_text(PEM)
    options = connection_options(
        {**values, "OS_CACERT": str(ca), "OS_REGION_NAME": "r", "OS_STORAGE_URL": "https://s/v1/AUTH_x"}
    )
    assert options["cacert"] == str(ca)
    assert options["os_options"] == {"region_name": "r", "object_storage_url": "https://s/v1/AUTH_x"}
    assert isinstance(options.get("session"), Keystone) == ("OS_AUTH_URL" in values)


@WAYS
def test_a_file_that_may_be_missing_is_used_when_it_is_there(values: dict[str, str], tmp_path: Path):
    late = tmp_path / "ca.crt"
    given = {**values, "CHRIS_SWIFT_CA_FILE": str(late)}
    assert connection_options(given)["cacert"] is None
    late.write_text(PEM)
    assert connection_options(given)["cacert"] == str(late)


def test_only_certificates_travel_with_an_order(tmp_path: Path):
    file = tmp_path / "ca.pem"
    file.write_text(f"Hôpital\n{PEM}# and another\n{PEM}")
    assert ca_bundle({"OS_CACERT": str(file)}) == PEM + PEM
    assert ca_bundle({}) is None


BAD_FILES = {
    "missing": (None, "cannot be read"),
    "a-whole-system's": ("x" * (LARGEST_BUNDLE + 1), "only the authorities that sign"),
    "no-certificate": ("hello", "holds no certificate"),
}


@pytest.mark.parametrize(("text", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named(tmp_path: Path, text: str | None, words: str):
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=rf"ca\.pem.*{words}"):
        ca_bundle({"OS_CACERT": str(file)})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "ST_AUTH, ST_USER, ST_KEY"),
        (V1 | {"ST_KEY": ""}, "ST_KEY not set"),
        ({"OS_AUTH_URL": "x"}, "OS_USERNAME, OS_PASSWORD"),
        (PASSWORD | {"OS_PROJECT_NAME": ""}, "OS_PROJECT_NAME is not set"),
        (PASSWORD | {"OS_AUTH_TYPE": "v3oidcpassword"}, "OS_AUTH_TYPE is 'v3oidcpassword'"),
        (APPLICATION | {"OS_APPLICATION_CREDENTIAL_SECRET": ""}, "not OS_APPLICATION_CREDENTIAL_SECRET"),
    ],
    ids=["nothing", "no-key", "no-user", "no-project", "unknown-type", "no-secret"],
)
def test_what_is_missing_is_named(values: dict[str, str], words: str):
    with pytest.raises(ValueError, match=words):
        connection_options(values)
