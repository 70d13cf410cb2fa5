"""The scheduler core: who runs where, what is loaded, what is evicted. Pure: no clock, no I/O, nothing random.

Whoever drives it (the simulator, or the scheduler process) reports events with their time (`arrive`, `finished`,
`loaded`), then asks `next_point` until it rests, lets a policy pick among the point's candidates and passes the pick to
`apply`, which answers what to do on the device: start a call, begin a load, or nothing.

The mask is hard: candidates never take a device's memory, a model's batch slots or the fleet's busy devices over 95 %
(`fleet.OCCUPANCY`). Who has waited longer than the patience goes first, and where a model that is overdue fits on no
device as it stands, one device is claimed for it and drained; so nobody waits for ever.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.scheduler import candidates as choices
from routing.scheduler import queueing, residency
from routing.scheduler.compiled import compiled
from routing.scheduler.fleet import NONE, Fleet

REST, BIND, START, PLACE, LOAD, EVICT = 0, 1, 2, 3, 4, 5
"""Kinds of decision points: nothing to decide; a device for an arriving call; a waiting model for a freed slot; a
device that loads an arriving call's model; a model for a free loader; a resident that makes room."""
NOTHING, STARTED, LOADS = 0, 1, 2


class Point(NamedTuple):
    """One decision. Candidates are devices at BIND and PLACE, models at START, LOAD and EVICT.

    `model` is the model to place or to make room for, `call` the arriving call; -1 if there is none.
    """

    kind: int
    device: int
    model: int
    call: int
    count: int  # type: ignore[assignment]
    now: float


class Order(NamedTuple):
    """What to do now: STARTED `call` in `slot` of `device`, or LOADS `model` into it; NOTHING."""

    kind: int
    device: int
    slot: int
    model: int
    call: int


@compiled
def arrive(fleet: Fleet, call: int, now: float) -> None:
    """Call `call` of `fleet.calls`, its model and predicted units filled in, arrives at `now`."""
    fleet.state[0].now = now
    queueing.arrived(fleet, call, now)
    fleet.state[0].arrival = call
    fleet.state[0].arrival_step = BIND


@compiled
def finished(fleet: Fleet, call: int, now: float) -> None:
    """The call ended, well or badly, and leaves its slot."""
    fleet.state[0].now = now
    fleet.state[0].last_finished = call
    device = fleet.calls[call].device
    idle = residency.leave(fleet, call, now)
    if fleet.devices[device].running == 0:
        queueing.unblock(fleet)
    fleet.devices[device].start_due = 1
    if idle:
        fleet.devices[device].load_due = 1
    queueing.stand_in_line(fleet, device)


@compiled
def loaded(fleet: Fleet, device: int, now: float) -> None:
    """The device's loader is done: the model is warm."""
    fleet.state[0].now = now
    residency.warm(fleet, device, now)
    fleet.devices[device].start_due = 1
    fleet.devices[device].load_due = 1
    queueing.stand_in_line(fleet, device)


@compiled
def look_again(fleet: Fleet, device: int, now: float) -> None:
    """Something outside changed at the device (a drain ended, a circuit closed): decide anew."""
    fleet.state[0].now = now
    fleet.devices[device].start_due = 1
    fleet.devices[device].load_due = 1
    queueing.stand_in_line(fleet, device)


@compiled
def drain(fleet: Fleet, device: int, drained: bool, now: float) -> None:
    """Take the device out of service, its running calls go on; or back into it. Who waits is asked for elsewhere.

    Where calls are bound to devices at once, those bound already are still answered there.
    """
    fleet.state[0].now = now
    fleet.devices[device].drained = drained
    residency.recount(fleet)
    for other in range(len(fleet.devices)):
        look_again(fleet, other, now)


@compiled
def next_point(fleet: Fleet, candidates: NDArray[np.int64]) -> Point:
    """The next decision to make, its candidates written to the front of `candidates`; REST if there is none."""
    state = fleet.state[0]
    if state.room_model != NONE:
        count = residency.victims(fleet, state.room_device, candidates)
        return Point(EVICT, state.room_device, state.room_model, NONE, count, state.now)
    if state.arrival != NONE:
        point = arrival_point(fleet, candidates)
        if point.count > 0:
            return point
    while queueing.somebody_in_line(fleet):
        device = fleet.devices[state.line_head].line
        point = device_point(fleet, device, candidates)
        if point.count > 0:
            return point
        if not (fleet.devices[device].start_due or fleet.devices[device].load_due):
            queueing.step_out_of_line(fleet)
    return Point(REST, NONE, NONE, NONE, 0, state.now)


