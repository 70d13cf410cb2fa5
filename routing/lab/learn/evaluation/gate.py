"""The gate: whether what was learned beats the heuristic that it started from, on workloads it has not seen.

If it does not, the file of weights says so and the policy runs as the heuristic (routing/policies/learned).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator.simulation import ReadyPolicy, simulate
from routing.lab.learn.workloads.curriculum import VALIDATION_SEEDS
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, at_size, synthetic

SEEDS, FIRST = 6, VALIDATION_SEEDS + 500
"""Seeds of the gate are neither trained on nor used to choose among weights."""
WORSE_P99 = 1.05


def cells() -> dict[str, Scenario]:
    """What is judged: the scenarios, and A on a smaller and a larger fleet."""
    scenarios = {name: SCENARIOS[name] for name in "ABCD"}
    return scenarios | {f"A x {count}": at_size(SCENARIOS["A"], 500, count) for count in (48, 80)}


def judge(contender: ReadyPolicy, heuristic: ReadyPolicy, seeds: int = SEEDS) -> dict[str, Any]:
    """Ratios of mean latency and 99th percentile to the heuristic's by cell, and whether the gate lets it pass."""
    found = {}
    for name, scenario in cells().items():
        ratios = np.array([_ratios(scenario, FIRST + number, contender, heuristic) for number in range(seeds)])
        mean, p99 = ratios.mean(0)
        found[name] = {"mean": round(mean, 4), "p99": round(p99, 4), "won": int(np.count_nonzero(ratios[:, 0] < 1.0))}
    mean, p99 = np.array([[cell["mean"], cell["p99"]] for cell in found.values()]).mean(0)
    passed = bool(mean < 1.0 and p99 <= WORSE_P99)
    return {"passed": passed, "mean": round(mean, 4), "p99": round(p99, 4), "seeds": seeds, "cells": found}


def _ratios(scenario: Scenario, seed: int, contender: ReadyPolicy, heuristic: ReadyPolicy) -> list[float]:
    workload = synthetic(scenario, seed)
    ours, theirs = simulate(workload, contender).latency, simulate(workload, heuristic).latency
    figures: tuple[Callable[[NDArray[np.float64]], Any], ...] = (np.mean, lambda one: np.quantile(one, 0.99))
    return [float(figure(ours) / figure(theirs)) for figure in figures]
