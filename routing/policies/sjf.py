"""Shortest job first, bound late, by predicted size. Only the core's patience keeps the long from waiting for ever."""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.core import LOAD, START, Point
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import SCORE
from routing.scheduler.picks import plain
from routing.scheduler.queueing import work_of
from routing.scheduler.residency import load_s

WEIGHTS: dict[str, float] = {}
PARTS = {START: ("size",), LOAD: ("seconds_a_call",)}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """Start the call with the least predicted seconds; load the model with the least seconds for each waiting call."""
    if point.kind != START and point.kind != LOAD:
        return plain(fleet, point, candidates, parts)
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        model = candidates[place]
        score = shortest_s(fleet, model) if point.kind == START else seconds_a_call(fleet, model)
        parts[place, SCORE] = score
        if score < lowest:
            best, lowest = model, score
    return best


@inlined
def shortest_s(fleet: Fleet, model: int) -> float:
    """Predicted seconds of the model's first waiting call."""
    return float(work_of(fleet, fleet.queues[0, model].head))


@inlined
def seconds_a_call(fleet: Fleet, model: int) -> float:
    """Seconds of loading and of work that each of the model's waiting calls costs: a load is a job too."""
    one = fleet.models[model]
    return float((load_s(fleet, model) + one.waiting_work) / one.waiting)
