"""What a critic may see of the fleet, arrivals still to come among it: for learners that have one (environment.py)."""

from math import log

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator.events import Clock
from routing.lab.learn.simulator.machine import Machine
from routing.lab.learn.workloads.traffic import Workload
from routing.scheduler.compiled import compiled
from routing.scheduler.fleet import NONE
from routing.scheduler.indices import NamedIndex


class Queued(NamedIndex):
    """What is summed up of the models that wait."""

    LANGUAGE_CALLS = "waiting calls"
    PERCEPTION_CALLS = "waiting calls"
    PICTURE_CALLS = "waiting calls"
    LANGUAGE_WORK = "s"
    PERCEPTION_WORK = "s"
    PICTURE_WORK = "s"
    SERVED = "waiting calls whose model is warm somewhere"
    WAITED = "s since the first call of a model arrived, for each of its calls"
    COLD_GB = "GB of models that are nowhere and not on their way"


class Overall(NamedIndex):
    """What is known of the whole fleet, behind the logarithms and the roots of what waits."""

    RUNNING = "calls a device"
    LOADING = "loaders a device"
    OUTSTANDING = "log s a device"
    BUSY = "share of the devices"
    SOON = "share of the next 15 s that the work arriving then takes"
    LATE = "share of the next 120 s that the work arriving then takes"


LOGS, ROOTS, OVERALL = 0, len(Queued), 2 * len(Queued)
"""Where the three parts of a situation begin."""
SITUATION = OVERALL + len(Overall)
"""How many numbers of the whole fleet it is."""


def work_before(workload: Workload) -> NDArray[np.float64]:
    """Seconds of work in full batches that the first 0, 1, .. calls bring."""
    models = workload.models[workload.model]
    work = workload.predicted * (models["step_a"] / models["slots"] + models["step_b"])
    return np.concatenate([[0.0], np.cumsum(work)])


@compiled
def situation(machine: Machine, clock: Clock, work_before: NDArray[np.float64], row: NDArray[np.float32]) -> None:
    """What the critic sees: how much waits, runs and loads, how old it is, and how much work will come."""
    fleet = machine.fleet
    state, devices = fleet.state[0], len(fleet.devices)
    count = np.zeros(ROOTS)
    for place in range(fleet.devices[0].waiting_models):
        model = fleet.queues[0, place].waiting
        queue, one = fleet.queues[0, model], fleet.models[model]
        count[Queued.LANGUAGE_CALLS + one.kind] += queue.count
        count[Queued.LANGUAGE_WORK + one.kind] += queue.work_s
        count[Queued.SERVED] += queue.count if one.replicas > 0 else 0
        count[Queued.WAITED] += (state.now - fleet.calls[queue.head].arrived) * queue.count
        count[Queued.COLD_GB] += one.memory_gb if one.replicas + one.loading == 0 else 0.0
    running = loading = outstanding = 0.0
    for device in range(devices):
        one = fleet.devices[device]
        running += one.running
        outstanding += one.outstanding_s
        loading += 1.0 if one.loading != NONE else 0.0
    for place in range(ROOTS):
        row[LOGS + place] = log(1.0 + count[place] / devices)
        row[ROOTS + place] = (count[place] / devices) ** 0.5 / 3.0
    row[OVERALL + Overall.RUNNING] = running / devices
    row[OVERALL + Overall.LOADING] = loading / devices
    row[OVERALL + Overall.OUTSTANDING] = log(1.0 + outstanding / devices)
    row[OVERALL + Overall.BUSY] = state.busy / devices
    upcoming(clock, work_before, state.now, devices, row)


@compiled
def upcoming(
    clock: Clock, work_before: NDArray[np.float64], now: float, devices: int, row: NDArray[np.float32]
) -> None:
    """Work that arrives in the next 15 and 120 s, in seconds per device."""
    following = clock.at[0]
    soon = np.searchsorted(clock.arrivals, now + 15.0)
    late = np.searchsorted(clock.arrivals, now + 120.0)
    row[OVERALL + Overall.SOON] = (work_before[soon] - work_before[following]) / devices / 15.0
    row[OVERALL + Overall.LATE] = (work_before[late] - work_before[following]) / devices / 120.0
