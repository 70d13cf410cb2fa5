"""Workloads: who calls which model when, drawn from a seed. A scenario says how many, how skewed, how bursty."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from routing.lab.learn.workloads.catalogue import KINDS, LANGUAGE, Kind
from routing.scheduler.features import PREFILL_TOKENS_PER_UNIT, load_seconds
from routing.scheduler.fleet import DEVICE, MODEL, OCCUPANCY

DEVICE_GB, WEIGHTS_GB = 80.0, 72.0
"""An H100's memory, and how much of it weights may take: the rest is for caches."""
HOST_GB_S = 52.0
"""Reading weights that sleep in host memory (ServerlessLLM, H100)."""
WAKE_S = 0.5
GOLDEN = (5**0.5 - 1) / 2
PROMPT_MEDIAN, PROMPT_SPREAD = 1020.0, 0.5
ANSWER_MEDIAN, ANSWER_SPREAD = 129.0, 0.99
"""Azure 2023 conversations: prompts 1,155 on average, half under 1,020; answers 211, half under 129."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A reconstruction: `calls` over `seconds`, then drain. `alpha` is Zipf's, `cv` the inter-arrival times'.

    Loads read `load_gb_s` and take `load_start_s` more. `guess` is the sigma of the log error of predicted lengths.
    """

    name: str
    calls: int = 8000
    seconds: float = 600.0
    models: int = 500
    devices: int = 64
    alpha: float = 0.5
    cv: float = 2.0
    load_gb_s: float = 5.0
    load_start_s: float = 4.0
    host_gb: float = 0.0
    guess: float = 0.5
    kinds: tuple[Kind, ...] = KINDS
    together: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """What happens to a fleet: records of its models and devices; each call's time, model, true and guessed size."""

    models: NDArray[Any]
    devices: NDArray[Any]
    at: NDArray[np.float64]
    model: NDArray[np.int64]
    units: NDArray[np.float64]
    predicted: NDArray[np.float64]
    host_gb: float = 0.0


_LLM = tuple(kind for kind in KINDS if kind.kind == LANGUAGE)
SCENARIOS = {
    "A": Scenario("A"),
    "B": Scenario("B", calls=7000, alpha=0.9),
    "C": Scenario("C", calls=7000, load_gb_s=2.0, load_start_s=8.0),
    "D": Scenario("D", calls=16_000, seconds=1200.0),
    "G": Scenario("G", kinds=_LLM),
    "together": Scenario("together", calls=500, seconds=0.0, together=True),
}


def synthetic(scenario: Scenario, seed: int) -> Workload:
    """The scenario's workload for a seed: the same seed, the same workload, to the bit."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([20_260_101, seed])))
    kinds = _kinds(scenario, rng)
    models = model_records(scenario, kinds)
    model = _popular(scenario, rng)
    at = np.zeros(scenario.calls) if scenario.together else _arrivals(scenario, rng)
    units, predicted = _sizes(scenario, kinds, model, rng)
    return Workload(models, device_records(scenario.devices), at, model, units, predicted, scenario.host_gb)


def device_records(count: int) -> NDArray[Any]:
    """`count` H100s."""
    devices = np.zeros(count, DEVICE)
    devices["memory_gb"] = OCCUPANCY * DEVICE_GB
    devices["weights_gb"] = WEIGHTS_GB
    devices["speed"] = 1.0
    return devices


def model_records(scenario: Scenario, kinds: list[Kind]) -> NDArray[Any]:
    """The scheduler's records of models of those kinds under the scenario's loaders."""
    models = np.zeros(len(kinds), MODEL)
    for record, kind in zip(models, kinds, strict=True):
        record["memory_gb"], record["slots"], record["watts"] = kind.memory_gb, kind.slots, kind.watts
        record["step_a"], record["step_b"] = kind.a_s, kind.b_s
        record["kv_gb_per_unit"], record["gflop_per_unit"] = kind.kv_gb_per_unit, kind.gflop_per_unit
        record["load_s"] = load_seconds(kind.memory_gb, scenario.load_gb_s, scenario.load_start_s)
        record["wake_s"] = load_seconds(kind.memory_gb, HOST_GB_S, WAKE_S)
        record["typical_units"] = _TYPICAL if kind.kind == LANGUAGE else kind.units
        record["kind"], record["sensitivity"] = kind.kind, kind.sensitivity
    return models


def at_size(scenario: Scenario, models: int, devices: int) -> Scenario:
    """The scenario on another fleet: calls in proportion to its devices, so that the load stays alike."""
    calls = max(1, round(scenario.calls * devices / scenario.devices))
    return replace(scenario, models=models, devices=devices, calls=calls, name=f"{scenario.name}-{models}x{devices}")


_TYPICAL = ANSWER_MEDIAN * float(np.exp(ANSWER_SPREAD**2 / 2)) + PROMPT_MEDIAN / PREFILL_TOKENS_PER_UNIT


def _kinds(scenario: Scenario, rng: Generator) -> list[Kind]:
    """Kinds by popularity rank, spread evenly over the ranks (golden ratio), so that no seed's luck sets the load."""
    ends = np.cumsum([kind.share for kind in scenario.kinds])
    ranks = (np.arange(scenario.models) * GOLDEN + rng.random()) % 1.0
    places = np.searchsorted(ends / ends[-1], ranks, side="right")
    return [scenario.kinds[place] for place in places]


def _popular(scenario: Scenario, rng: Generator) -> NDArray[np.int64]:
    if scenario.together:
        return np.arange(scenario.calls, dtype=np.int64) % scenario.models
    weights = np.arange(1, scenario.models + 1, dtype=np.float64) ** -scenario.alpha
    return rng.choice(scenario.models, scenario.calls, p=weights / weights.sum()).astype(np.int64)


def _arrivals(scenario: Scenario, rng: Generator) -> NDArray[np.float64]:
    shape = 1.0 / scenario.cv**2
    gaps = rng.gamma(shape, 1.0 / shape, scenario.calls + 1)
    times = np.cumsum(gaps)
    scaled: NDArray[np.float64] = times[:-1] * (scenario.seconds / times[-1])
    return scaled


def _sizes(
    scenario: Scenario, kinds: list[Kind], model: NDArray[np.int64], rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    language = np.array([kind.kind == LANGUAGE for kind in kinds])[model]
    spread = np.array([kind.spread for kind in kinds])[model]
    typical = np.array([kind.units for kind in kinds])[model]
    of_size, of_prompt, of_guess = rng.standard_normal((3, len(model)))
    answer = ANSWER_MEDIAN * np.exp(ANSWER_SPREAD * of_size)
    prompt = PROMPT_MEDIAN * np.exp(PROMPT_SPREAD * of_prompt)
    other = typical * np.exp(spread * of_size - spread**2 / 2)
    prefill = prompt / PREFILL_TOKENS_PER_UNIT
    guess = answer * np.exp(scenario.guess * of_guess - scenario.guess**2 / 2)
    units = np.where(language, np.clip(answer, 1.0, 4096.0) + prefill, other)
    predicted = np.where(language, np.clip(guess, 1.0, 4096.0) + prefill, other)
    return units, predicted
