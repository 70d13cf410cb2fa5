"""Highest response ratio weighed by joules, bound late: batches before lone calls, loads that pay their joules.

Scores are logarithms, so that a part is a factor: -ln(response ratio) + weight * ln(joules against the plain case).
"""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.core import BIND, LOAD, START, Point
from routing.scheduler.features import joules_per_unit, response_ratio
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, defaults
from routing.scheduler.picks import plain
from routing.scheduler.queueing import work_of
from routing.scheduler.residency import load_s, slots_allowed


class EnergyWeight(NamedIndex):
    """How much a factor of energy counts against a factor of response ratio; a device's power while it only loads (an
    idle H100 with a context, arXiv 2605.23918); what a second of work under way counts if a call joins a replica.
    """

    BATCH = 1.0
    LOAD = 2.0
    LOADING_W = 115.0
    OUTSTANDING = 0.01


WEIGHTS = defaults(EnergyWeight)
FIRST, SECOND = 0, 1
"""Places of the two parts that PARTS names for each decision."""
PARTS = {BIND: ("joules", "outstanding"), START: ("response_ratio", "joules"), LOAD: ("response_ratio", "joules")}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """Join, start and load by joules and response ratio; the rest as it comes."""
    if point.kind not in (BIND, START, LOAD):
        return plain(fleet, point, candidates, parts)
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        one = candidates[place]
        if point.kind == BIND:
            batch = running_on(fleet, one, point.model) + 1
            parts[place, FIRST] = weights[EnergyWeight.BATCH] * batch_factor(fleet, point.model, batch)
            parts[place, SECOND] = weights[EnergyWeight.OUTSTANDING] * fleet.devices[one].outstanding_s
        elif point.kind == START:
            batch = running_on(fleet, point.device, one) + fleet.models[one].waiting
            parts[place, FIRST] = -np.log(start_ratio(fleet, one, point.now))
            parts[place, SECOND] = weights[EnergyWeight.BATCH] * batch_factor(fleet, one, batch)
        else:
            parts[place, FIRST] = -np.log(load_ratio(fleet, one, point.now))
            parts[place, SECOND] = weights[EnergyWeight.LOAD] * load_factor(fleet, one, weights[EnergyWeight.LOADING_W])
        score = parts[place, FIRST] + parts[place, SECOND]
        if score < lowest:
            best, lowest = one, score
    return best


@inlined
def running_on(fleet: Fleet, device: int, model: int) -> int:
    """Calls in the model's batch on the device."""
    return int(fleet.residents[device, fleet.places[model, device]].running)


@inlined
def start_ratio(fleet: Fleet, model: int, now: float) -> float:
    """Response ratio of the model's first waiting call."""
    head = fleet.queues[0, model].head
    return float(response_ratio(now - fleet.calls[head].arrived, work_of(fleet, head)))


@inlined
def load_ratio(fleet: Fleet, model: int, now: float) -> float:
    """Waiting calls times their response ratio with the load as service, over the load and the backlog per replica."""
    one = fleet.models[model]
    waited = now - fleet.calls[fleet.queues[0, model].head].arrived
    ratio = response_ratio(waited, load_s(fleet, model) + one.waiting_work / one.waiting)
    return float(one.waiting * ratio / (load_s(fleet, model) + one.waiting_work / (1.0 + one.replicas + one.loading)))


@inlined
def batch_factor(fleet: Fleet, model: int, batch: int) -> float:
    """ln(joules of a unit in a batch of that size / joules of a unit alone): 0 alone, lower the more run together."""
    one = fleet.models[model]
    most = min(batch, slots_allowed(one.slots))
    together = joules_per_unit(one.watts, one.step_a, one.step_b, float(most))
    return float(np.log(together / joules_per_unit(one.watts, one.step_a, one.step_b, 1.0)))


@inlined
def load_factor(fleet: Fleet, model: int, loading_w: float) -> float:
    """ln((joules of the load + joules of the waiting work) / joules of the waiting work)."""
    one = fleet.models[model]
    return float(np.log(1.0 + loading_w * load_s(fleet, model) / (one.watts * one.waiting_work)))
