"""Which model is where: memory, slots, loading, sleeping, evicting. Holds the hard mask of a device."""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler import queueing
from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.fleet import EMPTY, LOADING, NONE, OCCUPANCY, RESIDENTS, RUNNING, WARM, Fleet

RELOAD_S = 60.0
"""A load of what was evicted less than this long ago counts as a reload: waste."""
ROUNDING_GB = 1e-9
SPARE = 0.1
"""Where so many of the devices that may compute do not, replicas are limited by the waiting work alone."""


@inlined
def open_to_calls(fleet: Fleet, device: int) -> bool:
    """Whether the device starts calls and loads models: not drained, or every device is; or calls are bound to it."""
    state = fleet.state[0]
    return bool(fleet.devices[device].drained == 0 or state.usable == 0 or state.early)


@inlined
def masked_by_duty(fleet: Fleet, device: int) -> bool:
    """Whether only the limit on computing devices keeps this idle device from starting."""
    return bool(fleet.devices[device].running == 0 and fleet.state[0].busy >= fleet.state[0].most_busy)


@inlined
def slots_allowed(slots: int) -> int:
    """95 % of a model's batch slots, one at least."""
    return max(1, int(OCCUPANCY * slots))


@compiled
def may_start(fleet: Fleet, device: int, slot: int, call: int) -> bool:
    """Whether the mask lets the call start on the resident in `slot`: warm, slots, memory, duty, circuit, drain."""
    resident, one = fleet.residents[device, slot], fleet.devices[device]
    if resident.state != WARM or masked_by_duty(fleet, device) or not open_to_calls(fleet, device):
        return False
    model = fleet.models[resident.model]
    if resident.running >= slots_allowed(model.slots):
        return False
    if resident.running == 0 and one.active >= fleet.state[0].max_active:
        return False
    if resident.broken and model.broken < model.replicas:
        return False
    if reserved(fleet, device, one.claim, resident.model) or reserved(fleet, device, one.turn, resident.model):
        return False
    return bool(one.used_gb + kv_gb(fleet, device, call) <= one.memory_gb + ROUNDING_GB)


@inlined
def reserved(fleet: Fleet, device: int, holder: int, model: int) -> bool:
    """Whether the device is kept for another model that still waits."""
    if holder in (NONE, model):
        return False
    return bool(fleet.queues[queueing.scope(fleet, device), holder].count > 0)


@inlined
def kv_gb(fleet: Fleet, device: int, call: int) -> float:
    """Memory kept for the call's cache while it runs, GB: no more than the device keeps free of weights.

    So a call fits on any device that is idle; engines cut or page out what grows beyond that.
    """
    one, where = fleet.calls[call], fleet.devices[device]
    return float(min(one.predicted_units * fleet.models[one.model].kv_gb_per_unit, where.memory_gb - where.weights_gb))


@compiled
def enter(fleet: Fleet, call: int, device: int) -> int:
    """The call takes a batch slot of its model on the device. Returns the model's slot there."""
    one, where, state = fleet.calls[call], fleet.devices[device], fleet.state[0]
    slot = np.int64(fleet.places[one.model, device])
    resident = fleet.residents[device, slot]
    one.state, one.device, one.place, one.started = RUNNING, device, slot, state.now
    if where.running == 0:
        state.busy += 1
    if resident.running == 0:
        where.active += 1
    resident.running += 1
    resident.served += 1
    resident.used_at = state.now
    where.running += 1
    where.used_gb += kv_gb(fleet, device, call)
    where.outstanding_s += queueing.work_of(fleet, call)
    fleet.models[one.model].running += 1
    fleet.models[one.model].used_at = state.now
    return int(slot)


