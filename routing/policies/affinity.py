"""Affinity first: a call goes where its model is, to the least busy such device; elsewhere if all are far busier.

Binds early. What cache-aware gateways do (llm-d, SGLang) before they know what a load costs.
"""

import numpy as np
from numpy.typing import NDArray

from routing.policies.choice import BIND
from routing.scheduler.compiled import compiled
from routing.scheduler.core import Point
from routing.scheduler.fleet import NONE, Fleet

WEIGHTS = {"away_s": 120.0, "crowded_s_per_gb": 0.01}
PARTS = {BIND: ("outstanding", "away", "crowded")}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The least seconds of work, `away_s` added if the model neither is nor is awaited; then the emptiest memory."""
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        device = candidates[place]
        one = fleet.devices[device]
        here = fleet.places[point.model, device] != NONE or fleet.queues[device, point.model].count > 0
        parts[place, 0] = one.outstanding_s + one.queued_s
        parts[place, 1] = 0.0 if here else weights[0]
        parts[place, 2] = 0.0 if here else weights[1] * one.used_weights_gb
        score = parts[place, 0] + parts[place, 1] + parts[place, 2]
        if score < lowest:
            best, lowest = device, score
    return best
