"""Picks that many policies share: in order of arrival, least recently used, the least loaded of free replicas."""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler import queueing
from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import SCORE

PARTS = {
    BIND: ("outstanding", "crowded"),
    START: ("arrival",),
    PLACE: ("outstanding", "crowded"),
    LOAD: ("arrival",),
    EVICT: ("last_use",),
}
"""What the parts of plain()'s scores mean: seconds of work and GB of weights / 1,000; seconds since, negative."""
OUTSTANDING, CROWDED = 0, 1
"""Places of a device's two parts."""


@compiled
def plain(fleet: Fleet, point: Point, candidates: NDArray[np.int64], parts: NDArray[np.float64]) -> int:
    """What a policy that only binds calls leaves open: first come first served, least recently used leaves."""
    if point.kind == EVICT:
        return least_recent(fleet, point, candidates, parts)
    if point.kind in (BIND, PLACE):
        return least_loaded(fleet, candidates, parts)
    return oldest(fleet, point, candidates, parts)


@compiled
def oldest(fleet: Fleet, point: Point, candidates: NDArray[np.int64], parts: NDArray[np.float64]) -> int:
    """The model whose first waiting call arrived first."""
    scope = queueing.scope(fleet, point.device)
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        score = fleet.calls[fleet.queues[scope, candidates[place]].head].arrived - point.now
        parts[place, SCORE] = score
        if score < lowest:
            best, lowest = candidates[place], score
    return best


@compiled
def least_recent(fleet: Fleet, point: Point, candidates: NDArray[np.int64], parts: NDArray[np.float64]) -> int:
    """The resident that was used longest ago."""
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        slot = fleet.places[candidates[place], point.device]
        score = fleet.residents[point.device, slot].used_at - point.now
        parts[place, SCORE] = score
        if score < lowest:
            best, lowest = candidates[place], score
    return best


@compiled
def least_loaded(fleet: Fleet, candidates: NDArray[np.int64], parts: NDArray[np.float64]) -> int:
    """The device with the least predicted work under way; among equals the emptiest."""
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        device = fleet.devices[candidates[place]]
        parts[place, OUTSTANDING] = device.outstanding_s + device.queued_s
        parts[place, CROWDED] = 1e-3 * device.used_weights_gb
        score = parts[place, OUTSTANDING] + parts[place, CROWDED]
        if score < lowest:
            best, lowest = candidates[place], score
    return best