@compiled
def leave(fleet: Fleet, call: int, now: float) -> bool:
    """The call gives its slot back. Returns whether its model is idle on the device now."""
    one = fleet.calls[call]
    where, resident = fleet.devices[one.device], fleet.residents[one.device, one.place]
    one.finished = now
    resident.running -= 1
    resident.used_at = now
    where.running -= 1
    where.used_gb -= kv_gb(fleet, one.device, call)
    where.outstanding_s -= queueing.work_of(fleet, call)
    fleet.models[one.model].running -= 1
    fleet.models[one.model].used_at = now
    if resident.running == 0:
        where.active -= 1
    if where.running == 0:
        fleet.state[0].busy -= 1
        where.outstanding_s = 0.0
        where.used_gb = where.used_weights_gb
    return bool(resident.running == 0)


@inlined
def wants_replica(fleet: Fleet, model: int) -> bool:
    """Whether those who wait for the model are worth another load, by their work and number: always the first."""
    one, state = fleet.models[model], fleet.state[0]
    have = one.replicas + one.loading
    if have == 0:
        return True
    spare = state.busy < (1.0 - SPARE) * state.most_busy
    many = one.running + one.waiting > state.calls_per_replica * have
    return bool((spare or many) and one.waiting_work > state.replicate * load_s(fleet, model) * have)


@inlined
def load_s(fleet: Fleet, model: int) -> float:
    """Seconds until the model would be warm: woken from host memory if it sleeps, else loaded."""
    one = fleet.models[model]
    return float(one.wake_s if one.asleep else one.load_s)


@compiled
def evictable(fleet: Fleet, device: int, slot: int) -> bool:
    """Whether the resident may leave: warm, idle, and nobody needs it here (or the device is claimed)."""
    resident = fleet.residents[device, slot]
    if resident.state != WARM or resident.running > 0:
        return False
    return bool(fleet.devices[device].claim != NONE or not needed(fleet, device, resident.model))


@inlined
def needed(fleet: Fleet, device: int, model: int) -> bool:
    """Whether calls wait for the model on the device: if binding is late, more than the other replicas take."""
    waiting = fleet.queues[queueing.scope(fleet, device), model].count
    if waiting == 0 or fleet.state[0].early:
        return bool(waiting > 0)
    one = fleet.models[model]
    return bool(waiting > (one.replicas - 1) * slots_allowed(one.slots) - one.running)


@inlined
def free_gb(fleet: Fleet, device: int) -> float:
    """GB that a new model could take on the device as it stands."""
    one = fleet.devices[device]
    return float(min(one.weights_gb - one.used_weights_gb, one.memory_gb - one.used_gb))


@compiled
def spare_gb(fleet: Fleet, device: int) -> float:
    """GB that a new model could take on the device if all that may leave left."""
    one = fleet.devices[device]
    idle = 0.0
    for slot in range(one.residents):
        if evictable(fleet, device, slot):
            idle += fleet.models[fleet.residents[device, slot].model].memory_gb
    if idle == 0.0 and one.residents == RESIDENTS and free_slot(fleet, device) == NONE:
        return -1.0
    return float(free_gb(fleet, device) + idle + ROUNDING_GB)


@compiled
def room(fleet: Fleet, device: int, model: int) -> bool:
    """Whether the model could be loaded on the device now."""
    needs = fleet.models[model].memory_gb
    return bool(needs <= fleet.devices[device].weights_gb and needs <= spare_gb(fleet, device))


@compiled
def fits(fleet: Fleet, device: int, model: int) -> bool:
    """Whether the model fits on the device as it stands."""
    needs = fleet.models[model].memory_gb
    return bool(needs <= free_gb(fleet, device) + ROUNDING_GB and free_slot(fleet, device) != NONE)


@compiled
def free_slot(fleet: Fleet, device: int) -> int:
    """The lowest slot without a resident; -1 if all are taken."""
    for slot in range(RESIDENTS):
        if fleet.residents[device, slot].model == NONE:
            return slot
    return NONE


@compiled
def victims(fleet: Fleet, device: int, candidates: NDArray[np.int64]) -> int:
    """Models that may leave the device."""
    count = 0
    for slot in range(fleet.devices[device].residents):
        if evictable(fleet, device, slot):
            candidates[count] = fleet.residents[device, slot].model
            count += 1
    return count


