"""The physics of the simulated devices: rates, batches, power, heat. What the scheduler decides happens here.

Fluid model: a device shares its time evenly among its active models; a call of a model in a batch of n advances by
1 / (k * (a + b*n)) units a second, if k models are active. A load beside it slows it (PCIe), heat lowers the clock.
"""

from math import exp, inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.features import step_s
from routing.scheduler.fleet import NONE, RESIDENTS, Fleet

CONTENTION = 0.9
"""Speed of compute while a load runs beside it (assumption)."""
IDLE_W, CONTEXT_W = 70.0, 45.0
"""Power of an idle H100, and what a resident model adds to it (arXiv 2605.23918: 26 to 66 W)."""
BATCH_ONE_SHARE = 0.7
"""Power of a batch of one, as a share of a full batch's (ML.ENERGY: 430-490 W of 616-685 W at 8 of 400)."""
AMBIENT_C, KELVIN_PER_W, HEAT_S = 28.0, 0.07, 90.0
"""Thermal model: T' = (ambient + R*P - T) / tau (assumption)."""
HOT_C, HOT_CLOCK = 83.0, 0.9
"""Above this temperature the clock falls to this share."""
NEVER = inf

DEVICE_STATE = np.dtype(
    [
        ("since", "f8"),
        ("joules", "f8"),
        ("useful_s", "f8"),
        ("loading_s", "f8"),
        ("duty_s", "f8"),
        ("watts", "f8"),
        ("useful", "f8"),
        ("loading", "i8"),
        ("next_slot", "i8"),
    ],
    align=True,
)
SLOT_STATE = np.dtype([("progress", "f8"), ("rate", "f8"), ("calls", "i8")], align=True)
ENTRY = np.dtype([("key", "f8"), ("call", "i8")], align=True)
EVENT = np.dtype([("at", "f8"), ("first", "i8")], align=True)


class Machine(NamedTuple):
    """The physical state beside the scheduler's. `heaps[device, slot]` has a slot's running calls by the progress at
    which they end. `events` is a winner tree in its upper half's leaves: when each device's next call ends, then when
    its load ends; `first` names the leaf that comes first below a node.
    """

    fleet: Fleet
    devices: NDArray[Any]
    slots: NDArray[Any]
    heaps: NDArray[Any]
    units: NDArray[np.float64]
    events: NDArray[Any]


def machine_of(fleet: Fleet, units: NDArray[np.float64]) -> Machine:
    """A cold machine for the fleet; `units` are the calls' true sizes, which no policy sees."""
    count = len(fleet.devices)
    most = max(1, int(fleet.models["slots"].max()))
    leaves = 1
    while leaves < 2 * count:
        leaves *= 2
    devices = np.zeros(count, DEVICE_STATE)
    devices["next_slot"] = NONE
    devices["watts"] = IDLE_W
    fleet.devices["celsius"] = AMBIENT_C + KELVIN_PER_W * IDLE_W
    events = np.zeros(2 * leaves, EVENT)
    events["at"] = NEVER
    events["first"][leaves:] = np.arange(leaves, 2 * leaves)
    for node in range(leaves - 1, 0, -1):
        events["first"][node] = events["first"][2 * node]
    return Machine(
        fleet=fleet,
        devices=devices,
        slots=np.zeros((count, RESIDENTS), SLOT_STATE),
        heaps=np.zeros((count, RESIDENTS, most), ENTRY),
        units=units,
        events=events,
    )


@compiled
def advance(machine: Machine, device: int, now: float) -> None:
    """Let the device run until `now`: progress, energy, heat."""
    one = machine.devices[device]
    seconds = now - one.since
    one.since = now
    if seconds <= 0.0:
        return
    seen = machine.fleet.devices[device]
    if one.useful > 0.0:
        one.useful_s += seconds * one.useful
        for slot in range(seen.residents):
            machine.slots[device, slot].progress += seconds * machine.slots[device, slot].rate
    if one.loading:
        one.loading_s += seconds
    if one.loading or one.useful > 0.0:
        one.duty_s += seconds
    one.joules += one.watts * seconds
    settled = AMBIENT_C + KELVIN_PER_W * one.watts
    seen.celsius = settled + (seen.celsius - settled) * exp(-seconds / HEAT_S)


