"""What a learned policy sees of a candidate: one row of named, scale-free numbers for a (model, device) pair.

`NAMES` and `UNITS` are the whole list; weights are bound to its hash, so that they refuse any other.
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
from routing.scheduler.merits import log_loss

FEATURES = (
    ("base_score", "the best heuristic's own score, nats"),
    ("behind_best", "its distance to the best candidate's, over 8 nats"),
    ("head_wait", "log seconds since the first waiting call arrived"),
    ("head_size", "log predicted seconds of that call alone"),
    ("waiting", "log waiting calls of the model"),
    ("waiting_work", "log predicted seconds of the waiting calls"),
    ("rate_10s", "log calls a second over 10 s, times 10"),
    ("rate_300s", "log calls a second over 300 s, times 100"),
    ("typical_size", "log seconds of the model's typical call alone"),
    ("batch_gain", "share of a step that a fuller batch saves"),
    ("flops", "log GFLOP of a typical call"),
    ("memory", "GB of weights over the device's"),
    ("load_time", "log seconds to load or wake it"),
    ("asleep", "1 where its weights sleep in host memory"),
    ("replicas", "log warm replicas"),
    ("loading", "replicas being loaded"),
    ("model_running", "log running calls of the model"),
    ("sensitivity", "weight of a second of its callers' time"),
    ("resident_running", "its running calls on the device, log"),
    ("resident_idle", "log seconds since it was used on the device"),
    ("resident_age", "log seconds since it was loaded there"),
    ("resident_served", "log calls that it has served since"),
    ("active", "models computing on the device"),
    ("device_running", "log running calls on the device"),
    ("outstanding", "log predicted seconds under way on the device"),
    ("free_memory", "free share of the device's weights memory"),
    ("idle_memory", "share of it that idle residents take"),
    ("must_evict", "share of it that must be evicted for the model"),
    ("loader_busy", "log seconds until the device's loader is free"),
    ("heat_margin", "kelvin below the slow-down temperature, over 50"),
    ("power", "watts over 700"),
    ("fleet_waiting", "log waiting calls of the fleet per device"),
    ("fleet_busy", "computing devices over those that may compute"),
    ("is_start", "1 where a slot is to be filled"),
    ("is_load", "1 where a loader is free"),
    ("is_place", "1 where an arriving call's model is to be loaded"),
    ("is_evict", "1 where room is to be made"),
    ("is_bind", "1 where a call may start at once"),
    ("eviction_loss", "log reload seconds a second lost to make room, over 0.01"),
    ("holds", "1 for leaving the call or the loader waiting"),
)
NAMES = tuple(name for name, _ in FEATURES)
COUNT = len(FEATURES)
DIGEST = hashlib.sha256("\n".join(f"{name}: {unit}" for name, unit in FEATURES).encode()).hexdigest()
HOLDS = COUNT - 1
HOT_C, FULL_W = 83.0, 700.0


@compiled
def observe(fleet: Fleet, point: Point, candidate: int, row: NDArray[np.float64]) -> None:
    """Fill `row` (COUNT numbers) for the candidate, the two scores of the heuristic left to the caller."""
    row[:] = 0.0
    row[31] = log1p(fleet.state[0].held / len(fleet.devices))
    row[32] = fleet.state[0].busy / fleet.state[0].most_busy
    row[33] = 1.0 if point.kind == START else 0.0
    row[34] = 1.0 if point.kind == LOAD else 0.0
    row[35] = 1.0 if point.kind == PLACE else 0.0
    row[36] = 1.0 if point.kind == EVICT else 0.0
    row[37] = 1.0 if point.kind == BIND else 0.0
    by_device = point.kind == PLACE or point.kind == BIND
    model = point.model if by_device else candidate
    device = candidate if by_device else point.device
    if candidate == NONE:
        row[HOLDS] = 1.0
        model = point.model
    if model != NONE:
        observe_model(fleet, model, row)
    if device != NONE:
        observe_device(fleet, device, row)
    if model != NONE and device != NONE:
        observe_pair(fleet, model, device, row)
        if point.kind == PLACE or point.kind == LOAD:
            row[38] = log_loss(fleet, model, device, point.now)


@compiled
def observe_model(fleet: Fleet, model: int, row: NDArray[np.float64]) -> None:
    """What is known of the model, wherever it runs."""
    one, now = fleet.models[model], fleet.state[0].now
    queue = fleet.queues[0, model]
    if queue.count > 0:
        head = fleet.calls[queue.head]
        row[2] = log1p(now - head.arrived)
        row[3] = log(solo_s(head.predicted_units, one.step_a, one.step_b) + 0.01)
        row[4] = log1p(queue.count)
        row[5] = log1p(queue.work_s)
    age = now - one.rate_at
    row[6] = log1p(10.0 * faded(one.rate_fast, age, queueing.FAST_S))
    row[7] = log1p(100.0 * faded(one.rate_slow, age, queueing.SLOW_S))
    row[8] = log(solo_s(one.typical_units, one.step_a, one.step_b) + 0.01)
    row[9] = one.step_a / (one.step_a + one.step_b)
    row[10] = 0.2 * log1p(one.gflop_per_unit * one.typical_units)
    row[12] = log(residency.load_s(fleet, model) + 0.01)
    row[13] = one.asleep
    row[14] = log1p(one.replicas)
    row[15] = one.loading
    row[16] = log1p(one.running)
    row[17] = one.sensitivity


@compiled
def observe_device(fleet: Fleet, device: int, row: NDArray[np.float64]) -> None:
    """What is known of the device, whatever runs there."""
    one, now = fleet.devices[device], fleet.state[0].now
    row[22] = one.active
    row[23] = log1p(one.running)
    row[24] = log1p(max(0.0, one.outstanding_s))
    row[25] = 1.0 - one.used_weights_gb / one.weights_gb
    idle = residency.spare_gb(fleet, device) - (one.weights_gb - one.used_weights_gb)
    row[26] = max(0.0, idle) / one.weights_gb
    row[28] = log1p(max(0.0, one.loader_until - now)) if one.loading != NONE else 0.0
    row[29] = (HOT_C - one.celsius) / 50.0
    row[30] = one.watts / FULL_W


@compiled
def observe_pair(fleet: Fleet, model: int, device: int, row: NDArray[np.float64]) -> None:
    """The model on that device."""
    one, where, now = fleet.models[model], fleet.devices[device], fleet.state[0].now
    row[11] = one.memory_gb / where.weights_gb
    row[27] = max(0.0, one.memory_gb - (where.weights_gb - where.used_weights_gb)) / where.weights_gb
    slot = fleet.places[model, device]
    if slot == NONE:
        return
    resident = fleet.residents[device, slot]
    row[18] = log1p(resident.running)
    row[19] = log1p(now - resident.used_at)
    row[20] = log1p(now - resident.loaded_at)
    row[21] = log1p(resident.served)
