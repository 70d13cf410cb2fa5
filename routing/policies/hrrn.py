"""Highest response ratio next, bound late: who has waited longest for their size goes first.

A free loader takes the model with the largest waiting demand for its load time and the backlog of its replicas. The
weights below are the textbook's; `hrrn_tuned` runs the same rule under weights found by CMA-ES.
"""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.core import EVICT, LOAD, START, Point
from routing.scheduler.features import solo_s
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import SCORE, NamedIndex, defaults
from routing.scheduler.picks import least_loaded, least_recent
from routing.scheduler.residency import load_s


class RatioWeight(NamedIndex):
    """The rule's weights, each with the textbook's value."""

    SIZE_OFFSET = 1.0
    SIZE_POWER = 1.0
    AGE_IN_DEMAND = 1.0
    LOAD_POWER = 1.0
    MEMORY_POWER = 0.0
    BACKLOG = 1.0


WEIGHTS = defaults(RatioWeight)
PARTS = {START: ("response_ratio",), LOAD: ("demand",), EVICT: ("last_use",)}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """Start the highest response ratio, load the greatest demand, evict the least recently used."""
    if point.kind == EVICT:
        return least_recent(fleet, point, candidates, parts)
    if point.kind != START and point.kind != LOAD:
        return least_loaded(fleet, candidates, parts)
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        if point.kind == START:
            score = -urgency(fleet, candidates[place], weights)
        else:
            score = -demand(fleet, candidates[place], weights)
        parts[place, SCORE] = score
        if score < lowest:
            best, lowest = candidates[place], score
    return best


@inlined
def urgency(fleet: Fleet, model: int, weights: NDArray[np.float64]) -> float:
    """(waited + offset * size) / size ** power of the model's first waiting call, sizes in predicted seconds."""
    head, one = fleet.calls[fleet.queues[0, model].head], fleet.models[model]
    size = solo_s(head.predicted_units, one.step_a, one.step_b)
    return float(
        (fleet.state[0].now - head.arrived + weights[RatioWeight.SIZE_OFFSET] * size)
        / power(size, weights[RatioWeight.SIZE_POWER])
    )


@inlined
def demand(fleet: Fleet, model: int, weights: NDArray[np.float64]) -> float:
    """Waiting calls, weighed by the wait of the first, over load time, memory and the backlog per replica."""
    one = fleet.models[model]
    waited = fleet.state[0].now - fleet.calls[fleet.queues[0, model].head].arrived
    load = load_s(fleet, model)
    mean = one.waiting_work / one.waiting
    backlog = weights[RatioWeight.BACKLOG] * one.waiting_work / (1.0 + one.replicas + one.loading)
    cost = power(load, weights[RatioWeight.LOAD_POWER]) + backlog
    gain = one.waiting * (1.0 + weights[RatioWeight.AGE_IN_DEMAND] * waited / (load + mean))
    return float(gain / (cost * power(one.memory_gb, weights[RatioWeight.MEMORY_POWER])))


@inlined
def power(base: float, exponent: float) -> float:
    """`base` to the `exponent`, at once if that is 0 or 1."""
    if exponent == 1.0:
        return base
    return 1.0 if exponent == 0.0 else base**exponent
