"""Leases of slots and tokens, in any order of calls, ends, cancellations and crashes, over one Redis."""

import asyncio
import itertools
import os
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from controlplane.base.redis_names import LIMIT_PREFIX
from registry.canon import Failure
from routing.dataplane import ledger, limits
from routing.dataplane.ledger import Ledger
from routing.dataplane.limits import CallLimits
from routing.dataplane.link import Link
from routing.table import Caller

ALIVE = 0.3
Found = TypeVar("Found")
KEYS = itertools.count(50_000)
SHAPES: tuple[tuple[int | None, int | None], ...] = ((3, None), (None, 5), (4, 30), (64, None), (None, 1200), (40, 600))
processes = st.integers(0, 2)
kinds = st.integers(0, len(SHAPES) - 1)


class Process:
    """One process's limits and its calls."""

    def __init__(self) -> None:
        self.link = Link(os.environ["REDIS_URL"])
        self.ledger = Ledger(self._evaluate)
        self.limits = CallLimits(time.monotonic, self.ledger)
        self.running: dict[int, list[Caller]] = defaultdict(list)
        self.keeper = asyncio.create_task(self.limits.run())

    async def _evaluate(self, script: str, keys: Sequence[str], told: Sequence[object], seconds: float) -> list[int]:
        """However busy the machine, Redis is not away."""
        return await self.link.evaluate(script, keys, told, 5.0)

    async def enter(self, caller: Caller) -> bool:
        try:
            waiting = self.limits.admit(caller)
            if waiting is not None:
                await waiting
        except Failure:
            return False
        self.running[caller.key_id].append(caller)
        return True

    async def crash(self) -> None:
        """Nothing is given back: what is under way is cut."""
        under_way = [task for task in (self.keeper, self.limits._pump) if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self.link.close()

    async def stop(self) -> None:
        self.keeper.cancel()
        await self.limits.stop()
        await self.link.close()


class Leases(RuleBasedStateMachine):
    """Never more than a limit in flight or a minute; never less than it once all is told; all given back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.callers = [
            Caller(next(KEYS), "app", frozenset(), calls_per_minute=rate, max_concurrency=most) for most, rate in SHAPES
        ]
        self.admitted: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.began = time.monotonic()
        self.processes = [self.run(self.made()) for _ in range(3)]
        self.settle()

    async def made(self) -> Process:
        return Process()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        return self.loop.run_until_complete(work)

    def running(self, caller: Caller) -> int:
        return sum(len(process.running[caller.key_id]) for process in self.processes)

    @rule(one=processes, kind=kinds, number=st.integers(1, 12))
    def enter(self, one: int, kind: int, number: int) -> None:
        caller = self.callers[kind]

        async def all_of_them() -> int:
            return sum(await asyncio.gather(*(self.processes[one].enter(caller) for _ in range(number))))

        self.admitted[kind] += self.run(all_of_them())

    @rule(kind=kinds, number=st.integers(1, 6))
    def enter_everywhere(self, kind: int, number: int) -> None:
        caller = self.callers[kind]

        async def all_of_them() -> int:
            return sum(await asyncio.gather(*(p.enter(caller) for p in self.processes for _ in range(number))))

        self.admitted[kind] += self.run(all_of_them())

    @rule(one=processes, kind=kinds, turns=st.integers(0, 12))
    def begin_and_cancel(self, one: int, kind: int, turns: int) -> None:
        async def cancelled() -> int:
            entering = asyncio.create_task(self.processes[one].enter(self.callers[kind]))
            for _ in range(turns):
                await asyncio.sleep(0)
            entering.cancel()
            return int((await asyncio.gather(entering, return_exceptions=True))[0] is True)

        entered = self.run(cancelled())
        self.admitted[kind] += entered
        self.lost[kind] += 1 - entered

    @rule(one=processes, kind=kinds, number=st.integers(1, 12))
    def leave(self, one: int, kind: int, number: int) -> None:
        process, caller = self.processes[one], self.callers[kind]

        async def ends() -> None:
            for _ in range(min(number, len(process.running[caller.key_id]))):
                process.limits.release(process.running[caller.key_id].pop())

        self.run(ends())

    @rule(one=processes)
    def crash(self, one: int) -> None:
        self.run(self.processes[one].crash())
        self.processes[one] = self.run(self.made())
        for kind in range(len(SHAPES)):
            self.lost[kind] += 40

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3]))
    def time_goes_by(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(kind=kinds)
    def after_all_is_told_a_slot_is_refused_only_if_none_is_free(self, kind: int) -> None:
        most, rate = SHAPES[kind]
        if most is None or rate is not None:
            return
        self.settle()
        caller = self.callers[kind]
        free = most - self.running(caller)

        async def all_of_them() -> int:
            return sum(await asyncio.gather(*(self.processes[0].enter(caller) for _ in range(free + 3))))

        entered = self.run(all_of_them())
        self.admitted[kind] += entered
        assert entered == free

    def settle(self) -> None:
        """Until crashed processes have been given up, and what is idle has gone back."""
        self.run(asyncio.sleep(ALIVE + 0.4))

    @invariant()
    def no_limit_is_passed(self) -> None:
        passed = time.monotonic() - self.began + 1.0
        for kind, caller in enumerate(self.callers):
            most, rate = SHAPES[kind]
            assert most is None or self.running(caller) <= most
            assert rate is None or self.admitted[kind] <= rate + passed * rate / 60

    def teardown(self) -> None:
        for process in self.processes:
            self.run(process.stop())
        store: redis.Redis = redis.Redis.from_url(os.environ["REDIS_URL"])
        for kind, caller in enumerate(self.callers):
            rate = SHAPES[kind][1]
            mine = [process.ledger._me for process in self.processes]
            assert not [one for one in mine if store.hexists(f"{LIMIT_PREFIX}{caller.key_id}:calls", one)]
            if rate is not None:
                left = max(0, int(str(store.pttl(f"{LIMIT_PREFIX}{caller.key_id}:rate")))) / 1000
                assert left * rate / 60 <= self.admitted[kind] + self.lost[kind] + 0.01 * rate
        self.loop.close()


@pytest.fixture
def hurried(stores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crashed processes are given up soon, so that a run takes seconds."""
    monkeypatch.setattr(ledger, "ALIVE_SECONDS", ALIVE)
    monkeypatch.setattr(limits, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(limits, "STILL_SECONDS", 0.1)


@pytest.mark.slow
def test_leases_hold_the_limits_whatever_happens(hurried: None) -> None:
    run_state_machine_as_test(
        Leases, settings=settings(max_examples=8, stateful_step_count=25, suppress_health_check=list(HealthCheck))
    )
