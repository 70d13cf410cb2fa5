"""Circuits of several processes: what one of them learns the others know, over one Redis."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from controlplane.base import events, redis_names
from registry.transports.target import Target
from routing.dataplane import board as module
from routing.dataplane import breaker
from routing.dataplane.board import Board, BoardAway
from routing.dataplane.breaker import FAILURES, OPEN_SECONDS, Breakers
from routing.dataplane.link import Link
from routing.dataplane.retries import RetryBudgets
from routing.table import Replica

NAMES = itertools.count()
Found = TypeVar("Found")


class Clock:
    """Seconds that a test lets pass, beside those that do."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Process:
    """What one process knows of replicas and retries."""

    def __init__(self, processes: int = 2) -> None:
        self.clock = Clock()
        self.breakers = Breakers(self.clock)
        self.retries = RetryBudgets(processes)
        self.link = Link(os.environ["REDIS_URL"])
        self.away = False
        self.exchanges = 0
        self.board = Board(self._exchange, self.breakers, self.retries, lambda: processes)

    async def _exchange(self, script: str, keys: Sequence[str], told: Sequence[str | float]) -> list[Any]:
        self.exchanges += 1
        if self.away:
            raise BoardAway("cut by the test")
        return await self.link.exchange(script, keys, told)

    def fail(self, key: str, times: int = FAILURES) -> None:
        for _ in range(times):
            self.breakers.started(key)
            self.breakers.failed(key)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The board and the listener of its process run."""
        tasks = [
            asyncio.create_task(self.board.run()),
            asyncio.create_task(self.link.listen({redis_names.CIRCUITS_MOVED: self.board.notice})),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.link.close()


async def until(condition: Callable[[], object], seconds: float) -> float:
    """Wait for a condition; the seconds it took."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    return time.monotonic() - begun


@pytest.fixture
def board(stores: None) -> None:
    events.store().delete(*module.KEYS)


def names(count: int = 1) -> list[str]:
    return [f"replica-{next(NAMES)}" for _ in range(count)]


async def test_a_circuit_that_one_process_opens_is_open_in_the_other_within_a_second(board: None) -> None:
    one, other = Process(), Process()
    bad, good = names(2)
    pool = [Replica(name, Target("http", "127.0.0.1", 80, "/")) for name in (bad, good)]
    async with one.running(), other.running():
        await until(lambda: one.exchanges and other.exchanges, 5)
        one.fail(bad, FAILURES - 1)
        await asyncio.sleep(0.2)
        assert other.breakers.open() == ()
        one.fail(bad, 1)
        assert await until(other.breakers.open, 5) < 1.0
        assert list(other.breakers.usable(pool)) == pool[1:]
        one.breakers.succeeded(bad)
        assert await until(lambda: not other.breakers.open(), 5) < 1.0


async def test_a_process_that_comes_later_learns_what_is_open(board: None) -> None:
    one, later = Process(), Process()
    (bad,) = names()
    one.fail(bad)
    await one.board.look()
    async with later.running():
        assert await until(later.breakers.open, 5) < 1.0
        assert not later.breakers.allows(bad)
    await one.link.close()


async def test_the_process_that_opened_a_circuit_tries_it_first_and_its_trial_decides_for_all(board: None) -> None:
    one, other = Process(), Process()
    (bad,) = names()
    one.fail(bad)
    await one.board.look()
    await other.board.look()
    for each in (one, other):
        each.clock.ahead += OPEN_SECONDS + 0.1
    assert one.breakers.allows(bad)
    assert not other.breakers.allows(bad)
    one.fail(bad, 1)
    await one.board.look()
    other.clock.ahead += 2
    assert other.breakers.allows(bad), "its turn has come, as it has heard nothing"
    await other.board.look()
    assert not other.breakers.allows(bad)
    one.breakers.succeeded(bad)
    await one.board.look()
    await other.board.look()
    assert other.breakers.open() == ()
    for each in (one, other):
        await each.link.close()


async def test_if_the_one_that_opened_it_is_gone_another_tries(board: None) -> None:
    one, other = Process(), Process()
    (bad,) = names()
    one.fail(bad)
    await one.board.look()
    await one.link.close()
    await other.board.look()
    other.clock.ahead += OPEN_SECONDS + breaker.LATER_SECONDS + 0.1
    assert other.breakers.allows(bad)
    other.breakers.started(bad)
    assert not other.breakers.allows(bad)
    other.breakers.failed(bad)
    other.clock.ahead += OPEN_SECONDS - 1
    assert not other.breakers.allows(bad)
    await other.link.close()


