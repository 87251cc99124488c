"""The queue of keys: each waits once, none is worked on twice at a time, none is forgotten."""

import asyncio
from collections import Counter

import pytest

from chris_operator.controller.queue import Key, WorkQueue

A, B, C = (Key("plugininstances", "alice", name) for name in "abc")
FAR = 1e6


def _now() -> float:
    return asyncio.get_running_loop().time()


def _get(queue: WorkQueue) -> asyncio.Task[Key]:
    """A worker that asks for a key."""
    return asyncio.create_task(queue.get())


@pytest.mark.parametrize(
    ("key", "expected"),
    [(A, "plugininstances/alice/a"), (Key("plugins", "", "pl-x-1.0.0"), "plugins/pl-x-1.0.0")],
    ids=["namespaced", "cluster"],
)
def test_keys_are_readable(key: Key, expected: str):
    assert str(key) == expected


async def test_keys_come_in_order_and_once():
    queue = WorkQueue()
    for key in (A, B, A, C, B):
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == [A, B, C]
    assert len(queue) == 3, "all are being worked on, none waits"
    for key in (A, B, C):
        queue.done(key)
    assert len(queue) == 0


async def test_a_worker_waits_for_the_next_key():
    queue = WorkQueue()
    waiting = _get(queue)
    queue.add(A)
    assert await waiting == A


async def test_a_busy_key_waits_until_it_is_given_back():
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.add(A)
    queue.add(A)
    queue.add(B)
    assert await queue.get() == B, "another worker gets another key"
    waiting = _get(queue)
    queue.done(A)
    assert await waiting == A
    queue.done(A)
    queue.done(B)
    assert len(queue) == 0, "it was wanted again once"


async def test_due_times_are_kept_in_order():
    queue, now = WorkQueue(), _now()
    queue.add_at(A, now - 1)
    queue.add_at(B, now - 3)
    queue.add_at(C, now - 2)
    assert [await queue.get() for _ in range(3)] == [B, C, A]


@pytest.mark.parametrize("wishes", [(FAR, -1.0), (-1.0, FAR)], ids=["later-first", "earlier-first"])
async def test_the_earliest_wish_wins(wishes: tuple[float, float]):
    queue, now = WorkQueue(), _now()
    for wish in wishes:
        queue.add_at(A, now + wish)
    assert await queue.get() == A
    queue.done(A)
    assert len(queue) == 0


async def test_an_earlier_wish_wakes_those_who_sleep_until_a_later_one():
    queue = WorkQueue()
    queue.add_at(A, _now() + FAR)
    sleeping = [_get(queue) for _ in range(3)]
    queue.add_at(B, _now() + 0.001)
    done, pending = await asyncio.wait(sleeping, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [B]
    for task in pending:
        task.cancel()


async def test_a_time_is_waited_for():
    queue, due = WorkQueue(), _now() + 0.02
    queue.add_at(A, due)
    assert await queue.get() == A
    assert _now() >= due


async def test_a_key_that_falls_due_while_it_is_busy_comes_again():
    queue = WorkQueue()
    queue.add(A)
    assert await queue.get() == A
    queue.add_at(A, _now() - 1)
    queue.add(B)
    assert await queue.get() == B, "looking for the next key finds that A is due"
    queue.done(A)
    assert await queue.get() == A


async def test_the_same_time_can_be_wished_for_again():
    queue, due = WorkQueue(), _now() - 1
    for _ in range(3):
        queue.add_at(A, due)
        assert await queue.get() == A
        queue.done(A)
    assert len(queue) == 0


async def test_a_worker_that_goes_takes_no_key_with_it():
    queue = WorkQueue()
    leaving, staying = _get(queue), _get(queue)
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    queue.add(A)
    assert await staying == A


class _Crowd:
    """Producers that change things and workers that look at them; a look sees what changed before it began."""

    def __init__(self, keys: list[Key], rounds: int) -> None:
        self.queue = WorkQueue()
        self.keys, self.rounds = keys, rounds
        self.changed: Counter[Key] = Counter()
        self.seen: Counter[Key] = Counter()
        self.busy: set[Key] = set()
        self.looks = 0
        self.all_seen = asyncio.Event()

    async def produce(self) -> None:
        for turn in range(self.rounds):
            for key in self.keys:
                self.changed[key] += 1
                if turn % 3:
                    self.queue.add(key)
                else:
                    self.queue.add_at(key, _now())

    async def work(self) -> None:
        while True:
            key = await self.queue.get()
            assert key not in self.busy, f"{key} is worked on twice at a time"
            self.busy.add(key)
            self.looks += 1
            state = self.changed[key]
            await asyncio.sleep(0)
            self.seen[key] = state
            self.busy.discard(key)
            self.queue.done(key)
            if all(self.seen[each] == self.final for each in self.keys):
                self.all_seen.set()

    @property
    def final(self) -> int:
        return self.rounds * 4


async def test_many_workers_see_every_last_change_and_never_share_a_key():
    crowd = _Crowd([Key("feeds", "alice", str(n)) for n in range(30)], rounds=12)
    workers = [asyncio.create_task(crowd.work()) for _ in range(16)]
    await asyncio.gather(*(crowd.produce() for _ in range(4)))
    seen = asyncio.create_task(crowd.all_seen.wait())
    ended, _ = await asyncio.wait([seen, *workers], timeout=30, return_when=asyncio.FIRST_COMPLETED)
    for task in workers:
        task.cancel()
    assert ended == {seen}, [task.exception() for task in ended if task is not seen]
    assert crowd.looks < 30 * 12 * 4, "many changes were looked at together"
