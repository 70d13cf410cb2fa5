"""One workload under one policy, from a cold fleet to the last answer, and what came of it."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.machine import Machine, let_stand, machine_of
from routing.lab.learn.workloads.traffic import Workload
from routing.scheduler.fleet import DONE, Fleet, FleetLimits, empty


@dataclass(frozen=True, slots=True)
class ReadyPolicy:
    """A policy with its weights, ready to run. `homes` gives each model a device of its own before the start."""

    name: str
    pick: Any
    weights: NDArray[np.float64]
    limits: FleetLimits
    homes: Any = None
    memory: int = 8


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What happened: seconds of latency by call; `useful_s`, `loading_s`, `duty_s` and joules, summed over devices."""

    fleet: Fleet
    latency: NDArray[np.float64]
    makespan: float
    useful_s: float
    loading_s: float
    duty_s: float
    joules: float
    decisions: int
    took_s: float


def prepared(workload: Workload, policy: ReadyPolicy) -> tuple[Machine, simulator.Clock, simulator.PolicyBuffers]:
    """The cold machine, the clock and the buffers for a run."""
    models = workload.models.copy()
    if policy.homes is not None:
        models["home"] = policy.homes(workload)
    limits = replace(policy.limits, host_gb=workload.host_gb)
    fleet = empty(models, workload.devices, len(workload.at), limits)
    fleet.calls["model"], fleet.calls["predicted_units"] = workload.model, workload.predicted
    machine = machine_of(fleet, workload.units)
    clock = simulator.Clock(workload.at, np.zeros(1, np.int64))
    return machine, clock, simulator.buffers_of(fleet, policy.weights, np.zeros(policy.memory))


def simulate(workload: Workload, policy: ReadyPolicy) -> RunOutcome:
    """Run to the end. Raises ValueError for what no scheduler can serve, RuntimeError if calls were left over."""
    machine, clock, buffers = prepared(workload, policy)
    began = time.perf_counter()
    decisions = simulator.run(machine, clock, policy.pick, buffers)
    return outcome(machine, decisions, time.perf_counter() - began)


def outcome(machine: Machine, decisions: int, took_s: float) -> RunOutcome:
    """Read the result off a machine that has come to its end."""
    calls = machine.fleet.calls
    left = int(np.count_nonzero(calls["state"] != DONE))
    if left:
        raise RuntimeError(f"{left} of {len(calls)} calls were never answered; the scheduler lost them")
    let_stand(machine, float(calls["finished"].max()))
    devices = machine.devices
    return RunOutcome(
        fleet=machine.fleet,
        latency=calls["finished"] - calls["arrived"],
        makespan=float(calls["finished"].max()),
        useful_s=float(devices["useful_s"].sum()),
        loading_s=float(devices["loading_s"].sum()),
        duty_s=float(devices["duty_s"].sum()),
        joules=float(devices["joules"].sum()),
        decisions=decisions,
        took_s=took_s,
    )
