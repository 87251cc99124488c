"""What of the environment becomes a Swift connection."""

import pytest

from chris_operator.storage.credentials import connection_options

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


@pytest.mark.parametrize(
    ("values", "version"),
    [(V1, "1"), (PASSWORD, "3"), (APPLICATION, "3")],
    ids=["v1", "password", "application"],
)
def test_variables_become_options(values: dict[str, str], version: str):
    options = connection_options({**values, "OS_CACERT": "/ca.pem"})
    assert (options["auth_version"], options["cacert"]) == (version, "/ca.pem")


def test_keystone_options_have_swiftclients_names():
    assert connection_options(PASSWORD)["os_options"] == {"project_name": "x"}
    assert connection_options(APPLICATION)["os_options"]["application_credential_id"] == "i"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "ST_AUTH, ST_USER, ST_KEY"),
        (V1 | {"ST_KEY": ""}, "ST_KEY not set"),
        ({"OS_AUTH_URL": "x"}, "OS_USERNAME"),
    ],
    ids=["nothing", "no-key", "no-user"],
)
def test_what_is_missing_is_named(values: dict[str, str], words: str):
    with pytest.raises(ValueError, match=words):
        connection_options(values)
