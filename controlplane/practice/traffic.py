"""The practice callers (emulated): a light, endless traffic on the practice models, so that their devices are alive.

Their calls are real ones, through the gateway, with a key of their own. Popular models get most of them; answers are
long, so that few calls keep many devices at work. The rate rises and falls over some minutes, and now and then many
callers want one model at once.
"""

import argparse
import asyncio
import json
import math
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from registry.emulators.gpus.seating import popularity, seating
from registry.emulators.roster import emulated

FEWEST_WORDS, MOST_WORDS, MOST_TOKENS = 400, 1900, 2048
WAVE_S, WAVE = 300.0, 0.5
"""Period of the rate's rise and fall, and by which share of it."""
CROWD_SHARE, CROWD = 0.01, 12
"""Of the moments at which somebody calls, at how many a crowd does, and how large it is."""
MOST_AT_ONCE = 150
TIMEOUT_S = 120.0
PAUSE_S = 5.0
"""After a call that failed: nobody presses a gateway that is starting or refuses."""


def rate_at(rate: float, seconds: float) -> float:
    """Calls per second at a moment."""
    return rate * (1.0 + WAVE * math.sin(2 * math.pi * seconds / WAVE_S))


def chosen(models: int, devices: int) -> tuple[list[int], list[float]]:
    """Language models that are called, those on devices if there are any, and their weights."""
    hot = seating(models, devices).hot if devices else {}
    speaking = [number for number in popularity(models) if emulated(number).type == "llm"]
    numbers = [number for number in speaking if number in hot] or speaking
    return numbers, [1.0 / (rank + 3) ** 0.8 for rank in range(len(numbers))]


def body(number: int, rng: random.Random) -> dict[str, Any]:
    """A call of model `number` for a long answer, whole: each token of a stream would cost a frame."""
    words = rng.randint(FEWEST_WORDS, MOST_WORDS)
    content = f"[practice words={words}] Tell us of {rng.randint(1, 10**6)} things."
    return {
        "model": emulated(number).name,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": MOST_TOKENS,
    }


async def call_for_ever(url: str, key: str, numbers: Sequence[int], weights: Sequence[float], rate: float) -> None:
    """Call until cancelled. A gateway that is away or refuses is left alone for a while."""
    rng, began = random.Random(7), time.monotonic()  # noqa: S311
    failed = asyncio.Event()
    calls: set[asyncio.Task[None]] = set()
    limits = httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=32)
    headers = {"authorization": f"Bearer {key}", "user-agent": "practice-callers"}
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits, headers=headers) as client:
        while True:
            number = rng.choices(numbers, weights)[0]
            callers = CROWD if rng.random() < CROWD_SHARE else 1
            for _ in range(min(callers, MOST_AT_ONCE - len(calls))):
                call = asyncio.create_task(_call(client, body(number, rng), failed))
                calls.add(call)
                call.add_done_callback(calls.discard)
            waiting = rng.expovariate(rate_at(rate, time.monotonic() - began))
            if failed.is_set():
                failed.clear()
                waiting = PAUSE_S
            await asyncio.sleep(waiting)


async def _call(client: httpx.AsyncClient, wanted: dict[str, Any], failed: asyncio.Event) -> None:
    try:
        answer = await client.post("/v1/chat/completions", json=wanted)
    except httpx.HTTPError:
        failed.set()
        return
    if answer.status_code != httpx.codes.OK:
        failed.set()


async def _run(url: str, key: str, numbers: Sequence[int], weights: Sequence[float], rate: float) -> None:
    calling = asyncio.ensure_future(call_for_ever(url, key, numbers, weights, rate))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, calling.cancel)
    await asyncio.wait([calling])


def main(arguments: list[str]) -> None:
    """Parse `arguments`, and call."""
    parser = argparse.ArgumentParser(description="The practice callers (emulated).")
    parser.add_argument("--url", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--models", type=int, required=True)
    parser.add_argument("--gpus", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="calls per second")
    given = parser.parse_args(arguments)
    numbers, weights = chosen(given.models, given.gpus)
    key = json.loads(given.key_file.read_text())["api_key"]
    asyncio.run(_run(given.url, key, numbers, weights, given.rate))


if __name__ == "__main__":
    main(sys.argv[1:])
