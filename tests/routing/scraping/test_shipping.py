"""Frames that wait in the collector while Redis is away."""

import asyncio
import time
from collections.abc import Iterable

import pytest
import redis

from routing.history import store
from routing.samples.frames import Frame
from routing.scraping.collector import LONGEST_WAIT, Collector


def test_what_history_would_not_take_at_its_own_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    taken: list[int] = []

    def send(_: redis.Redis, sent: Iterable[Frame]) -> None:
        taken.extend(one.sequence for one in sent)

    async def ship() -> None:
        collector = Collector()
        for sequence, age in enumerate((LONGEST_WAIT + 10, LONGEST_WAIT + 1, 100.0, 0.0)):
            collector._waiting.append(Frame("endpoint:1", 1, sequence, now - age, [], [], [], b""))
        shipping = asyncio.create_task(collector._ship())
        while collector._waiting:
            await asyncio.sleep(0.01)
        shipping.cancel()

    monkeypatch.setattr(store, "send", send)
    asyncio.run(ship())
    assert taken == [2, 3]
