"""What learning counts: the seconds that calls spend in the system, those of the old ones more."""

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.events import Clock
from routing.lab.learn.simulator.machine import Machine
from routing.scheduler.compiled import compiled
from routing.scheduler.fleet import NONE

AGE_S = 300.0
"""A call that has been in the system this long costs (1 + ageing) a second."""
COST, INSIDE, ARRIVED = 0, 1, 2


@compiled
def sums_of() -> NDArray[np.float64]:
    """The sums of a run at its start: COST in seconds, calls INSIDE the system, the sum of when they ARRIVED."""
    return np.zeros(3)


@compiled
def step_with_cost(machine: Machine, clock: Clock, sums: NDArray[np.float64], ageing: float) -> bool:
    """The next event, and what the time until then cost; False if there is none any more."""
    before, following = machine.fleet.state[0].now, clock.at[0]
    if not simulator.step(machine, clock):
        return False
    now = machine.fleet.state[0].now
    ages = sums[INSIDE] * 0.5 * (now + before) - sums[ARRIVED]
    sums[COST] += (now - before) * (sums[INSIDE] + ageing * ages / AGE_S)
    if clock.at[0] > following:
        sums[INSIDE] += 1.0
        sums[ARRIVED] += now
        return True
    call = machine.fleet.state[0].last_finished
    machine.fleet.state[0].last_finished = NONE
    if call != NONE:
        sums[INSIDE] -= 1.0
        sums[ARRIVED] -= machine.fleet.calls[call].arrived
    return True
