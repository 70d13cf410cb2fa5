"""Highest response ratio, with heavy calls spaced out: a call that costs its device much even in a full batch waits
until the device has little under way, while light ones run beside it. What is worth keeping is evicted last, and models
are loaded if the least of it must leave.
"""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import defaults
from routing.scheduler.merits import MeritWeight, eviction_price, held_back, merit

WEIGHTS = defaults(MeritWeight)
PARTS = {
    START: ("response_ratio", "held_back"),
    LOAD: ("demand",),
    EVICT: ("worth_keeping",),
    BIND: ("room", "held_back"),
    PLACE: ("room", "eviction"),
}
MERIT, PENALTY = 0, 1
"""Places of the two parts, whatever their names at a decision."""


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
        parts[place, MERIT], parts[place, PENALTY] = -score, price
        score -= price
        if held_back(fleet, point, candidates[place], weights):
            parts[place, PENALTY] = np.inf
        elif score > highest:
            best, highest = candidates[place], score
    return best
