"""What is found out about another cluster by asking it, over real HTTP: each way in which it may answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from tests.ports import free_ports

from chris_operator.cluster import Cluster
from chris_operator.controller.probe import Seen, probe
from chris_operator.core.compute import RIGHTS
from chris_operator.models.computeresource import ComputeResourceSpec

SPEC = ComputeResourceSpec(kubeconfig_secret="moc", namespace="chris-runs")
VERSION = "/version"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
NAMESPACE = "/api/v1/namespaces/chris-runs"
RANGE = {"openshift.io/sa.scc.uid-range": "1000650000/10000"}
Answer = tuple[int, Any]
GOOD: dict[str, Answer] = {
    VERSION: (200, {"major": "1", "minor": "36+"}),
    REVIEW: (201, {"status": {"allowed": True}}),
    NAMESPACE: (200, {"metadata": {"name": "chris-runs"}}),
}


@asynccontextmanager
async def answering(answers: dict[str, Answer]) -> AsyncIterator[Cluster]:
    """A server that answers so, and a connection to it."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        status, body = answers[request.path]
        if isinstance(body, str):
            return web.Response(text=body, status=status)
        return web.json_response(body, status=status)

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = Cluster.elsewhere(f"http://127.0.0.1:{runner.addresses[0][1]}", "", "token", "")
    try:
        yield cluster
    finally:
        await cluster.close()
        # What has just been accepted is still on its way to the server, which closes what it knows.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=5)
        await runner.cleanup()


async def seen(**changes: Answer) -> Seen:
    """What a look shows where some of the answers are others."""
    places = {"version": VERSION, "review": REVIEW, "namespace": NAMESPACE}
    async with answering(GOOD | {places[name]: answer for name, answer in changes.items()}) as cluster:
        return await probe(cluster, SPEC)


async def test_a_cluster_that_can_be_used():
    found = await seen()
    assert found.finding.ready
    assert found.finding.version == "1.36"
    assert (found.fast_start, found.fixed_user) == (True, True)


async def test_an_older_one_that_gives_each_namespace_its_users():
    found = await seen(
        version=(200, {"major": "1", "minor": "31"}),
        namespace=(200, {"metadata": {"name": "chris-runs", "annotations": RANGE}}),
    )
    assert found.finding.ready
    assert (found.fast_start, found.fixed_user) == (False, False)


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        pytest.param({"version": (401, {"message": "no"})}, "LoginRefused", "(no): renew them", id="login"),
        pytest.param({"version": (404, "<h1>")}, "StrangeAnswer", "(HTTP 404)", id="not there"),
        pytest.param({"version": (200, "<h1>")}, "StrangeAnswer", "correct the", id="a web page"),
        pytest.param({"version": (200, [])}, "StrangeAnswer", "correct the", id="another form"),
        pytest.param({"version": (200, {"major": "x"})}, "StrangeAnswer", "correct the", id="no number"),
        pytest.param({"version": (503, {"message": "busy"})}, "Unreachable", "(busy)", id="overloaded"),
        pytest.param({"review": (201, {})}, "StrangeAnswer", "KeyError", id="a review without a word"),
        pytest.param({"review": (403, {})}, "StrangeAnswer", "(HTTP 403)", id="reviews are forbidden"),
        pytest.param(
            {"review": (201, {"status": {"allowed": False}})},
            "RightsMissing",
            f"may not get jobs, {', '.join(f'{each.verb} {each.resource}' for each in RIGHTS[1:])} in",
            id="no rights",
        ),
        pytest.param(
            {"namespace": (404, {"message": "no"})},
            "NamespaceNotFound",
            "no namespace chris-runs",
            id="no namespace",
        ),
    ],
)
async def test_one_that_cannot(changes: dict[str, Answer], reason: str, words: str):
    found = (await seen(**changes)).finding
    assert (found.reason, found.ready) == (reason, False)
    assert words in found.message


async def test_one_where_nobody_is():
    cluster = Cluster.elsewhere(f"http://127.0.0.1:{free_ports(1)[0]}", "", "token", "")
    found = await probe(cluster, SPEC)
    await cluster.close()
    assert found.finding.reason == "Unreachable"
    assert "it does not answer" in found.finding.message
