"""Calls that wait, and devices that have something to decide: linked lists and rings inside the fleet's arrays."""

from math import exp

from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.features import solo_s
from routing.scheduler.fleet import HELD, NONE, Fleet

FAST_S, SLOW_S = 10.0, 300.0
"""Time constants of the two arrival rates of a model, seconds."""


@inlined
def scope(fleet: Fleet, device: int) -> int:
    """The scope of queues that the device serves."""
    return device if fleet.state[0].early else 0


@inlined
def work_of(fleet: Fleet, call: int) -> float:
    """Predicted seconds of the call on a device of its own."""
    one = fleet.calls[call]
    model = fleet.models[one.model]
    return solo_s(one.predicted_units, model.step_a, model.step_b)


@compiled
def arrived(fleet: Fleet, call: int, now: float) -> None:
    """Count the call into its model's arrival rates (calls a second, over 10 s and 300 s)."""
    one = fleet.calls[call]
    one.arrived, one.device, one.next = now, NONE, NONE
    model = fleet.models[one.model]
    since = now - model.rate_at
    model.rate_fast = model.rate_fast * exp(-since / FAST_S) + 1.0 / FAST_S
    model.rate_slow = model.rate_slow * exp(-since / SLOW_S) + 1.0 / SLOW_S
    model.rate_at = now


@compiled
def hold(fleet: Fleet, where: int, call: int) -> None:
    """Put the call at the end of its model's queue in scope `where`."""
    one = fleet.calls[call]
    model, queue = fleet.models[one.model], fleet.queues[where, one.model]
    one.state, one.next = HELD, NONE
    if queue.count == 0:
        queue.head = call
        queue.place = fleet.devices[where].waiting_models
        fleet.queues[where, queue.place].waiting = one.model
        fleet.devices[where].waiting_models += 1
    else:
        fleet.calls[queue.tail].next = call
    queue.tail = call
    work = work_of(fleet, call)
    queue.count += 1
    queue.work_s += work
    model.waiting += 1
    model.waiting_work += work
    fleet.state[0].held += 1
    if fleet.state[0].early:
        fleet.devices[where].queued += 1
        fleet.devices[where].queued_s += work


@compiled
def take(fleet: Fleet, where: int, model: int) -> int:
    """Take the oldest waiting call of the model out of scope `where`."""
    queue = fleet.queues[where, model]
    call = queue.head
    work = work_of(fleet, call)
    queue.head = fleet.calls[call].next
    queue.count -= 1
    queue.work_s -= work
    if queue.count == 0:
        queue.tail = NONE
        queue.work_s = 0.0
        last = fleet.devices[where].waiting_models - 1
        moved = fleet.queues[where, last].waiting
        fleet.queues[where, queue.place].waiting = moved
        fleet.queues[where, moved].place = queue.place
        queue.place = NONE
        fleet.devices[where].waiting_models = last
    one = fleet.models[model]
    one.waiting -= 1
    one.waiting_work = one.waiting_work - work if one.waiting > 0 else 0.0
    fleet.state[0].held -= 1
    if fleet.state[0].early:
        fleet.devices[where].queued -= 1
        fleet.devices[where].queued_s -= work
    return int(call)


@compiled
def stand_in_line(fleet: Fleet, device: int) -> None:
    """The device has something to decide."""
    if fleet.devices[device].in_line:
        return
    state = fleet.state[0]
    fleet.devices[(state.line_head + state.line_count) % len(fleet.devices)].line = device
    state.line_count += 1
    fleet.devices[device].in_line = 1


@compiled
def step_out_of_line(fleet: Fleet) -> None:
    """The first device in line has nothing more to decide."""
    state = fleet.state[0]
    fleet.devices[fleet.devices[state.line_head].line].in_line = 0
    state.line_head = (state.line_head + 1) % len(fleet.devices)
    state.line_count -= 1


@compiled
def somebody_in_line(fleet: Fleet) -> bool:
    """Whether a device has something to decide; one that waited for the fleet to be less busy comes in here."""
    state = fleet.state[0]
    while state.line_count == 0 and state.blocked_count > 0 and state.busy < state.most_busy:
        unblock(fleet)
    return bool(state.line_count > 0)


@compiled
def block(fleet: Fleet, device: int) -> None:
    """The device could compute, but the fleet is as busy as it may be."""
    if fleet.devices[device].blocked:
        return
    state = fleet.state[0]
    fleet.devices[(state.blocked_head + state.blocked_count) % len(fleet.devices)].blocked_line = device
    state.blocked_count += 1
    fleet.devices[device].blocked = 1


@compiled
def unblock(fleet: Fleet) -> None:
    """The device that was blocked first decides anew."""
    state = fleet.state[0]
    if state.blocked_count == 0:
        return
    device = fleet.devices[state.blocked_head].blocked_line
    state.blocked_head = (state.blocked_head + 1) % len(fleet.devices)
    state.blocked_count -= 1
    fleet.devices[device].blocked = 0
    fleet.devices[device].start_due = 1
    fleet.devices[device].load_due = 1
    stand_in_line(fleet, device)
