"""Callers of a practice month: inside the first rules for good, counted as received, outages by runs of days."""

import asyncio
import time

import pytest

from controlplane.practice import specs
from controlplane.practice.callers import MonthClock, Received, call_until, profiles
from controlplane.practice.changes import month
from registry.emulators.contracts import breach_of
from registry.emulators.fleet import start
from registry.emulators.latency import Latency
from registry.emulators.wire import to_json

MODELS = specs.changing(64)


@pytest.mark.parametrize("seed", range(5))
def test_every_caller_begins_inside_the_rules(seed: int) -> None:
    first = month(seed, MODELS).first
    chosen = profiles(seed, first)
    assert len(chosen) == 3 * len(MODELS)
    assert chosen == profiles(seed, first)
    for profile in chosen:
        assert breach_of(first[profile.model], to_json(profile.body)) is None


def test_outages_are_runs_of_days_over_the_objective() -> None:
    received = Received()
    for day, errors in enumerate([0, 2, 2, 0, 1, 3]):
        for number in range(20):
            received.note(7, day, "400 no" if number < errors else "")
    for number in range(1000):
        received.note(8, 0, "x" if number < 3 else "")
    assert received.outages() == [(7, 1, 2), (7, 5, 5)]
    assert received.examples == {7: "400 no", 8: "x"}


async def test_calls_are_made_at_the_rate_and_counted_as_received() -> None:
    server, fleet = await start("127.0.0.1", 0, 16, Latency(0.0, 0.0))
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/m/1"
        stop = asyncio.Event()
        clock = MonthClock(time.monotonic(), 1000.0)
        chosen = profiles(1, {1: {}})
        task = asyncio.create_task(call_until(stop, url, ["k"] * 6, chosen, 200.0, clock))
        while fleet.counters["inferences"] < 50:
            await asyncio.sleep(0.01)
        stop.set()
        received = await task
    assert received.calls[1, 0] == fleet.counters["inferences"]
    assert not received.errors
