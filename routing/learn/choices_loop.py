"""The gymnasium environment's inner loop, compiled: events and decisions with a single option, up to a real choice."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, typeof, types
from numpy.typing import NDArray

from routing import scheduler
from routing.compiled import KEPT, compiled
from routing.fleet import NONE
from routing.learn import rollout, simulator, situation
from routing.learn.machine import Machine
from routing.learn.rollout import AGE_S
from routing.learn.simulator import Clock, Desk
from routing.learn.situation import SITUATION
from routing.observation import COUNT
from routing.policies import learned
from routing.policies.learned import ROWS
from routing.scheduler import EVICT, LOAD, PLACE, REST, Point

COST, LOADING, INSIDE, ARRIVED = 0, 1, 2, 3
NOWHERE = Point(REST, NONE, NONE, NONE, 0, 0.0)
"""The point to start from, at which nothing is decided."""


class Account(NamedTuple):
    """What a run has cost so far, and when to stop.

    `sums`: the cost in seconds of calls in the system, aged as in rollout.py; seconds of loading begun; calls in the
    system; the sum of their arrival times. `situation` is what the critic sees at the last choice. No event later than
    the first at or after `until` seconds happens.
    """

    sums: NDArray[np.float64]
    situation: NDArray[np.float32]
    work_before: NDArray[np.float64]
    ageing: float
    until: float


def account_of(work_before: NDArray[np.float64], ageing: float, until: float) -> Account:
    """A new account of a workload whose coming work the critic may see."""
    return Account(np.zeros(4), np.zeros(SITUATION, np.float32), work_before, ageing, until)


@compiled
def take(machine: Machine, account: Account, point: Point, option: int) -> None:
    """Carry out a pick; a load that it begins is charged at once, all its seconds."""
    simulator.carry_out(machine, point, option)
    if option == NONE or not (point.kind == PLACE or point.kind == LOAD or point.kind == EVICT):
        return
    device = machine.fleet.devices[option if point.kind == PLACE else point.device]
    if device.loading != NONE:
        account.sums[LOADING] += device.loader_until - point.now


@compiled
def happen(machine: Machine, clock: Clock, account: Account) -> bool:
    """The next event, and what the time until then cost; False where there is none or the run is over."""
    sums, before, following = account.sums, machine.fleet.state[0].now, clock.at[0]
    answered = sums[INSIDE] == 0.0 and following == len(clock.arrivals)
    if answered or before >= account.until or not simulator.step(machine, clock):
        return False
    now = machine.fleet.state[0].now
    ages = sums[INSIDE] * 0.5 * (now + before) - sums[ARRIVED]
    sums[COST] += (now - before) * (sums[INSIDE] + account.ageing * ages / AGE_S)
    if clock.at[0] > following:
        sums[INSIDE] += 1.0
        sums[ARRIVED] += now
        return True
    arrived = rollout.left(machine, now)
    if arrived >= 0.0:
        sums[INSIDE] -= 1.0
        sums[ARRIVED] -= arrived
    return True


def _until_choice(
    machine: Machine, clock: Clock, desk: Desk, account: Account, point: Point, option: int
) -> tuple[Point, int]:
    rows = desk.memory[: ROWS * COUNT].reshape((ROWS, COUNT))
    options = desk.memory[ROWS * COUNT : ROWS * (COUNT + 1)]
    take(machine, account, point, option)
    while True:
        point = scheduler.next_point(machine.fleet, desk.candidates)
        if point.kind == REST:
            if not happen(machine, clock, account):
                return point, 0
            continue
        count = learned.prepare(machine.fleet, point, desk.candidates[: point.count], desk.weights, rows, options)
        if count > 1:
            situation.situation(machine, clock, account.work_before, account.situation)
            return point, count
        take(machine, account, point, int(options[0]))


_EXAMPLE = account_of(np.zeros(1), 0.0, np.inf)
_GIVEN: list[Any] = list(map(typeof, (simulator.TINY, simulator.CLOCK, simulator.DESK, _EXAMPLE, NOWHERE, NONE)))
_TUPLE: Callable[[list[Any]], Any] = types.Tuple
_UNTIL = _TUPLE(_GIVEN[-2:])(*_GIVEN)
_until_compiled: Any = njit(_UNTIL, cache=KEPT, error_model="numpy")(_until_choice)


def until_choice(
    machine: Machine, clock: Clock, desk: Desk, account: Account, point: Point, option: int
) -> tuple[Point, int]:
    """Take `option` at `point` (at first NOWHERE), then run to the next point with more than one option.

    Returns it with the number of options, which lie in the desk's memory as in rollout.explore(); 0 where the last call
    is answered, the time is up, or nothing is left to happen.
    """
    found, count = _until_compiled(machine, clock, desk, account, point, option)
    return found, int(count)