@compiled
def apply(fleet: Fleet, point: Point, candidate: int) -> Order:
    """Carry out the pick for `point`: a candidate, or -1 to hold the call, keep the loader free. EVICT needs a pick."""
    if point.kind == BIND:
        return bind(fleet, point, candidate)
    if point.kind == START:
        if candidate == NONE:
            fleet.devices[point.device].start_due = 0
            return Order(NOTHING, point.device, NONE, NONE, NONE)
        return start(fleet, queueing.take(fleet, queueing.scope(fleet, point.device), candidate), point.device)
    if point.kind == PLACE:
        fleet.state[0].arrival = NONE
        return make_room(fleet, candidate, point.model) if candidate != NONE else nothing()
    if point.kind == LOAD:
        if candidate == NONE:
            fleet.devices[point.device].load_due = 0
            return nothing()
        return make_room(fleet, point.device, candidate)
    if point.kind == EVICT:
        residency.evict(fleet, point.device, candidate)
        return make_room(fleet, point.device, point.model)
    return nothing()


@compiled
def may_hold(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> bool:
    """Whether -1 is an answer: only if a later event is sure to ask again, so that no policy can starve anybody.

    That is if the device, or every candidate device, has a call running whose end will ask.
    """
    if point.kind == EVICT or fleet.state[0].early:
        return False
    if point.kind == START or point.kind == LOAD:
        return bool(fleet.devices[point.device].running > 0)
    idle = 0
    for device in candidates:
        idle += fleet.devices[device].running == 0
    return idle == 0


@compiled
def settled(fleet: Fleet, point: Point, candidates: NDArray[np.int64], candidate: int) -> int:
    """The pick if it stands; the first candidate if a policy held what it may not, counted as failed open."""
    if candidate != NONE or may_hold(fleet, point, candidates):
        return candidate
    fleet.state[0].failed_open += 1
    return int(candidates[0])


@compiled
def nothing() -> Order:
    """No order."""
    return Order(NOTHING, NONE, NONE, NONE, NONE)


@compiled
def arrival_point(fleet: Fleet, candidates: NDArray[np.int64]) -> Point:
    """The decision that the arriving call asks for now, if any: first a device, else a loader for its model."""
    state = fleet.state[0]
    call = state.arrival
    model = fleet.calls[call].model
    if state.arrival_step == BIND:
        if state.early:
            count = choices.every_device(fleet, model, candidates)
        else:
            count = choices.free_replicas(fleet, call, candidates)
        if count > 0:
            return Point(BIND, NONE, model, call, count, state.now)
        queueing.hold(fleet, 0, call)
        state.arrival_step = PLACE
    count = choices.loaders(fleet, model, candidates)
    if count == 0:
        state.arrival = NONE
    return Point(PLACE, NONE, model, call, count, state.now)


@compiled
def device_point(fleet: Fleet, device: int, candidates: NDArray[np.int64]) -> Point:
    """What is to be decided at the device: calls first, then its loader."""
    now = fleet.state[0].now
    if fleet.devices[device].start_due:
        count = choices.startable_models(fleet, device, candidates)
        if count > 0:
            return Point(START, device, NONE, NONE, count, now)
        fleet.devices[device].start_due = 0
    if fleet.devices[device].load_due:
        count = choices.loadable_models(fleet, device, candidates)
        if count > 0:
            return Point(LOAD, device, NONE, NONE, count, now)
        fleet.devices[device].load_due = 0
    return Point(REST, device, NONE, NONE, 0, now)


@compiled
def bind(fleet: Fleet, point: Point, device: int) -> Order:
    """An arriving call goes to `device`: at once if policies bind late, into its line if they bind early."""
    state = fleet.state[0]
    if device == NONE:
        queueing.hold(fleet, 0, point.call)
        state.arrival_step = PLACE
        return nothing()
    state.arrival = NONE
    if not state.early:
        return start(fleet, point.call, device)
    queueing.hold(fleet, device, point.call)
    fleet.devices[device].start_due = 1
    fleet.devices[device].load_due = 1
    queueing.stand_in_line(fleet, device)
    return nothing()


@compiled
def start(fleet: Fleet, call: int, device: int) -> Order:
    """The call takes a slot of its model on the device."""
    slot = residency.enter(fleet, call, device)
    return Order(STARTED, device, slot, fleet.calls[call].model, call)


@compiled
def make_room(fleet: Fleet, device: int, model: int) -> Order:
    """Begin the load if there is room; else ask for a victim next."""
    state = fleet.state[0]
    if not residency.fits(fleet, device, model):
        state.room_device, state.room_model = device, model
        return nothing()
    state.room_device = state.room_model = NONE
    slot = residency.begin_load(fleet, device, model)
    return Order(LOADS, device, slot, model, NONE)
