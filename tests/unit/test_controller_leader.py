"""Leadership: one replica at a time, kept while it is busy, taken over when it is silent, given back on the way out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.lease_server import LeaseServer, running_lease_server

from chris_operator.cluster import Cluster
from chris_operator.controller.leader import Leadership

LEASE = timedelta(seconds=1.2)
Api = tuple[LeaseServer, Cluster]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_lease_server(tmp_path) as running:
        yield running


class Replica:
    """One operator process, reduced to what leadership does to it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self.lead = Leadership(cluster, "chris-system", name, LEASE)
        self.gained, self.lost, self.free = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.free.set()
        self.began = asyncio.Event()
        self.fails: Exception | None = None
        self.task = asyncio.create_task(self.lead.run(self._begin, self._end))

    async def _begin(self) -> None:
        self.began.set()
        if self.fails:
            raise self.fails
        await self.free.wait()
        self.gained.set()

    async def _end(self) -> None:
        self.lost.set()

    async def stop(self) -> None:
        """End the process at once, without a word."""
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture
async def start(api: Api) -> AsyncIterator[Callable[[str], Replica]]:
    """Start a replica of this name; all are stopped at the end."""
    replicas: list[Replica] = []

    def make(name: str) -> Replica:
        replicas.append(Replica(api[1], name))
        return replicas[-1]

    yield make
    for replica in replicas:
        await replica.stop()


async def soon(event: asyncio.Event) -> None:
    """Wait for an event that must come."""
    await asyncio.wait_for(event.wait(), 30)


Start = Callable[[str], Replica]


async def test_the_first_replica_leads_and_renews(api: Api, start: Start):
    server, _ = api
    one = start("one")
    await soon(one.gained)
    assert server.holder == "one"
    assert server.lease is not None
    first = server.lease["spec"]["renewTime"]
    await server.until_writes(3)
    assert server.lease["spec"]["renewTime"] > first
    assert one.lead.leading
    assert not one.lost.is_set()


async def test_the_second_waits_until_the_first_is_silent(api: Api, start: Start):
    server, _ = api
    one = start("one")
    await soon(one.gained)
    two = start("two")
    await server.until_writes(12)
    assert not two.began.is_set(), "while the first renews, the second stays out"
    await one.stop()
    await soon(two.gained)
    assert server.holder == "two"
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 1


async def test_a_lease_that_is_given_back_is_taken_without_waiting(api: Api, start: Start):
    server, _ = api
    one = start("one")
    await soon(one.gained)
    await one.stop()
    await one.lead.release()
    assert server.holder == ""
    assert not one.lead.leading
    before = server.version
    two = start("two")
    await soon(two.gained)
    assert (server.holder, server.version) == ("two", before + 1)


async def test_only_the_holder_gives_back(api: Api, start: Start):
    server, cluster = api
    one = start("one")
    await soon(one.gained)
    await Leadership(cluster, "chris-system", "two", LEASE).release()
    assert server.holder == "one"


async def test_beginning_may_take_longer_than_the_lease_lasts(api: Api, start: Start):
    """Swift may answer late; the Lease must be renewed all the while, and nobody may work before."""
    server, _ = api
    one = start("one")
    one.free.clear()
    await soon(one.began)
    await server.until_writes(20)  # two and a half times the Lease's duration
    assert one.lead.leading
    assert not one.lost.is_set()
    assert not one.gained.is_set()
    one.free.set()
    await soon(one.gained)


async def test_what_ends_the_beginning_ends_the_process(start: Start):
    one = start("one")
    one.fails = PermissionError("this Swift belongs to another cluster")
    with pytest.raises(PermissionError, match="another cluster"):
        await asyncio.wait_for(one.task, 30)


@pytest.mark.parametrize("busy", [True, False], ids=["still-beginning", "at-work"])
async def test_a_leader_that_reaches_nobody_stops_by_itself(api: Api, start: Start, busy: bool):
    """Its Lease runs out by its own clock, before another replica can have taken it."""
    server, _ = api
    one = start("one")
    if busy:
        one.free.clear()
    await soon(one.began if busy else one.gained)
    server.broken = True
    await soon(one.lost)
    assert not one.lead.leading
    one.free.set()
    one.lost.clear()
    one.gained.clear()
    server.broken = False
    await soon(one.gained)
    assert one.lead.leading


async def test_a_leader_that_slept_finds_its_lease_in_other_hands(api: Api, start: Start):
    server, _ = api
    one = start("one")
    await soon(one.gained)
    assert server.lease is not None
    server.lease["spec"] |= {"holderIdentity": "two"}
    server.version += 1
    server.lease["metadata"]["resourceVersion"] = str(server.version)
    await soon(one.lost)
    assert not one.lead.leading


async def test_a_lease_that_somebody_deleted_is_made_again(api: Api, start: Start):
    server, _ = api
    one = start("one")
    await soon(one.gained)
    server.lease = None
    await server.until_writes(1)
    assert server.holder == "one"


async def test_a_silent_api_server_is_noticed(api: Api, start: Start):
    """The liveness probe asks when the API server last answered about the Lease."""
    server, _ = api
    one = start("one")
    await soon(one.gained)
    server.broken = True
    await soon(one.lost)
    silent = asyncio.get_running_loop().time() - one.lead.answered_at
    assert silent >= LEASE.total_seconds()