async def test_replicas_that_a_table_does_not_have_are_not_taken_in(board: None) -> None:
    one, other = Process(), Process()
    (bad,) = names()
    one.fail(bad)
    await one.board.look()
    other.breakers.forget({"another"})
    await other.board.look()
    assert other.breakers.open() == ()
    other.breakers.forget({bad})
    await other.board.look()
    assert other.breakers.open() == (bad,)
    for each in (one, other):
        await each.link.close()


async def test_while_redis_is_away_each_goes_by_what_it_knows_and_tells_it_afterwards(
    board: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.02)
    one, other = Process(), Process()
    before, closed, opened = names(3)
    async with one.running(), other.running():
        one.fail(before)
        one.fail(closed)
        await until(lambda: len(other.breakers.open()) == 2, 5)
        one.away = other.away = True
        one.breakers.succeeded(closed)
        one.fail(opened)
        seen = one.exchanges
        await until(lambda: one.exchanges > seen + 3, 5)
        assert set(one.breakers.open()) == {before, opened}
        assert set(other.breakers.open()) == {before, closed}
        events.store().delete(*module.KEYS)
        one.away = False
        await until(lambda: events.store().zcard(redis_names.CIRCUITS) == 2, 5)
        other.away = False
        await until(lambda: set(other.breakers.open()) == {before, opened, closed}, 5)
        assert set(one.breakers.open()) >= {before, opened}


async def test_a_redis_that_does_not_answer_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
        one = Process()
        (bad,) = names()
        async with one.running():
            one.fail(bad)
            assert not one.breakers.allows(bad)
            await until(lambda: one.exchanges >= 2, 10)
            assert one.breakers.open() == (bad,)


async def test_processes_at_rest_hardly_ask(board: None) -> None:
    one = Process()
    async with one.running():
        await until(lambda: one.exchanges, 5)
        await asyncio.sleep(0.3)
        before = one.exchanges
        for _ in range(1000):
            one.retries.earn(("m", 1))
            one.breakers.started("x")
            one.breakers.succeeded("x")
        await asyncio.sleep(0.7)
        assert one.exchanges == before


async def test_what_closed_while_redis_was_away_is_told_afterwards(board: None) -> None:
    one, other = Process(), Process()
    (key,) = names()
    one.fail(key)
    for each in (one, other):
        await each.board.look()
    one.away = True
    one.breakers.succeeded(key)
    await one.board.look()
    one.away = False
    for each in (one, one, other):
        await each.board.look()
    assert one.breakers.open() == ()
    assert other.breakers.open() == ()
    for each in (one, other):
        await each.link.close()


class Told(RuleBasedStateMachine):
    """Whatever fails, answers, leaves or looks in whatever order: once all have looked, all know the same."""

    processes = st.integers(0, 2)
    replicas = st.integers(0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.keys = names(4)
        self.each = [self.run(self.made()) for _ in range(3)]

    async def made(self) -> Process:
        return Process(3)

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return self.loop.run_until_complete(work)

    @rule(one=processes, key=replicas, times=st.integers(1, 6))
    def fail(self, one: int, key: int, times: int) -> None:
        self.each[one].fail(self.keys[key], times)

    @rule(one=processes, key=replicas)
    def succeed(self, one: int, key: int) -> None:
        self.each[one].breakers.started(self.keys[key])
        self.each[one].breakers.succeeded(self.keys[key])

    @rule(one=processes, key=replicas)
    def leave(self, one: int, key: int) -> None:
        self.each[one].breakers.started(self.keys[key])
        self.each[one].breakers.abandoned(self.keys[key])

    @rule(one=processes, away=st.booleans())
    def look(self, one: int, away: bool) -> None:
        self.each[one].away = away
        self.run(self.each[one].board.look())
        self.each[one].away = False

    @rule(seconds=st.sampled_from([0.5, 20.0, 40.0]))
    def wait(self, seconds: float) -> None:
        for each in self.each:
            each.clock.ahead += seconds

    @rule()
    def all_look(self) -> None:
        for _ in range(3):
            for each in self.each:
                self.run(each.board.look())
        known = [set(each.breakers.open()) for each in self.each]
        assert known[0] == known[1] == known[2]

    def teardown(self) -> None:
        self.all_look()
        for each in self.each:
            for key in self.keys:
                each.fail(key)
                each.breakers.succeeded(key)
        self.all_look()
        assert not self.each[0].breakers.open()
        for each in self.each:
            self.run(each.link.close())
        self.loop.close()


@pytest.mark.slow
def test_all_processes_come_to_know_the_same(board: None) -> None:
    run_state_machine_as_test(
        Told, settings=settings(max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck))
    )
