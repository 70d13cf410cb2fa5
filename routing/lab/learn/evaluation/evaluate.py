"""Policies compared on the same workloads, seed by seed: what each reached, and how sure the differences are.

A row's figures are means over the seeds of each seed's own figure (p99_s is the mean of the seeds' 99th percentiles);
max_wait_s is the longest of all. Intervals hold 95 %: Student's t over the seeds, differences paired by seed. With one
seed there is no interval: null. Everything but decision_us is the same on every run.
"""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator.entries import LEARNED, ORACLE, ready_policy, seen_by
from routing.lab.learn.simulator.race import figures
from routing.lab.learn.simulator.simulation import ReadyPolicy, RunOutcome, simulate
from routing.lab.learn.workloads.traffic import Workload

MOST_SEEDS = 10_000
FIGURES = {
    "mean_s": 3, "p50_s": 3, "p95_s": 3, "p99_s": 3, "slowdown": 2, "useful": 4, "loading": 4, "duty": 4,
    "makespan_s": 2, "loads": 1, "reloads": 1, "joules_per_request": 1, "decision_us": 2,
}  # fmt: skip
"""A row's means over the seeds, and the digits that are kept. Seconds; slowdown is latency / time alone on a device;
useful, loading, duty are shares of all devices over the makespan; decision_us is the wall time of a run per decision,
the simulator's own work included."""
T975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
)  # fmt: skip
"""97.5 % points of Student's t for 1 to 30 degrees of freedom."""
Z975 = 1.959964
Interval = tuple[float, float]
Progress = Callable[[int, int], None]
Bound = Callable[[Workload], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: policies by name on `seeds` workloads from `first_seed` on; `versus` is compared against.

    Without one, that is the tuned heuristic if it takes part, else the heuristic with the lowest mean.
    """

    scenario: str
    workload: Callable[[int], Workload]
    policies: tuple[str, ...]
    seeds: int = 10
    first_seed: int = 0
    versus: str = ""


def evaluate(question: Question, progress: Progress | None = None, bound: Bound | None = None) -> dict[str, Any]:
    """Simulate every policy on every seed. `progress` hears (done, all); `bound` gives bounds of a workload.

    Raises ValueError for a question that cannot be asked, RuntimeError if calls got lost.
    """
    check(question)
    policies = [ready_policy(name) for name in question.policies]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in question.policies}
    bounds: list[Mapping[str, float]] = []
    for number in range(question.seeds):
        workload = question.workload(question.first_seed + number)
        if bound is not None:
            bounds.append(bound(workload))
        for place, one in enumerate(policies):
            found[one.name].append(simulated(workload, one))
            if progress is not None:
                progress(number * len(policies) + place + 1, question.seeds * len(policies))
    reference = question.versus or best_heuristic(found)
    floor = {name: float(np.mean([each[name] for each in bounds])) for name in bounds[0]} if bounds else {}
    rows = [row(name, runs, floor) for name, runs in found.items()]
    for each in rows:
        if reference and each["policy"] != reference:
            each["versus"] = versus(reference, means(found[each["policy"]]), means(found[reference]))
    return {
        "scenario": question.scenario,
        "seeds": question.seeds,
        "first_seed": question.first_seed,
        "intervals": "95 %, Student's t over seeds; differences paired by seed",
        "machine": machine(),
        "bounds": {name: round(value, 4) for name, value in floor.items()},
        "policies": rows,
    }


def check(question: Question) -> None:
    """Raises ValueError, in words that say what to change."""
    if not question.policies:
        raise ValueError("no policies were named; expected at least one")
    twice = sorted({name for name in question.policies if question.policies.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is named twice; name each policy once")
    if not 1 <= question.seeds <= MOST_SEEDS:
        raise ValueError(f"seeds is {question.seeds}; expected 1 to {MOST_SEEDS:,}")
    if question.first_seed < 0:
        raise ValueError(f"first seed is {question.first_seed}; expected 0 or more")
    if question.versus and question.versus not in question.policies:
        raise ValueError(f"versus is {question.versus!r}; expected one of {', '.join(question.policies)}")


def simulated(workload: Workload, one: ReadyPolicy) -> dict[str, float]:
    """One run's figures. Raises RuntimeError if calls got lost."""
    run: RunOutcome = simulate(seen_by(one, workload), one)
    return {**figures(workload, run), "reloads": int(run.fleet.state[0]["reloads"])}


def best_heuristic(found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Whom all others are compared with; nobody if one policy runs alone."""
    if len(found) < 2:
        return ""
    if "hrrn_tuned" in found:
        return "hrrn_tuned"
    plain = [name for name in found if name not in LEARNED and not name.endswith(ORACLE)]
    return min(plain or found, key=lambda name: float(means(found[name]).mean()))


def means(runs: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """Each seed's mean latency, seconds."""
    return np.array([run["mean_s"] for run in runs])


def row(name: str, runs: Sequence[Mapping[str, float]], floor: Mapping[str, float]) -> dict[str, Any]:
    """A policy's figures over the seeds; `bound_ratio` is its mean over the largest bound of the mean."""
    figure = {key: round(float(np.mean([run[key] for run in runs])), digits) for key, digits in FIGURES.items()}
    mean = figure.pop("mean_s")
    longest = max(run["max_wait_s"] for run in runs)
    of_bounds = {"bound_ratio": round(mean / floor["mean_s"], 3)} if "mean_s" in floor else {}
    interval = rounded(interval_of(means(runs)))
    return {"policy": name, "mean_s": mean, "mean_ci95": interval, **figure, "max_wait_s": longest, **of_bounds}


def versus(reference: str, own: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, Any]:
    """The difference to the reference, paired by seed; percent are of the reference's mean over the seeds."""
    difference, interval, scale = own - other, interval_of(own - other), 100.0 / float(other.mean())
    return {
        "policy": reference,
        "difference_s": round(float(difference.mean()), 3),
        "ci95": rounded(interval),
        "difference_percent": round(float(difference.mean()) * scale, 2),
        "ci95_percent": None if interval is None else rounded((interval[0] * scale, interval[1] * scale), 2),
        "seeds_won": int(np.count_nonzero(difference < 0)),
    }


def interval_of(values: NDArray[np.float64]) -> Interval | None:
    """The 95 % confidence interval of the mean; none for a single value."""
    if len(values) < 2:
        return None
    half = student(len(values) - 1) * float(values.std(ddof=1)) / len(values) ** 0.5
    return float(values.mean()) - half, float(values.mean()) + half


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t: a table, then Cornish and Fisher's expansion, less than 0.0002 off."""
    if freedom <= len(T975):
        return T975[freedom - 1]
    cube, fifth = Z975**3 + Z975, 5 * Z975**5 + 16 * Z975**3 + 3 * Z975
    return Z975 + cube / (4 * freedom) + fifth / (96 * freedom**2)


def rounded(interval: Interval | None, digits: int = 3) -> list[float] | None:
    """The interval as it is written down."""
    return None if interval is None else [round(interval[0], digits), round(interval[1], digits)]


def machine() -> dict[str, Any]:
    """Where the microseconds were measured."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(named, platform.machine()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
    }
