"""Tune a heuristic's weights and limits by CMA-ES (Hansen 2016): the heuristic that a learned policy has to beat.

`python -m routing.lab.learn.training.tune --minutes 60 --processes 2 --out F.json`.
Needs the package cma (routing/lab/learn/requirements.txt). Trains on the learned policy's curriculum and seeds.

A guess is judged on a batch of workloads that is drawn anew each generation, the same for all guesses of it, so that no
few workloads are learned by heart. What is written in the end is the best on the whole pool of workloads.
"""

import argparse
import json
import multiprocessing
import multiprocessing.pool
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cma
import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator.entries import MAX_ACTIVE, machine_code
from routing.lab.learn.simulator.simulation import ReadyPolicy, simulate
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS, drawn
from routing.lab.learn.workloads.traffic import Workload, synthetic
from routing.policies import hrrn, spaced
from routing.policies.learned.weights import LIMITS
from routing.scheduler import sources
from routing.scheduler.fleet import FleetLimits

FACTORS = ("size_offset", "age_in_demand", "backlog", "heavy_above_s", "hold_above_s")
"""Weights that are searched as a factor of the textbook's value, by its logarithm. All others are exponents, which are
logarithms already: searched as they are, added to the textbook's. Limits (`LIMITS`) are searched as factors too."""
MOST_ACTIVE = 12
TUNED = {"hrrn": hrrn, "spaced": spaced}
TEXTBOOK = FleetLimits(max_active=MAX_ACTIVE)
P99_SLACK, P99_PRICE = 1.5, 2.0
SIGMA, POOL, BATCH, FINALISTS = 0.4, 40, 8, 4
ROUTING = Path(sources.__file__).resolve().parents[1]
Point = NDArray[np.float64]
Workers = multiprocessing.pool.Pool


@dataclass(frozen=True, slots=True)
class Budget:
    """When the search ends: after so many minutes or simulated calls, whichever comes first."""

    minutes: float
    calls: int = sys.maxsize
    processes: int = 1


@dataclass(slots=True)
class Training:
    """The training workloads, made by their places so that every process has the same; the textbook's results."""

    made: dict[int, tuple[Workload, float, float]] = field(default_factory=dict)

    def at(self, place: int) -> tuple[Workload, float, float]:
        """The workload with the textbook's mean latency and 99th percentile, seconds."""
        if place not in self.made:
            workload = training_workload(place)
            self.made[place] = (workload, *latencies(workload, "hrrn", np.zeros(len(places("hrrn")))))
        return self.made[place]


OWN = Training()
"""Each process keeps its own."""


def training_workload(place: int) -> Workload:
    """One of the mixed set, drawn as for the learned policy: scenarios A to D and neighbours of theirs."""
    return synthetic(drawn(np.random.default_rng([TRAINING_SEEDS, place])), TRAINING_SEEDS + place)


def places(policy: str) -> tuple[str, ...]:
    """The names of a point's coordinates."""
    return (*TUNED[policy].WEIGHTS, *LIMITS)


def ready_policy_at(policy: str, point: Point) -> ReadyPolicy:
    """The policy with the weights and limits at a point of the search."""
    weights, limits = meaning(policy, point)
    return ReadyPolicy(policy, machine_code(TUNED[policy]), np.array(list(weights.values())), limits)


def meaning(policy: str, point: Point) -> tuple[dict[str, float], FleetLimits]:
    """The weights and limits at a point; the textbook's are at the origin."""
    at = dict(zip(places(policy), point.tolist(), strict=True))
    factor = {name: float(np.exp(np.clip(at[name], -5.0, 5.0))) for name in at if name in (*FACTORS, *LIMITS)}
    weights = {
        name: value * factor[name] if name in factor else value + at[name]
        for name, value in TUNED[policy].WEIGHTS.items()
    }
    active = int(np.clip(round(MAX_ACTIVE * factor["max_active"]), 1, MOST_ACTIVE))
    searched = {name: getattr(TEXTBOOK, name) * factor[name] for name in LIMITS}
    return weights, replace(TEXTBOOK, **{**searched, "max_active": active})


def latencies(workload: Workload, policy: str, point: Point) -> tuple[float, float]:
    """Mean latency and its 99th percentile, seconds."""
    latency = simulate(workload, ready_policy_at(policy, point)).latency
    return float(latency.mean()), float(np.percentile(latency, 99))


def judged(task: tuple[str, Point, Sequence[int]]) -> float:
    """Mean over workloads of latency over the textbook's, and a price on a 99th percentile beyond 1.5 of its own."""
    policy, point, chosen = task
    total = 0.0
    for place in chosen:
        workload, mean, p99 = OWN.at(place)
        own_mean, own_p99 = latencies(workload, policy, point)
        total += own_mean / mean + P99_PRICE * max(0.0, own_p99 / (P99_SLACK * p99) - 1.0)
    return total / len(chosen)


