"""The gymnasium environment's inner loop, compiled: events and decisions with a single option, up to a real choice."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, typeof, types
from numpy.typing import NDArray

from routing.lab.learn.evaluation.cost import INSIDE, step_with_cost, sums_of
from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.events import Clock, PolicyBuffers
from routing.lab.learn.simulator.machine import Machine
from routing.lab.learn.training import situation
from routing.lab.learn.training.situation import SITUATION
from routing.policies.learned import policy as learned
from routing.policies.learned.observation import COUNT
from routing.policies.learned.policy import ROWS
from routing.scheduler import core as scheduler
from routing.scheduler.compiled import KEPT, compiled
from routing.scheduler.core import EVICT, LOAD, PLACE, REST, Point
from routing.scheduler.fleet import NONE

NOWHERE = Point(REST, NONE, NONE, NONE, 0, 0.0)
"""The point to start from, at which nothing is decided."""


class Account(NamedTuple):
    """What a run has cost so far, and when to stop.

    `sums` are those of cost.py, `loading` the seconds of loading begun, `situation` what a critic may see at the last
    choice. No event later than the first at or after `until` seconds happens.
    """

    sums: NDArray[np.float64]
    loading: NDArray[np.float64]
    situation: NDArray[np.float32]
    work_before: NDArray[np.float64]
    ageing: float
    until: float


def account_of(work_before: NDArray[np.float64], ageing: float, until: float) -> Account:
    """A new account of a workload whose coming work the critic may see."""
    return Account(sums_of(), np.zeros(1), np.zeros(SITUATION, np.float32), work_before, ageing, until)


@compiled
def take(machine: Machine, account: Account, point: Point, option: int) -> None:
    """Carry out a pick; a load that it begins is charged at once, all its seconds."""
    simulator.carry_out(machine, point, option)
    if option == NONE or not (point.kind == PLACE or point.kind == LOAD or point.kind == EVICT):
        return
    device = machine.fleet.devices[option if point.kind == PLACE else point.device]
    if device.loading != NONE:
        account.loading[0] += device.loader_until - point.now


@compiled
def go_on(machine: Machine, clock: Clock, account: Account) -> bool:
    """The next event; False if there is none or the run is over."""
    answered = account.sums[INSIDE] == 0.0 and clock.at[0] == len(clock.arrivals)
    if answered or machine.fleet.state[0].now >= account.until:
        return False
    return step_with_cost(machine, clock, account.sums, account.ageing)


def _until_choice(
    machine: Machine, clock: Clock, buffers: PolicyBuffers, account: Account, point: Point, option: int
) -> tuple[Point, int]:
    rows = buffers.memory[: ROWS * COUNT].reshape((ROWS, COUNT))
    options = buffers.memory[ROWS * COUNT : ROWS * (COUNT + 1)]
    take(machine, account, point, option)
    while True:
        point = scheduler.next_point(machine.fleet, buffers.candidates)
        if point.kind == REST:
            if not go_on(machine, clock, account):
                return point, 0
            continue
        count = learned.prepare(machine.fleet, point, buffers.candidates[: point.count], buffers.weights, rows, options)
        if count > 1:
            situation.situation(machine, clock, account.work_before, account.situation)
            return point, count
        take(machine, account, point, int(options[0]))


_EXAMPLE = account_of(np.zeros(1), 0.0, np.inf)
_GIVEN: list[Any] = list(map(typeof, (simulator.TINY, simulator.CLOCK, simulator.BUFFERS, _EXAMPLE, NOWHERE, NONE)))
_TUPLE: Callable[[list[Any]], Any] = types.Tuple
_UNTIL = _TUPLE(_GIVEN[-2:])(*_GIVEN)
_until_compiled: Any = njit(_UNTIL, cache=KEPT, error_model="numpy")(_until_choice)


def until_choice(
    machine: Machine, clock: Clock, buffers: PolicyBuffers, account: Account, point: Point, option: int
) -> tuple[Point, int]:
    """Take `option` at `point` (at first NOWHERE), then run to the next point with more than one option.

    Returns it with the number of options, which lie in the buffers' memory as in rollout.explore(); 0 if the last call
    is answered, the time is up, or nothing is left to happen.
    """
    found, count = _until_compiled(machine, clock, buffers, account, point, option)
    return found, int(count)
