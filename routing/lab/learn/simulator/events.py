"""The event loop: arrivals, ends of calls and loads, and the scheduler's decisions after each. Compiled and seeded.

The same fleet, workload and policy give the same result to the bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from routing.lab.learn.simulator import machine as physics
from routing.lab.learn.simulator.machine import Machine, machine_of
from routing.scheduler import core as scheduler
from routing.scheduler.compiled import KEPT, compiled, typeof
from routing.scheduler.core import BIND, LOADS, REST, STARTED, Point
from routing.scheduler.fleet import DEVICE, DONE, MODEL, Fleet, FleetLimits, empty
from routing.scheduler.picks import plain

PARTS = 6
"""Most parts of a score."""
Pick = Callable[[Fleet, Point, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], int]


class Clock(NamedTuple):
    """Where a run stands: the next arrival, and counts."""

    arrivals: NDArray[np.float64]
    at: NDArray[np.int64]


class PolicyBuffers(NamedTuple):
    """What a policy works with: the candidates, their score parts (one row each), its weights, what it remembers."""

    candidates: NDArray[np.int64]
    parts: NDArray[np.float64]
    weights: NDArray[np.float64]
    memory: NDArray[np.float64]


@compiled
def step(machine: Machine, clock: Clock) -> bool:
    """Let the next event happen; False if none is left. Ends of calls first, then of loads, then arrivals."""
    leaf = physics.next_event(machine)
    at = physics.event_at(machine, leaf)
    following = clock.at[0]
    devices = len(machine.devices)
    if following < len(clock.arrivals) and clock.arrivals[following] < at:
        clock.at[0] += 1
        scheduler.arrive(machine.fleet, following, clock.arrivals[following])
        return True
    if at == np.inf:
        return False
    if leaf < devices:
        call = physics.end_call(machine, leaf, at)
        machine.fleet.calls[call].state = DONE
        scheduler.finished(machine.fleet, call, at)
        physics.reschedule(machine, leaf)
    else:
        physics.end_load(machine, leaf - devices, at)
        scheduler.loaded(machine.fleet, leaf - devices, at)
        physics.reschedule(machine, leaf - devices)
    return True


@compiled
def carry_out(machine: Machine, point: Point, candidate: int) -> None:
    """Let the scheduler apply a pick, and the machine do what it orders."""
    order = scheduler.apply(machine.fleet, point, candidate)
    if order.kind == STARTED:
        physics.begin_call(machine, order.device, order.slot, order.call, point.now)
    elif order.kind == LOADS:
        physics.begin_load(machine, order.device, point.now)


@compiled
def decide(machine: Machine, pick: Any, buffers: PolicyBuffers) -> int:
    """Let the policy decide until the scheduler rests. Returns the number of decisions."""
    decisions = 0
    point = scheduler.next_point(machine.fleet, buffers.candidates)
    while point.kind != REST:
        decisions += 1
        few = buffers.candidates[: point.count]
        if machine.fleet.state[0].early and point.kind != BIND:
            candidate = plain(machine.fleet, point, few, buffers.parts)
        else:
            candidate = pick(machine.fleet, point, few, buffers.weights, buffers.memory, buffers.parts)
        carry_out(machine, point, scheduler.settled(machine.fleet, point, few, candidate))
        point = scheduler.next_point(machine.fleet, buffers.candidates)
    return decisions


def _run(machine: Machine, clock: Clock, pick: Any, buffers: PolicyBuffers, until: float) -> int:
    decisions = 0
    while machine.fleet.state[0].now < until and step(machine, clock):
        decisions += decide(machine, pick, buffers)
    return decisions


TINY = machine_of(empty(np.ones(1, MODEL), np.ones(1, DEVICE), 1, FleetLimits()), np.zeros(1))
_FLOATS, _PLACES, _PARTS = types.float64[::1], types.int64[::1], types.float64[:, ::1]
_PICK = types.int64(typeof(TINY.fleet), typeof(Point(0, 0, 0, 0, 0, 0.0)), _PLACES, _FLOATS, _FLOATS, _PARTS)
_POINTER = types.FunctionType(_PICK)
CLOCK = Clock(np.zeros(1), np.zeros(1, np.int64))
BUFFERS = PolicyBuffers(np.zeros(1, np.int64), np.zeros((1, PARTS)), np.zeros(1), np.zeros(1))
_RUN = types.int64(typeof(TINY), typeof(CLOCK), _POINTER, typeof(BUFFERS), types.float64)
_run_compiled = njit(_RUN, cache=KEPT, error_model="numpy")(_run)


def in_machine_code(pick: Pick) -> Any:
    """A policy's pick as one function pointer, so that the event loop is compiled once for all policies."""
    return njit(_PICK, cache=KEPT, error_model="numpy")(getattr(pick, "py_func", pick))


def buffers_of(fleet: Fleet, weights: NDArray[np.float64], memory: NDArray[np.float64]) -> PolicyBuffers:
    """Room for the candidates of one decision and their score parts."""
    most = max(len(fleet.models), len(fleet.devices))
    return PolicyBuffers(np.zeros(most, np.int64), np.zeros((most, PARTS)), weights, memory)


def run(machine: Machine, clock: Clock, pick: Any, buffers: PolicyBuffers, until: float = np.inf) -> int:
    """Run to the last event, or past `until` seconds; `pick` is of in_machine_code(). Returns the decisions made."""
    return int(_run_compiled(machine, clock, pick, buffers, until))
