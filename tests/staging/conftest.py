"""One real Swift for all of staging's tests, and a storage client on it."""

from collections.abc import Iterator

import pytest
from tests.staging.pod import end_all
from tests.swift_server import SwiftServer, running_swift

from chris_operator.storage import Storage


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    with running_swift(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def storage(swift: SwiftServer) -> Storage:
    storage = Storage(swift.credentials)
    storage.ensure_container()
    storage.ensure_temp_url_key()
    return storage


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """Whatever a test started ends with it, also where the test fails half-way."""
    yield
    end_all()
