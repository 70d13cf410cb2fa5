"""Who may be picked at each decision: the hard mask, and the ageing that keeps anybody from waiting for ever."""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler import queueing, residency
from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.fleet import NONE, WARM, Fleet


@compiled
def every_device(fleet: Fleet, model: int, candidates: NDArray[np.int64]) -> int:
    """Devices that can ever hold the model and take calls; if all are drained, all that can hold it."""
    count = 0
    for device in range(len(fleet.devices)):
        one = fleet.devices[device]
        if one.weights_gb >= fleet.models[model].memory_gb and not one.drained:
            candidates[count] = device
            count += 1
    if count > 0:
        return count
    fleet.state[0].failed_open += 1
    for device in range(len(fleet.devices)):
        if fleet.devices[device].weights_gb >= fleet.models[model].memory_gb:
            candidates[count] = device
            count += 1
    return count


@compiled
def free_replicas(fleet: Fleet, call: int, candidates: NDArray[np.int64]) -> int:
    """Devices on which the arriving call may start now. None if others of its model wait already."""
    model = fleet.calls[call].model
    if fleet.models[model].replicas == 0 or fleet.queues[0, model].count > 0:
        return 0
    count = 0
    for device in range(len(fleet.devices)):
        slot = fleet.places[model, device]
        if slot == NONE:
            continue
        if residency.may_start(fleet, device, slot, call):
            candidates[count] = device
            count += 1
        elif residency.masked_by_duty(fleet, device):
            queueing.block(fleet, device)
    return count


@compiled
def loaders(fleet: Fleet, model: int, candidates: NDArray[np.int64]) -> int:
    """Devices whose loader is free and that can make room for the model, if it needs another replica."""
    if not residency.wants_replica(fleet, model):
        return 0
    count = 0
    for device in range(len(fleet.devices)):
        one = fleet.devices[device]
        free = one.loading == NONE and one.claim == NONE and residency.open_to_calls(fleet, device)
        if free and fleet.places[model, device] == NONE and residency.room(fleet, device, model):
            candidates[count] = device
            count += 1
    return count


@compiled
def startable_models(fleet: Fleet, device: int, candidates: NDArray[np.int64]) -> int:
    """Resident models with a waiting call that may start now. If one is overdue, it alone, or none until it may."""
    one = fleet.devices[device]
    scope = queueing.scope(fleet, device)
    one.turn = overdue_resident(fleet, device, scope)
    count = waiting = 0
    for slot in range(one.residents):
        model = fleet.residents[device, slot].model
        if model == NONE or fleet.queues[scope, model].count == 0:
            continue
        waiting += 1
        if residency.may_start(fleet, device, slot, fleet.queues[scope, model].head):
            candidates[count] = model
            count += 1
    if waiting > count == 0 and residency.masked_by_duty(fleet, device):
        queueing.block(fleet, device)
    return count


@compiled
def overdue_resident(fleet: Fleet, device: int, scope: int) -> int:
    """The warm model on the device whose first call has waited longest and longer than the patience; -1 for none."""
    oldest, oldest_at = NONE, fleet.state[0].now - fleet.state[0].patience_s
    for slot in range(fleet.devices[device].residents):
        resident = fleet.residents[device, slot]
        if resident.state != WARM or fleet.queues[scope, resident.model].count == 0:
            continue
        since = fleet.calls[fleet.queues[scope, resident.model].head].arrived
        if since < oldest_at:
            oldest, oldest_at = resident.model, since
    return oldest


@compiled
def loadable_models(fleet: Fleet, device: int, candidates: NDArray[np.int64]) -> int:
    """Waiting models that the device's free loader could load; only the oldest if one is overdue."""
    one = fleet.devices[device]
    if one.loading != NONE or not residency.open_to_calls(fleet, device):
        return 0
    scope = queueing.scope(fleet, device)
    if one.claim != NONE:
        count = claimed_model(fleet, device, scope, candidates)
        if one.claim != NONE:
            return count
    spare = residency.spare_gb(fleet, device)
    count = 0
    oldest, oldest_at = NONE, fleet.state[0].now - fleet.state[0].patience_s
    for place in range(fleet.devices[scope].waiting_models):
        model = fleet.queues[scope, place].waiting
        if fleet.places[model, device] != NONE or not wanted(fleet, device, model):
            continue
        fitting = fleet.models[model].memory_gb <= spare
        if fitting:
            candidates[count] = model
            count += 1
        since = fleet.calls[fleet.queues[scope, model].head].arrived
        if since < oldest_at and (fitting or may_claim(fleet, device, model)):
            oldest, oldest_at = model, since
    if oldest == NONE:
        return count
    return overdue_model(fleet, device, oldest, spare, candidates)


@inlined
def wanted(fleet: Fleet, device: int, model: int) -> bool:
    """Whether loading another replica of a waiting model is worth a thought."""
    return fleet.state[0].early == 1 or residency.wants_replica(fleet, model)


@inlined
def may_claim(fleet: Fleet, device: int, model: int) -> bool:
    """Whether the device could be emptied for the model: nothing else is coming for it, and it would fit then."""
    one = fleet.models[model]
    coming = one.claimed or (not fleet.state[0].early and one.loading + one.replicas > 0)
    return not coming and one.memory_gb <= fleet.devices[device].weights_gb


@compiled
def overdue_model(fleet: Fleet, device: int, model: int, spare: float, candidates: NDArray[np.int64]) -> int:
    """The overdue model as the only candidate; if it does not fit yet, the device is claimed and drained for it."""
    if fleet.models[model].memory_gb <= spare:
        candidates[0] = model
        return 1
    fleet.devices[device].claim = model
    fleet.models[model].claimed = 1
    return claimed_model(fleet, device, queueing.scope(fleet, device), candidates)


@compiled
def claimed_model(fleet: Fleet, device: int, scope: int, candidates: NDArray[np.int64]) -> int:
    """The model that the device is claimed for, once there is room; the claim ends if nobody waits any more."""
    model = fleet.devices[device].claim
    if fleet.queues[scope, model].count == 0 or fleet.places[model, device] != NONE:
        fleet.devices[device].claim = NONE
        fleet.models[model].claimed = 0
        fleet.devices[device].start_due = 1
        return 0
    if fleet.models[model].memory_gb > residency.spare_gb(fleet, device):
        return 0
    candidates[0] = model
    return 1
