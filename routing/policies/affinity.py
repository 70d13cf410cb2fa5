"""Affinity first: a call goes where its model is, to the least busy such device; elsewhere if all are far busier.

Binds early. What cache-aware gateways do (llm-d, SGLang) before they know what a load costs.
"""

import numpy as np
from numpy.typing import NDArray

from routing.policies.choice import BIND
from routing.scheduler.compiled import compiled
from routing.scheduler.core import Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, defaults, names


class AffinityWeight(NamedIndex):
    """Seconds that a device without the model counts as, and seconds for each GB of weights there."""

    AWAY_S = 120.0
    CROWDED_S_PER_GB = 0.01


class AffinityPart(NamedIndex):
    """The score's parts, all in seconds."""

    OUTSTANDING = "s"
    AWAY = "s"
    CROWDED = "s"


WEIGHTS = defaults(AffinityWeight)
PARTS = {BIND: names(AffinityPart)}
ALL_PARTS = len(AffinityPart)


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
        crowded = weights[AffinityWeight.CROWDED_S_PER_GB] * one.used_weights_gb
        parts[place, AffinityPart.OUTSTANDING] = one.outstanding_s + one.queued_s
        parts[place, AffinityPart.AWAY] = 0.0 if here else weights[AffinityWeight.AWAY_S]
        parts[place, AffinityPart.CROWDED] = 0.0 if here else crowded
        score = parts[place, :ALL_PARTS].sum()
        if score < lowest:
            best, lowest = device, score
    return best
