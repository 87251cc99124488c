"""A real Swift and a storage client on it, for every folder that imports them into its conftest: one Swift for each."""

from collections.abc import Iterator

import pytest
from tests.staging.pod import end_all
from tests.swift_server import SwiftServer, running_swift

from chris_operator.storage import Storage


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    """A real Swift."""
    with running_swift(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def storage(swift: SwiftServer) -> Storage:
    """Its storage, ready for files."""
    return prepared(swift)


def prepared(swift: SwiftServer) -> Storage:
    """A Swift's storage with container and key."""
    storage = Storage(swift.credentials)
    storage.ensure_container()
    storage.ensure_temp_url_key()
    return storage


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """Whatever a test started ends with it, also where the test fails half-way."""
    yield
    end_all()
