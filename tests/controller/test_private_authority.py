"""Swift behind a certificate authority of the hospital's own, which an administrator gives late."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.gateway import Gateway
from tests.controller.operator_process import Operator
from tests.controller.tenant import FILES, Tenant
from tests.swift_server import SwiftServer
from tests.tls_front import Front, tls_front

pytestmark = [pytest.mark.apiserver, pytest.mark.swift]


@pytest.fixture
def front(swift: SwiftServer, tmp_path: Path) -> Iterator[Front]:
    with tls_front(swift.port, tmp_path) as front:
        yield front


@pytest.fixture
def trusting(
    operator: Operator, gateway: Gateway, swift: SwiftServer, front: Front, tmp_path: Path
) -> Iterator[Operator]:
    """An operator that knows Swift by the front only; the file that it was told of is not there yet."""
    account = {"ST_AUTH": f"{front.url}/auth/v1.0", "OS_STORAGE_URL": f"{front.url}/v1/AUTH_chris"}
    values = {**swift.credentials, **account, "CHRIS_SWIFT_CA_FILE": str(tmp_path / "late.crt")}
    operator.stop()
    own = Operator("operator-t", gateway, values, tmp_path)
    own.start()
    try:
        own.await_metric("chris_leading", 1.0)
        yield own
        print(own.log_tail())  # noqa: T201  pytest shows it with a failure
    finally:
        own.stop()


def test_runs_wait_for_it_and_then_carry_it_along(
    trusting: Operator, tenant: Tenant, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert trusting.running
    run = tenant.run("scan")
    message = run.until("StorageUnavailable")
    assert "ConfigMap swift-ca" in message
    assert "unable to get local issuer certificate" in message
    shutil.copy(front.ca, tmp_path / "late.crt")
    attempt = run.attempt()
    swift = attempt.stage_job.swift
    assert (swift.url, swift.ca_bundle) == (front.url, front.ca.read_text())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(front.ca))
    attempt.succeeds(FILES)
    run.until("Completed", "True")
