"""Highest response ratio, with heavy calls spaced out: a call that costs its device much even in a full batch waits
until the device has little under way, while light ones run beside it. What is worth keeping is evicted last, and models
are loaded if the least of it must leave.
"""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.merits import eviction_price, held_back, merit

WEIGHTS = {
    "size_offset": 1.0,
    "size_power": 1.0,
    "age_in_demand": 1.0,
    "load_power": 1.0,
    "memory_power": 0.0,
    "backlog": 1.0,
    "heavy_above_s": 0.9,
    "hold_above_s": 0.5,
    "keep_by_rate": 1.0,
    "keep_by_load": 1.0,
    "keep_by_memory": -1.0,
    "keep_by_use": 1.0,
    "eviction_price": 1.0,
}
PARTS = {
    START: ("response_ratio", "held_back"),
    LOAD: ("demand",),
    EVICT: ("worth_keeping",),
    BIND: ("room", "held_back"),
    PLACE: ("room", "eviction"),
}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The highest score among those that need not be held; -1 if all are."""
    best, highest = NONE, -np.inf
    for place in range(len(candidates)):
        score = merit(fleet, point, candidates[place], weights)
        price = eviction_price(fleet, point, candidates[place], weights)
        parts[place, 0], parts[place, 1] = -score, price
        score -= price
        if held_back(fleet, point, candidates[place], weights):
            parts[place, 1] = np.inf
        elif score > highest:
            best, highest = candidates[place], score
    return best
