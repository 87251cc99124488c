"""The cluster of `make up` as benchmarks see it: one client, one namespace each, the plugins that they run."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from tests.benchmarks.client import Api, Object, path
from tests.staging.fixtures import nothing_runs_on, storage, swift

__all__ = ["nothing_runs_on", "storage", "swift"]
ROOT = Path(__file__).resolve().parents[2]
PROBES = ROOT / "tests" / "e2e" / "plugins" / "pl-testprobe" / "plugin.yaml"
PATIENCE = 180.0
_POLL = 0.5


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Of a cluster that carries `make up`'s mark."""
    if "KUBECONFIG" not in os.environ or not os.environ.get("CLUSTER_MARK"):
        pytest.fail("no cluster: run `make bench`, which makes one and reads build/env")
    subprocess.run(["kubectl", "apply", "-f", str(PROBES)], check=True, capture_output=True)
    return Path(os.environ["KUBECONFIG"])


def probe() -> Object:
    """The Plugin whose runs are measured: testsource, which writes one small file."""
    plugins = yaml.safe_load_all(PROBES.read_text(encoding="utf-8"))
    found: Object = next(each for each in plugins if each["spec"]["name"] == "pl-testsource")
    return found


@asynccontextmanager
async def tenant(api: Api, user: str = "") -> AsyncIterator[str]:
    """A namespace with a Feed `feed`, which a user's runs go into; all of it is gone afterwards."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    labels = {"chrisproject.org/user": user or name}
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    await api.create(
        {
            "apiVersion": "chrisproject.org/v1alpha1",
            "kind": "Feed",
            "metadata": {"name": "feed", "namespace": name},
            "spec": {"title": "A benchmark"},
        }
    )
    await until_feed(api, name)
    try:
        yield name
    finally:
        await api.request("DELETE", path("Namespace", "", name))
        await gone(api, path("Namespace", "", name))


async def until_feed(api: Api, namespace: str) -> None:
    """Return when the Feed has its number, so that no run waits for it."""
    numbered = False
    async with asyncio.timeout(PATIENCE):
        while not numbered:
            await asyncio.sleep(_POLL)
            feed = await api.request("GET", path("Feed", namespace, "feed"))
            numbered = "id" in feed.get("status", {})


async def gone(api: Api, where: str) -> None:
    """Return when an object is gone."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await api.request("GET", where)
            except RuntimeError:
                return
            await asyncio.sleep(_POLL)


def run_body(namespace: str, name: str, plugin: str, **spec: object) -> Object:
    """A PluginInstance of the Feed `feed`."""
    return {
        "apiVersion": "chrisproject.org/v1alpha1",
        "kind": "PluginInstance",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"plugin": {"name": plugin, "version": "1.0.0"}, "feed": "feed", **spec},
    }
