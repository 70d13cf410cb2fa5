"""The practice callers: whom they call, how often, and that they leave a gateway alone that refuses."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from controlplane.practice import traffic
from registry.emulators.answers import speak
from registry.emulators.fleet import start
from registry.emulators.gpus.seating import seating
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated


@contextlib.asynccontextmanager
async def calling(url: str, rate: float) -> AsyncIterator[None]:
    task = asyncio.create_task(traffic.call_for_ever(url, "pb-x", [1], [1.0], rate))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("devices", [0, 64])
def test_language_models_are_called_and_popular_ones_most(devices: int) -> None:
    numbers, weights = traffic.chosen(500, devices)
    assert all(emulated(number).type == "llm" for number in numbers)
    assert weights == sorted(weights, reverse=True)
    if devices:
        assert set(numbers) <= seating(500, devices).hot.keys()


def test_an_answer_is_as_long_as_it_is_asked_for_on_every_wire() -> None:
    rng = random.Random(1)
    for _ in range(50):
        sent = traffic.body(1, rng)
        content = sent["messages"][0]["content"]
        assert traffic.FEWEST_WORDS < len(speak("m", content, sent["max_tokens"]).tokens) < traffic.MOST_TOKENS


def test_the_rate_rises_and_falls_around_what_is_asked_for() -> None:
    rates = [traffic.rate_at(3, second) for second in range(int(traffic.WAVE_S))]
    assert min(rates) > 1
    assert sum(rates) / len(rates) == pytest.approx(3, rel=0.01)


async def test_calls_are_made_until_cancelled() -> None:
    server, fleet = await start("127.0.0.1", 0, 4, Latency(0, 0))
    async with server, asyncio.timeout(10):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/all/openai"
        async with calling(url, 200):
            while fleet.counters["inferences"] < 20:
                await asyncio.sleep(0.01)


async def test_a_gateway_that_refuses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "PAUSE_S", 60.0)
    server, fleet = await start("127.0.0.1", 0, 4, Latency(0, 0))
    async with server, asyncio.timeout(10):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/m/1~500"
        async with calling(url, 1000):
            while not fleet.counters["calls"]:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
        assert fleet.counters["calls"] < 50
