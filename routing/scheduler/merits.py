"""The merits of candidates under the best heuristic: response ratio, demand, room and its price, what is worth keeping.

`weights` are in the order of `MeritWeight`. The learned policy starts from the same scores.
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.features import faded, pooled_s, solo_s
from routing.scheduler.fleet import Fleet
from routing.scheduler.indices import NamedIndex
from routing.scheduler.queueing import SLOW_S
from routing.scheduler.residency import evictable, free_gb, load_s, slots_allowed

FULLNESS = 1e-3
"""Seconds of work under way that a GB in use counts for, so that equals are told apart."""
LEAST_LOSS = 0.01
"""Of a loader's time: losses below are told apart by their size, losses above by their ratio."""


class MeritWeight(NamedIndex):
    """The heuristic's weights, each with the textbook's value."""

    SIZE_OFFSET = 1.0
    SIZE_POWER = 1.0
    AGE_IN_DEMAND = 1.0
    LOAD_POWER = 1.0
    MEMORY_POWER = 0.0
    BACKLOG = 1.0
    HEAVY_ABOVE_S = 0.9
    HOLD_ABOVE_S = 0.5
    KEEP_BY_RATE = 1.0
    KEEP_BY_LOAD = 1.0
    KEEP_BY_MEMORY = -1.0
    KEEP_BY_USE = 1.0
    EVICTION_PRICE = 1.0


@compiled
def held_back(fleet: Fleet, point: Point, candidate: int, weights: NDArray[np.float64]) -> bool:
    """Whether the candidate would put a heavy call beside others."""
    if point.kind == START:
        call, device = fleet.queues[0, candidate].head, point.device
    elif point.kind == BIND:
        call, device = point.call, candidate
    else:
        return False
    one = fleet.calls[call]
    model = fleet.models[one.model]
    cost = pooled_s(one.predicted_units, model.step_a, model.step_b, float(slots_allowed(model.slots)))
    return bool(
        cost > weights[MeritWeight.HEAVY_ABOVE_S]
        and fleet.devices[device].outstanding_s > weights[MeritWeight.HOLD_ABOVE_S]
    )


@compiled
def merit(fleet: Fleet, point: Point, candidate: int, weights: NDArray[np.float64]) -> float:
    """The candidate's score, a logarithm if ratios count: higher is better."""
    if point.kind == START:
        head, one = fleet.calls[fleet.queues[0, candidate].head], fleet.models[candidate]
        size = solo_s(head.predicted_units, one.step_a, one.step_b)
        return float(
            log(point.now - head.arrived + weights[MeritWeight.SIZE_OFFSET] * size + 1e-3)
            - weights[MeritWeight.SIZE_POWER] * log(size + 1e-3)
        )
    if point.kind == LOAD:
        return log_demand(fleet, candidate, point.now, weights)
    if point.kind == EVICT:
        return -worth_keeping(fleet, candidate, point, weights)
    device = fleet.devices[candidate]
    return float(-log(1.0 + max(0.0, device.outstanding_s)) - FULLNESS * device.used_weights_gb)


@compiled
def eviction_price(fleet: Fleet, point: Point, candidate: int, weights: NDArray[np.float64]) -> float:
    """What to take off the merit of a device on which others must make room, in the merit's unit; else 0."""
    if point.kind != PLACE:
        return 0.0
    return float(weights[MeritWeight.EVICTION_PRICE] * log_loss(fleet, point.model, candidate, point.now))


@compiled
def log_loss(fleet: Fleet, model: int, device: int, now: float) -> float:
    """What making room for the model on the device loses, as the logarithm of 1 + loss / LEAST_LOSS."""
    return float(log(1.0 + lost(fleet, model, device, now) / LEAST_LOSS))


@compiled
def lost(fleet: Fleet, model: int, device: int, now: float) -> float:
    """Loader seconds a second that bringing the model's victims back would take: their call rates by their load times.

    Victims are those that are worth least by that for their memory, until the model fits; a replica's share counts.
    """
    where = fleet.devices[device]
    short = fleet.models[model].memory_gb - free_gb(fleet, device)
    if short <= 0.0:
        return 0.0
    density = np.full(where.residents, np.inf)
    for slot in range(where.residents):
        if evictable(fleet, device, slot):
            one = fleet.models[fleet.residents[device, slot].model]
            density[slot] = reload_share(fleet, fleet.residents[device, slot].model, now) / one.memory_gb
    total = 0.0
    while short > 0.0:
        slot = int(np.argmin(density))
        if density[slot] == np.inf:
            break
        density[slot] = np.inf
        short -= fleet.models[fleet.residents[device, slot].model].memory_gb
        total += reload_share(fleet, fleet.residents[device, slot].model, now)
    return float(total)


@compiled
def reload_share(fleet: Fleet, model: int, now: float) -> float:
    """Loader seconds a second that the model would take if each of its calls had to load one of its replicas."""
    one = fleet.models[model]
    return float(faded(one.rate_slow, now - one.rate_at, SLOW_S) * one.load_s / max(1, one.replicas))


@compiled
def log_demand(fleet: Fleet, model: int, now: float, weights: NDArray[np.float64]) -> float:
    """Waiting calls, weighed by the wait of the first, over load time, memory and the backlog per replica."""
    one = fleet.models[model]
    waited = now - fleet.calls[fleet.queues[0, model].head].arrived
    load = load_s(fleet, model)
    mean = max(0.0, one.waiting_work / one.waiting)
    gain = log(one.waiting * (1.0 + weights[MeritWeight.AGE_IN_DEMAND] * waited / (load + mean)))
    backlog = weights[MeritWeight.BACKLOG] * mean * one.waiting / (1.0 + one.replicas + one.loading)
    cost = load ** weights[MeritWeight.LOAD_POWER] + backlog
    return float(gain - log(cost) - weights[MeritWeight.MEMORY_POWER] * log(one.memory_gb))


@compiled
def worth_keeping(fleet: Fleet, model: int, point: Point, weights: NDArray[np.float64]) -> float:
    """What is called often, loads slowly, is small and was used lately is evicted last (greedy dual, as logarithms)."""
    one = fleet.models[model]
    rate = faded(one.rate_slow, point.now - one.rate_at, SLOW_S)
    resident = fleet.residents[point.device, fleet.places[model, point.device]]
    return float(
        weights[MeritWeight.KEEP_BY_RATE] * log(rate + 1e-3)
        + weights[MeritWeight.KEEP_BY_LOAD] * log(one.load_s)
        + weights[MeritWeight.KEEP_BY_MEMORY] * log(one.memory_gb)
        - weights[MeritWeight.KEEP_BY_USE] * log(point.now - resident.used_at + 1.0)
    )
