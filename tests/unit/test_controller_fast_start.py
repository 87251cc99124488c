"""The way to start pods, found out from what the API server says of itself, over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tests.lease_server import connected

from chris_operator.cluster import Cluster
from chris_operator.controller import fast_start
from chris_operator.controller.settings import read

GIVEN = {"CHRIS_STAGING_IMAGE": "staging:1", "POD_NAME": "chris-operator-0"}


@asynccontextmanager
async def api_server(folder: Path, answers: list[tuple[int, str]]) -> AsyncIterator[Cluster]:
    """Answers each question for its version with the next status and minor; with the last one from then on.

    Where the status is 0 it hangs up.
    """
    left = list(answers)

    async def version(request: web.Request) -> web.Response:
        status, minor = left.pop(0) if len(left) > 1 else left[0]
        if not status and request.transport:
            request.transport.close()
        return web.json_response({"major": "1", "minor": minor}, status=status)

    app = web.Application()
    app.add_routes([web.get("/version", version)])
    async with connected(app, folder) as cluster:
        yield cluster


CASES: dict[str, tuple[str, list[tuple[int, str]], bool]] = {
    "auto-1.34": ("auto", [(200, "34")], False),
    "auto-1.35": ("auto", [(200, "35")], True),
    "auto-vendors-1.35": ("auto", [(200, "35+")], True),
    "auto-1.9": ("auto", [(200, "9")], False),
    "auto-after-an-outage": ("auto", [(503, ""), (200, "36")], True),
    "auto-after-a-broken-connection": ("auto", [(0, ""), (200, "36")], True),
    "auto-but-not-told": ("auto", [(403, "")], False),
    "on": ("on", [(200, "30")], True),
    "off": ("off", [(200, "36")], False),
}


@pytest.mark.parametrize(("wish", "answers", "fast"), CASES.values(), ids=CASES)
async def test_the_way_to_start(tmp_path: Path, wish: str, answers: list[tuple[int, str]], *, fast: bool):
    options = read(GIVEN | {"CHRIS_FAST_START": wish})
    async with api_server(tmp_path, answers) as cluster:
        decided = await fast_start.decided(cluster, options, retry_seconds=0.01)
    assert decided.plans.pods.fast_start is fast
    assert decided.plans.pods.staging_image == "staging:1"
