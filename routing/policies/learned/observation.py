"""What a learned policy sees of a candidate: one row of named, scale-free numbers for a (model, device) pair.

`Feature` is the whole list; weights are bound to its hash, so that they refuse any other.
"""

import hashlib
from math import log, log1p

import numpy as np
from numpy.typing import NDArray

from routing.scheduler import queueing, residency
from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.features import faded, solo_s
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, defaults
from routing.scheduler.merits import log_loss


class Feature(NamedIndex):
    """What is seen of a candidate, with units, in the order of a row; the first is the heuristic's own score."""

    BASE_SCORE = "the best heuristic's own score, nats"
    BEHIND_BEST = "its distance to the best candidate's, over 8 nats"
    HEAD_WAIT = "log seconds since the first waiting call arrived"
    HEAD_SIZE = "log predicted seconds of that call alone"
    WAITING = "log waiting calls of the model"
    WAITING_WORK = "log predicted seconds of the waiting calls"
    RATE_10S = "log calls a second over 10 s, times 10"
    RATE_300S = "log calls a second over 300 s, times 100"
    TYPICAL_SIZE = "log seconds of the model's typical call alone"
    BATCH_GAIN = "share of a step that a fuller batch saves"
    FLOPS = "log GFLOP of a typical call"
    MEMORY = "GB of weights over the device's"
    LOAD_TIME = "log seconds to load or wake it"
    ASLEEP = "1 where its weights sleep in host memory"
    REPLICAS = "log warm replicas"
    LOADING = "replicas being loaded"
    MODEL_RUNNING = "log running calls of the model"
    SENSITIVITY = "weight of a second of its callers' time"
    RESIDENT_RUNNING = "its running calls on the device, log"
    RESIDENT_IDLE = "log seconds since it was used on the device"
    RESIDENT_AGE = "log seconds since it was loaded there"
    RESIDENT_SERVED = "log calls that it has served since"
    ACTIVE = "models computing on the device"
    DEVICE_RUNNING = "log running calls on the device"
    OUTSTANDING = "log predicted seconds under way on the device"
    FREE_MEMORY = "free share of the device's weights memory"
    IDLE_MEMORY = "share of it that idle residents take"
    MUST_EVICT = "share of it that must be evicted for the model"
    LOADER_BUSY = "log seconds until the device's loader is free"
    HEAT_MARGIN = "kelvin below the slow-down temperature, over 50"
    POWER = "watts over 700"
    FLEET_WAITING = "log waiting calls of the fleet per device"
    FLEET_BUSY = "computing devices over those that may compute"
    IS_START = "1 where a slot is to be filled"
    IS_LOAD = "1 where a loader is free"
    IS_PLACE = "1 where an arriving call's model is to be loaded"
    IS_EVICT = "1 where room is to be made"
    IS_BIND = "1 where a call may start at once"
    EVICTION_LOSS = "log reload seconds a second lost to make room, over 0.01"
    HOLDS = "1 for leaving the call or the loader waiting"


COUNT = len(Feature)
DIGEST = hashlib.sha256("\n".join(f"{name}: {unit}" for name, unit in defaults(Feature).items()).encode()).hexdigest()
HOT_C, FULL_W = 83.0, 700.0


@compiled
def observe(fleet: Fleet, point: Point, candidate: int, row: NDArray[np.float64]) -> None:
    """Fill `row` (COUNT numbers) for the candidate, the two scores of the heuristic left to the caller."""
    row[:] = 0.0
    row[Feature.FLEET_WAITING] = log1p(fleet.state[0].held / len(fleet.devices))
    row[Feature.FLEET_BUSY] = fleet.state[0].busy / fleet.state[0].most_busy
    row[Feature.IS_START] = 1.0 if point.kind == START else 0.0
    row[Feature.IS_LOAD] = 1.0 if point.kind == LOAD else 0.0
    row[Feature.IS_PLACE] = 1.0 if point.kind == PLACE else 0.0
    row[Feature.IS_EVICT] = 1.0 if point.kind == EVICT else 0.0
    row[Feature.IS_BIND] = 1.0 if point.kind == BIND else 0.0
    by_device = point.kind == PLACE or point.kind == BIND
    model = point.model if by_device else candidate
    device = candidate if by_device else point.device
    if candidate == NONE:
        row[Feature.HOLDS] = 1.0
        model = point.model
    if model != NONE:
        observe_model(fleet, model, row)
    if device != NONE:
        observe_device(fleet, device, row)
    if model != NONE and device != NONE:
        observe_pair(fleet, model, device, row)
        if point.kind == PLACE or point.kind == LOAD:
            row[Feature.EVICTION_LOSS] = log_loss(fleet, model, device, point.now)


