"""The merits of candidates under the best heuristic: response ratio, demand, room, what is worth keeping.

`weights` are those of routing/policies/spaced.py, in its order. The learned policy starts from the same scores.
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from routing.compiled import compiled
from routing.features import faded, pooled_s, solo_s
from routing.fleet import Fleet
from routing.queueing import SLOW_S
from routing.residency import load_s, slots_allowed
from routing.scheduler import BIND, EVICT, LOAD, START, Point

FULLNESS = 1e-3
"""Seconds of work under way that a GB in use counts for, so that equals are told apart."""


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
    return bool(cost > weights[6] and fleet.devices[device].outstanding_s > weights[7])


@compiled
def merit(fleet: Fleet, point: Point, candidate: int, weights: NDArray[np.float64]) -> float:
    """The candidate's score, a logarithm where ratios count: higher is better."""
    if point.kind == START:
        head, one = fleet.calls[fleet.queues[0, candidate].head], fleet.models[candidate]
        size = solo_s(head.predicted_units, one.step_a, one.step_b)
        return float(log(point.now - head.arrived + weights[0] * size + 1e-3) - weights[1] * log(size + 1e-3))
    if point.kind == LOAD:
        return log_demand(fleet, candidate, point.now, weights)
    if point.kind == EVICT:
        return -worth_keeping(fleet, candidate, point, weights)
    device = fleet.devices[candidate]
    return float(-log(1.0 + max(0.0, device.outstanding_s)) - FULLNESS * device.used_weights_gb)


@compiled
def log_demand(fleet: Fleet, model: int, now: float, weights: NDArray[np.float64]) -> float:
    """Waiting calls, weighed by the wait of the first, over load time, memory and the backlog per replica."""
    one = fleet.models[model]
    waited = now - fleet.calls[fleet.queues[0, model].head].arrived
    load = load_s(fleet, model)
    mean = max(0.0, one.waiting_work / one.waiting)
    gain = log(one.waiting * (1.0 + weights[2] * waited / (load + mean)))
    cost = load ** weights[3] + weights[5] * mean * one.waiting / (1.0 + one.replicas + one.loading)
    return float(gain - log(cost) - weights[4] * log(one.memory_gb))


@compiled
def worth_keeping(fleet: Fleet, model: int, point: Point, weights: NDArray[np.float64]) -> float:
    """What is called often, loads slowly, is small and was used lately is evicted last (greedy dual, as logarithms)."""
    one = fleet.models[model]
    rate = faded(one.rate_slow, point.now - one.rate_at, SLOW_S)
    resident = fleet.residents[point.device, fleet.places[model, point.device]]
    return float(
        weights[8] * log(rate + 1e-3)
        + weights[9] * log(one.load_s)
        + weights[10] * log(one.memory_gb)
        - weights[11] * log(point.now - resident.used_at + 1.0)
    )
