"""The gateway closes what it has opened: else the collector finds it in a later test, which then fails."""

import gc
from contextlib import ExitStack

import pytest
import requests
from tests.apiserver import ApiServer
from tests.controller.gateway import Gateway

pytestmark = pytest.mark.apiserver


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("first", ["client", "gateway"])
def test_no_watch_outlives_the_gateway(apiserver: ApiServer, first: str):
    with ExitStack() as clients, ExitStack() as silence, Gateway.running(apiserver) as gateway:
        for _ in range(8):
            url = f"http://127.0.0.1:{gateway.port}/api/v1/namespaces"
            ask = requests.get(
                url,
                params={"watch": "1"},
                headers={"Authorization": "Bearer admin"},
                stream=True,
                timeout=30,
            )
            ask.raise_for_status()
            lines = clients.enter_context(ask).iter_lines()
            assert next(lines)
        silence.enter_context(apiserver.frozen())  # it does not hang up
        if first == "client":
            clients.close()
    gc.collect()