@compiled
def observe_model(fleet: Fleet, model: int, row: NDArray[np.float64]) -> None:
    """What is known of the model, wherever it runs."""
    one, now = fleet.models[model], fleet.state[0].now
    queue = fleet.queues[0, model]
    if queue.count > 0:
        head = fleet.calls[queue.head]
        row[Feature.HEAD_WAIT] = log1p(now - head.arrived)
        row[Feature.HEAD_SIZE] = log(solo_s(head.predicted_units, one.step_a, one.step_b) + 0.01)
        row[Feature.WAITING] = log1p(queue.count)
        row[Feature.WAITING_WORK] = log1p(queue.work_s)
    age = now - one.rate_at
    row[Feature.RATE_10S] = log1p(10.0 * faded(one.rate_fast, age, queueing.FAST_S))
    row[Feature.RATE_300S] = log1p(100.0 * faded(one.rate_slow, age, queueing.SLOW_S))
    row[Feature.TYPICAL_SIZE] = log(solo_s(one.typical_units, one.step_a, one.step_b) + 0.01)
    row[Feature.BATCH_GAIN] = one.step_a / (one.step_a + one.step_b)
    row[Feature.FLOPS] = 0.2 * log1p(one.gflop_per_unit * one.typical_units)
    row[Feature.LOAD_TIME] = log(residency.load_s(fleet, model) + 0.01)
    row[Feature.ASLEEP] = one.asleep
    row[Feature.REPLICAS] = log1p(one.replicas)
    row[Feature.LOADING] = one.loading
    row[Feature.MODEL_RUNNING] = log1p(one.running)
    row[Feature.SENSITIVITY] = one.sensitivity


@compiled
def observe_device(fleet: Fleet, device: int, row: NDArray[np.float64]) -> None:
    """What is known of the device, whatever runs there."""
    one, now = fleet.devices[device], fleet.state[0].now
    row[Feature.ACTIVE] = one.active
    row[Feature.DEVICE_RUNNING] = log1p(one.running)
    row[Feature.OUTSTANDING] = log1p(max(0.0, one.outstanding_s))
    row[Feature.FREE_MEMORY] = 1.0 - one.used_weights_gb / one.weights_gb
    idle = residency.spare_gb(fleet, device) - (one.weights_gb - one.used_weights_gb)
    row[Feature.IDLE_MEMORY] = max(0.0, idle) / one.weights_gb
    row[Feature.LOADER_BUSY] = log1p(max(0.0, one.loader_until - now)) if one.loading != NONE else 0.0
    row[Feature.HEAT_MARGIN] = (HOT_C - one.celsius) / 50.0
    row[Feature.POWER] = one.watts / FULL_W


@compiled
def observe_pair(fleet: Fleet, model: int, device: int, row: NDArray[np.float64]) -> None:
    """The model on that device."""
    one, where, now = fleet.models[model], fleet.devices[device], fleet.state[0].now
    row[Feature.MEMORY] = one.memory_gb / where.weights_gb
    row[Feature.MUST_EVICT] = max(0.0, one.memory_gb - (where.weights_gb - where.used_weights_gb)) / where.weights_gb
    slot = fleet.places[model, device]
    if slot == NONE:
        return
    resident = fleet.residents[device, slot]
    row[Feature.RESIDENT_RUNNING] = log1p(resident.running)
    row[Feature.RESIDENT_IDLE] = log1p(now - resident.used_at)
    row[Feature.RESIDENT_AGE] = log1p(now - resident.loaded_at)
    row[Feature.RESIDENT_SERVED] = log1p(resident.served)
