"""The callers of a practice month: what each sends of each model, all month long, and what it gets.

A caller fixes its parameters on the first day, inside the first rules, and never changes them, as applications do.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from controlplane.practice.changes import Rules
from registry.emulators.roster import emulated

KEYS = 6
CALLERS = 3
OBJECTIVE = 0.01
"""The share of calls that may fail before it is an outage."""
FEWEST_ERRORS = 2
SHARE_NEAR_LIMIT = 0.3
_FREE_TEXT = "practice"


@dataclass(frozen=True)
class CallerProfile:
    """One application's use of one model. `weight` is its share of the traffic; `key` an index into the keys."""

    model: int
    key: int
    parameters: Mapping[str, Any]
    weight: float

    @property
    def body(self) -> dict[str, Any]:
        """The request that it sends."""
        messages = [{"role": "user", "content": f"practice call of key {self.key}"}]
        return {"model": emulated(self.model).name, "messages": messages, **self.parameters}


@dataclass(slots=True)
class Received:
    """What callers got: calls and errors by model and whole day, and one example of an error for each model."""

    calls: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    errors: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    examples: dict[int, str] = field(default_factory=dict)

    def note(self, model: int, day: int, error: str) -> None:
        """Count one call; `error` is empty if it was answered."""
        self.calls[model, day] += 1
        if error:
            self.errors[model, day] += 1
            self.examples.setdefault(model, error)

    def outages(self) -> list[tuple[int, int, int]]:
        """Model, first and last day of every run of days on which more than the objective of its calls failed."""
        bad = sorted(
            place
            for place, errors in self.errors.items()
            if errors >= FEWEST_ERRORS and errors / self.calls[place] > OBJECTIVE
        )
        found: list[tuple[int, int, int]] = []
        for model, day in bad:
            if found and found[-1][0] == model and found[-1][2] == day - 1:
                found[-1] = (model, found[-1][1], day)
            else:
                found.append((model, day, day))
        return found


def profiles(seed: int, first: Mapping[int, Rules]) -> list[CallerProfile]:
    """Three applications for each model; the traffic is uneven, as it is in practice."""
    rng = random.Random(seed + 1)  # noqa: S311
    found = []
    for model, rules in first.items():
        popularity = rng.paretovariate(1.2)
        for _ in range(CALLERS):
            parameters = {
                name: _value(rng, name, rule)
                for name, rule in rules.items()
                if rule.get("required") or rng.random() < 0.5
            }
            found.append(
                CallerProfile(model, rng.randrange(KEYS), parameters, min(popularity, 8.0) * rng.uniform(0.5, 1.5))
            )
    return found


async def call_until(
    stop: asyncio.Event,
    url: str,
    keys: Sequence[str],
    chosen: Sequence[CallerProfile],
    rate: float,
    clock: "MonthClock",
) -> Received:
    """Call at `rate` a second until `stop`; calls do not wait for each other. What each got is counted on its day."""
    received = Received()
    rng = random.Random(len(chosen))  # noqa: S311
    weights = [profile.weight for profile in chosen]
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=url, timeout=30.0, limits=limits) as client:
        calls: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not stop.is_set():
            profile = rng.choices(chosen, weights)[0]
            call = asyncio.create_task(_call(client, keys[profile.key], profile, received, clock))
            calls.add(call)
            call.add_done_callback(calls.discard)
            due += rng.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*calls)
    return received


@dataclass(frozen=True)
class MonthClock:
    """Days of the month against seconds here. `began` is on the monotonic clock."""

    began: float
    day_seconds: float

    def day(self) -> float:
        """The moment now, in days from 0."""
        return (time.monotonic() - self.began) / self.day_seconds

    def seconds_until(self, day: float) -> float:
        """How long until a moment of the month; 0 if it is over."""
        return max(0.0, self.began + day * self.day_seconds - time.monotonic())


async def _call(
    client: httpx.AsyncClient, key: str, profile: CallerProfile, received: Received, clock: MonthClock
) -> None:
    day = int(clock.day())
    try:
        answer = await client.post(
            "/v1/chat/completions", json=profile.body, headers={"authorization": f"Bearer {key}"}
        )
        error = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:300]}"
    except httpx.HTTPError as problem:
        error = f"{type(problem).__name__}: {problem}"
    received.note(profile.model, day, error)


def _value(rng: random.Random, name: str, rule: Mapping[str, Any]) -> Any:
    """A value inside the rule; numbers often near the upper limit, which is what a cut hurts."""
    kind = rule["type"]
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "string":
        return rng.choice(rule["options"]) if rule.get("options") else _FREE_TEXT
    low, high = rule["min"], rule["max"]
    if high > 10**6:
        high = low + 1000
    share = rng.uniform(0.8, 1.0) if rng.random() < SHARE_NEAR_LIMIT else rng.uniform(0.0, 0.5)
    value = low + (high - low) * share
    return int(value) if kind == "int" else round(value, 3)