@compiled
def reschedule(machine: Machine, device: int) -> None:
    """After anything changed on the device: rates, power, and when its next call ends."""
    one, seen = machine.devices[device], machine.fleet.devices[device]
    clock = HOT_CLOCK if seen.celsius > HOT_C else 1.0
    useful = clock * (CONTENTION if seen.loading != NONE else 1.0)
    soonest, watts = NEVER, 0.0
    for slot in range(seen.residents):
        running = machine.fleet.residents[device, slot].running
        if running == 0:
            machine.slots[device, slot].rate = 0.0
            continue
        model = machine.fleet.models[machine.fleet.residents[device, slot].model]
        state = machine.slots[device, slot]
        state.rate = seen.speed * useful / (seen.active * step_s(model.step_a, model.step_b, running))
        watts += power_w(model.watts, running, model.slots) / seen.active
        end = one.since + max(0.0, machine.heaps[device, slot, 0].key - state.progress) / state.rate
        if end < soonest:
            soonest, one.next_slot = end, slot
    one.useful = useful if seen.running > 0 else 0.0
    one.loading = seen.loading != NONE
    idle = IDLE_W + (CONTEXT_W if seen.residents > 0 else 0.0)
    one.watts = seen.watts = max(idle, watts)
    set_event(machine, device, soonest)


@compiled
def power_w(full_w: float, running: int, slots: int) -> float:
    """Power of a model's batch: from BATCH_ONE_SHARE of the full batch's up to all of it, linear in the batch."""
    return full_w * (BATCH_ONE_SHARE + (1.0 - BATCH_ONE_SHARE) * running / slots)


@compiled
def begin_call(machine: Machine, device: int, slot: int, call: int, now: float) -> None:
    """The call starts in the slot's batch."""
    advance(machine, device, now)
    state = machine.slots[device, slot]
    if state.calls == 0:
        state.progress = 0.0
    push(machine.heaps[device, slot], state.calls, state.progress + machine.units[call], call)
    state.calls += 1
    reschedule(machine, device)


@compiled
def begin_load(machine: Machine, device: int, now: float) -> None:
    """The device's loader starts: compute beside it slows down until `loader_until`."""
    advance(machine, device, now)
    reschedule(machine, device)
    set_event(machine, len(machine.devices) + device, machine.fleet.devices[device].loader_until)


@compiled
def end_call(machine: Machine, device: int, now: float) -> int:
    """The device's next call ends. Returns it; the caller tells the scheduler, then calls reschedule()."""
    advance(machine, device, now)
    slot = machine.devices[device].next_slot
    state = machine.slots[device, slot]
    call = pop(machine.heaps[device, slot], state.calls)
    state.calls -= 1
    return call


@compiled
def end_load(machine: Machine, device: int, now: float) -> None:
    """The device's load ends; the caller tells the scheduler, then calls reschedule()."""
    advance(machine, device, now)
    set_event(machine, len(machine.devices) + device, NEVER)


@compiled
def set_event(machine: Machine, leaf: int, at: float) -> None:
    """Move one event and settle its matches up to the root of the tree again; the left one wins a draw."""
    node = len(machine.events) // 2 + leaf
    machine.events[node].at = at
    while node > 1:
        node //= 2
        left, right = machine.events[2 * node].first, machine.events[2 * node + 1].first
        machine.events[node].first = left if machine.events[left].at <= machine.events[right].at else right


@compiled
def next_event(machine: Machine) -> int:
    """The leaf whose event comes next: a device's number, or that plus the number of devices for its load."""
    return int(machine.events[1].first) - len(machine.events) // 2


@compiled
def event_at(machine: Machine, leaf: int) -> float:
    """When that event happens, in seconds; NEVER if none is due."""
    return float(machine.events[len(machine.events) // 2 + leaf].at)


@compiled
def push(heap: NDArray[Any], count: int, key: float, call: int) -> None:
    """Add to a heap of `count` entries; equal keys leave in order of their calls."""
    place = count
    while place > 0:
        above = (place - 1) // 2
        if not before(key, call, heap[above].key, heap[above].call):
            break
        heap[place].key, heap[place].call = heap[above].key, heap[above].call
        place = above
    heap[place].key, heap[place].call = key, call


@compiled
def pop(heap: NDArray[Any], count: int) -> int:
    """Take the first call of a heap of `count` entries."""
    first = heap[0].call
    key, call = heap[count - 1].key, heap[count - 1].call
    place = 0
    while True:
        below = 2 * place + 1
        if below >= count - 1:
            break
        other = below + 1
        if other < count - 1 and before(heap[other].key, heap[other].call, heap[below].key, heap[below].call):
            below = other
        if not before(heap[below].key, heap[below].call, key, call):
            break
        heap[place].key, heap[place].call = heap[below].key, heap[below].call
        place = below
    heap[place].key, heap[place].call = key, call
    return int(first)


@inlined
def before(key: float, call: int, other_key: float, other_call: int) -> bool:
    """Order of a heap's entries."""
    return key < other_key or (key == other_key and call < other_call)


@compiled
def let_stand(machine: Machine, until: float) -> None:
    """Let every device run on to `until`, so that idle ones have their energy counted."""
    for device in range(len(machine.devices)):
        advance(machine, device, until)
