"""Several policies over one workload, side by side in simulated time: what the lab page draws while they run."""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.entries import ready_policy, seen_by
from routing.lab.learn.simulator.simulation import ReadyPolicy, RunOutcome, outcome, prepared
from routing.lab.learn.workloads.traffic import SCENARIOS, Workload, synthetic
from routing.scheduler.fleet import DONE, HELD, NONE, RUNNING

EVEN_SAMPLES, LATER_STEP = 80, 1.06
"""So many samples at even steps over the least that the work takes; then each step is a little longer than the last."""
MOST_SAMPLES = 400
"""A fleet that still works after these is not watched any further, only run to its end."""


class PolicyRun:
    """One policy's run: its own fleet, the common calls."""

    def __init__(self, workload: Workload, one: ReadyPolicy) -> None:
        self.workload, self.policy = workload, one
        self.machine, self.clock, self.buffers = prepared(seen_by(one, workload), self.policy)
        self.decisions, self.took_s = 0, 0.0

    def run(self, until: float) -> None:
        """Let the fleet work until `until` seconds of simulated time."""
        began = time.perf_counter()
        self.decisions += simulator.run(self.machine, self.clock, self.policy.pick, self.buffers, until)
        self.took_s += time.perf_counter() - began

    @property
    def over(self) -> bool:
        """Whether every call is answered."""
        return bool((self.machine.fleet.calls["state"] == DONE).all())

    def sample(self) -> dict[str, Any]:
        """How the fleet stands now."""
        fleet, calls = self.machine.fleet, self.machine.fleet.calls
        done = calls["state"] == DONE
        answered = int(np.count_nonzero(done))
        latency = float((calls["finished"][done] - calls["arrived"][done]).mean()) if answered else None
        return {
            "waiting": int(np.count_nonzero(calls["state"] == HELD)),
            "running": int(np.count_nonzero(calls["state"] == RUNNING)),
            "busy": round(float(np.mean(fleet.devices["running"] > 0)), 4),
            "loading": round(float(np.mean(fleet.devices["loading"] != NONE)), 4),
            "answered": answered,
            "mean_s": None if latency is None else round(latency, 3),
            "loads": int(fleet.state[0]["loads"]),
            "watts": round(float(self.machine.devices["watts"].sum()), 1),
        }

    def end(self) -> dict[str, Any]:
        """The figures of the whole run. Raises RuntimeError if calls were left over."""
        return figures(self.workload, outcome(self.machine, self.decisions, self.took_s))


def race(scenario: str, policies: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """The start, about 120 samples, and the end, each as a document; the same seed gives the same race.

    Raises ValueError for a scenario or a policy that there is not.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"there is no scenario {scenario!r}; expected one of {', '.join(SCENARIOS)}")
    workload = synthetic(SCENARIOS[scenario], seed)
    runs = {name: PolicyRun(workload, ready_policy(name)) for name in policies}
    counts = {"calls": len(workload.at), "devices": len(workload.devices), "models": len(workload.models)}
    yield {"kind": "start", "scenario": scenario, "policies": list(policies), "seed": seed, **counts}
    for at in islice(moments(workload), MOST_SAMPLES):
        for run in runs.values():
            run.run(at)
        yield {"kind": "sample", "at_s": round(at, 2), "policies": {name: one.sample() for name, one in runs.items()}}
        if all(run.over for run in runs.values()):
            break
    for run in runs.values():
        run.run(np.inf)
    yield {"kind": "end", "policies": {name: run.end() for name, run in runs.items()}}


def moments(workload: Workload) -> Iterator[float]:
    """Simulated times to look at: evenly over the least that the work takes, then ever further apart."""
    models = workload.models[workload.model]
    work = float((workload.units * (models["step_a"] + models["step_b"])).sum()) / len(workload.devices)
    step = (max(float(workload.at.max()), work) + float(models["load_s"].max())) / EVEN_SAMPLES
    at, taken = 0.0, 0
    while True:
        yield at
        at, taken = at + step, taken + 1
        step *= LATER_STEP if taken > EVEN_SAMPLES else 1.0


def figures(workload: Workload, run: RunOutcome) -> dict[str, Any]:
    """What a run came to: seconds, shares of all devices over the makespan, joules, microseconds of computing."""
    calls, models = run.fleet.calls, workload.models[workload.model]
    alone = workload.units * (models["step_a"] + models["step_b"])
    p50, p95, p99 = np.percentile(run.latency, (50, 95, 99))
    whole = len(run.fleet.devices) * run.makespan
    return {
        "mean_s": round(float(run.latency.mean()), 3),
        "p50_s": round(float(p50), 3),
        "p95_s": round(float(p95), 3),
        "p99_s": round(float(p99), 3),
        "max_wait_s": round(float((calls["started"] - calls["arrived"]).max()), 3),
        "slowdown": round(float((run.latency / alone).mean()), 2),
        "useful": round(run.useful_s / whole, 4),
        "loading": round(run.loading_s / whole, 4),
        "duty": round(run.duty_s / whole, 4),
        "makespan_s": round(run.makespan, 2),
        "loads": int(run.fleet.state[0]["loads"]),
        "joules_per_request": round(run.joules / len(calls), 1),
        "decision_us": round(run.took_s / max(1, run.decisions) * 1e6, 2),
    }