@compiled
def begin_load(fleet: Fleet, device: int, model: int) -> int:
    """Reserve memory and a slot for the model; the loader is taken. Returns the slot."""
    one, where, state = fleet.models[model], fleet.devices[device], fleet.state[0]
    slot = free_slot(fleet, device)
    resident = fleet.residents[device, slot]
    resident.model, resident.state, resident.running, resident.served, resident.broken = model, LOADING, 0, 0, 0
    resident.loaded_at = resident.used_at = state.now
    fleet.places[model, device] = slot
    where.residents = max(where.residents, slot + 1)
    where.loading = model
    where.loader_until = state.now + load_s(fleet, model)
    where.used_gb += one.memory_gb
    where.used_weights_gb += one.memory_gb
    one.loading += 1
    state.loads += 1
    state.wakes += one.asleep
    if state.now - one.evicted_at < RELOAD_S:
        state.reloads += 1
    if one.asleep:
        one.asleep = 0
        state.host_gb -= one.memory_gb
    return slot


@compiled
def warm(fleet: Fleet, device: int, now: float) -> None:
    """The model that was loading is warm; a claim on the device for it has been met."""
    where = fleet.devices[device]
    model = where.loading
    resident = fleet.residents[device, fleet.places[model, device]]
    resident.state, resident.loaded_at, resident.used_at = WARM, now, now
    fleet.models[model].loading -= 1
    fleet.models[model].replicas += open_to_calls(fleet, device)
    where.loading = NONE
    if where.claim == model:
        where.claim = NONE
        fleet.models[model].claimed = 0


@compiled
def evict(fleet: Fleet, device: int, model: int) -> None:
    """The model leaves the device; its weights sleep in host memory if that has room."""
    one, where = fleet.models[model], fleet.devices[device]
    slot = fleet.places[model, device]
    resident = fleet.residents[device, slot]
    one.broken -= resident.broken
    resident.model, resident.state, resident.broken = NONE, EMPTY, 0
    fleet.places[model, device] = NONE
    while where.residents > 0 and fleet.residents[device, where.residents - 1].model == NONE:
        where.residents -= 1
    where.used_gb -= one.memory_gb
    where.used_weights_gb -= one.memory_gb
    one.replicas -= open_to_calls(fleet, device)
    one.evicted_at = fleet.state[0].now
    fleet.state[0].evictions += 1
    if not one.asleep:
        put_to_sleep(fleet, model)


@compiled
def put_to_sleep(fleet: Fleet, model: int) -> None:
    """Keep the weights in host memory; those asleep longest make room."""
    state, needs = fleet.state[0], fleet.models[model].memory_gb
    if needs > state.host_limit_gb:
        return
    while state.host_gb + needs > state.host_limit_gb + ROUNDING_GB:
        oldest = longest_asleep(fleet)
        if oldest == NONE:
            return
        fleet.models[oldest].asleep = 0
        state.host_gb -= fleet.models[oldest].memory_gb
    fleet.models[model].asleep = 1
    fleet.models[model].asleep_at = state.now
    state.host_gb += needs


@compiled
def longest_asleep(fleet: Fleet) -> int:
    """The model that has slept longest, but not the one that room is being made for; -1 if none sleeps."""
    oldest, since = NONE, np.inf
    for model in range(len(fleet.models)):
        one = fleet.models[model]
        if one.asleep and one.asleep_at < since and model != fleet.state[0].room_model:
            oldest, since = model, one.asleep_at
    return oldest


@compiled
def recount(fleet: Fleet) -> None:
    """Count every model's warm replicas anew, after a device was drained or reopened: those on open devices."""
    for model in range(len(fleet.models)):
        fleet.models[model].replicas = 0
    fleet.state[0].usable = 0
    for device in range(len(fleet.devices)):
        fleet.state[0].usable += fleet.devices[device].drained == 0
    for device in range(len(fleet.devices)):
        for slot in range(fleet.devices[device].residents):
            resident = fleet.residents[device, slot]
            if resident.state == WARM and open_to_calls(fleet, device):
                fleet.models[resident.model].replicas += 1