def tune(policy: str, budget: Budget, seed: int = 1) -> dict[str, Any]:
    """Search, print a line a generation, and return the document of weights, limits and record."""
    began = time.monotonic()
    search = Search(policy, seed)
    with multiprocessing.get_context("fork").Pool(budget.processes) as workers:
        while not search.over and time.monotonic() - began < 60 * budget.minutes and search.spent < budget.calls:
            line = search.generation(workers)
            print(f"{time.monotonic() - began:7.0f} s  {line}", flush=True)
        best, record = search.verdict(workers)
    return document(policy, best, {**record, "seconds": round(time.monotonic() - began, 1), "seed": seed})


class Search:
    """The state of a search: CMA-ES, the generations' best guesses, and the simulated calls that were spent."""

    def __init__(self, policy: str, seed: int) -> None:
        self.policy = policy
        self.rng = np.random.default_rng([TRAINING_SEEDS, seed])
        self.strategy: Any = cma.CMAEvolutionStrategy(
            np.zeros(len(places(policy))), SIGMA, {"seed": seed, "verbose": -9}
        )
        self.calls = [len(training_workload(place).at) for place in range(POOL)]
        self.finalists: list[tuple[float, Point]] = []
        self.spent = self.generations = 0

    @property
    def over(self) -> bool:
        """Whether CMA-ES has nothing more to find."""
        return bool(self.strategy.stop())

    def judge(self, workers: Workers, points: Sequence[Point], chosen: Sequence[int]) -> list[float]:
        """Each point's objective on the workloads."""
        self.spent += len(points) * sum(self.calls[place] for place in chosen)
        return workers.map(judged, [(self.policy, point, chosen) for point in points], chunksize=1)

    def generation(self, workers: Workers) -> str:
        """One generation on a batch of its own; a line on how it went."""
        points = self.strategy.ask()
        values = self.judge(workers, points, self.rng.choice(POOL, BATCH, replace=False).tolist())
        self.strategy.tell(points, values)
        self.generations += 1
        best = int(np.argmin(values))
        self.finalists = sorted([*self.finalists, (values[best], points[best])], key=lambda pair: pair[0])[:FINALISTS]
        return (
            f"generation {self.generations:4}  best {values[best]:.4f}  middle {np.median(values):.4f}  "
            f"sigma {self.strategy.sigma:.3f}  {self.spent / 1e6:.1f} M calls"
        )

    def verdict(self, workers: Workers) -> tuple[Point, dict[str, Any]]:
        """The best on the whole pool of the textbook, the search's mean and the best guesses; with its record."""
        named = [("textbook", np.zeros(len(places(self.policy)))), ("mean of the search", self.strategy.mean)]
        named += [("a generation's best", point) for _, point in self.finalists]
        values = self.judge(workers, [point for _, point in named], range(POOL))
        best = int(np.argmin(values))
        record = {
            "objective": values[best],
            "textbook_objective": values[0],
            "chosen": named[best][0],
            "generations": self.generations,
            "simulated_calls": self.spent,
            "sigma": [SIGMA, float(self.strategy.sigma)],
        }
        return named[best][1], record


def document(policy: str, point: Point, record: dict[str, Any]) -> dict[str, Any]:
    """What is written: weights, limits, and how they were found."""
    weights, limits = meaning(policy, point)
    return {
        "weights": weights,
        "limits": {name: getattr(limits, name) for name in LIMITS},
        "record": {
            "tuned": True,
            **record,
            "method": f"CMA-ES (cma {cma.__version__})",
            "training_seeds": [TRAINING_SEEDS, TRAINING_SEEDS + POOL - 1],
            "policy": policy,
            "sources_sha256": digest(),
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def digest() -> str:
    """SHA-256 over the sources that a result depends on: this module, and all that it imports of routing."""
    modules = sources.modules_of(ROUTING)
    here = Path(__file__).resolve().relative_to(ROUTING.parent).with_suffix("")
    return sources.digest(sources.closure([".".join(here.parts)], modules))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Tune a heuristic by CMA-ES.")
    parser.add_argument("--policy", choices=sorted(TUNED), default="hrrn")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=sys.maxsize, help="most simulated calls")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.minutes <= 0 or given.processes < 1 or given.calls < 1:
        parser.error("--minutes, --calls and --processes must be more than 0")
    found = tune(given.policy, Budget(given.minutes, given.calls, given.processes), given.seed)
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{given.out}: objective {found['record']['objective']:.4f}, the textbook HRRN's is 1", flush=True)


if __name__ == "__main__":
    main()
