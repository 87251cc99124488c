"""Another cluster with a Swift of its own: a second API server, a second Swift, and a line to each that can be cut."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.controller.elsewhere import Elsewhere, compute, secret, swift_secret
from tests.controller.mirrors import Mirrored
from tests.controller.operator_process import Operator
from tests.controller.pods import Attempt
from tests.controller.tenant import Run, Tenant
from tests.kubeclient import Client, Object
from tests.link import Link
from tests.swift_server import running_swift

NAME = "cloud"
SECRET = f"{NAME}-swift"


@dataclass(frozen=True)
class Cloud:
    """Both, and the ComputeResource that leads there."""

    admin: Client
    cluster: Elsewhere
    far: Mirrored
    line: Link
    """From the operator to the Swift there; pods there need none."""
    item: Object

    @property
    def credentials(self) -> dict[str, str]:
        """How the operator reaches that Swift."""
        return dict(self.far.server.credentials) | {"ST_AUTH": f"http://127.0.0.1:{self.line.port}/auth/v1.0"}

    def run(
        self, tenant: Tenant, name: str = "scan", plugin: str = "pl-fs", *previous: str, **spec: Any
    ) -> Run:
        """A run that goes there."""
        return tenant.run(name, plugin, previous, computeResource=NAME, **spec)

    def attempt(self, run: Run, number: int = 1) -> Attempt:
        """An attempt of a run as soon as its Job exists there."""
        return self.cluster.attempt(run, number)

    def nudge(self) -> None:
        """Have it looked at now, instead of within half a minute."""
        self.admin.patch(self.item, {"metadata": {"annotations": {"looked-at": str(time.monotonic())}}})

    def until(self, reason: str, *, ready: bool = False) -> str:
        """What the ComputeResource says as soon as it has this reason."""
        told = self.admin.wait_condition(self.item, "Ready", status=str(ready), reason=reason)
        return str(told["message"])


@pytest.fixture(scope="session")
def cloud(
    admin: Client, operator_process: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """One for all tests."""
    if not operator_process.running:
        operator_process.start()
    with (
        Elsewhere.running() as cluster,
        running_swift(tmp_path_factory.mktemp("far")) as server,
        Link.running(server.port) as line,
    ):
        far = Mirrored.of(admin, NAME, server)
        secret(admin, NAME, cluster.kubeconfig())
        item = compute(admin, NAME, swiftSecret=SECRET, swiftUrl=server.url)
        found = Cloud(admin, cluster, far, line, item)
        swift_secret(admin, SECRET, found.credentials)
        yield found
        admin.delete(item)


@pytest.fixture
def there(tenant: Tenant, cloud: Cloud) -> Tenant:
    """A tenant, once the other cluster and its Swift can be used."""
    cloud.until("Connected", ready=True)
    return tenant
