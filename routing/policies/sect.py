"""Shortest expected completion time: a call goes where it would be answered first, loading included. Binds early.

After ServerlessLLM (OSDI 2024): expected completion = work in line + load in progress + eviction + load + the call.
"""

import numpy as np
from numpy.typing import NDArray

from routing.policies.choice import BIND
from routing.scheduler.compiled import compiled, inlined
from routing.scheduler.core import Point
from routing.scheduler.features import step_s
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, defaults, names
from routing.scheduler.residency import load_s, slots_allowed


class CompletionWeight(NamedIndex):
    """What a second of loading again counts."""

    EVICTION = 1.0


class CompletionPart(NamedIndex):
    """The score's parts, all in seconds."""

    QUEUE = "s"
    LOAD_IN_PROGRESS = "s"
    EVICTION = "s"
    LOAD = "s"
    SERVICE = "s"


WEIGHTS = defaults(CompletionWeight)
PARTS = {BIND: names(CompletionPart)}
ALL_PARTS = len(CompletionPart)


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The device on which the call is expected to end first; all parts in seconds."""
    best, lowest = NONE, np.inf
    for place in range(len(candidates)):
        device = candidates[place]
        one, slot = fleet.devices[device], fleet.places[point.model, device]
        running = fleet.residents[device, slot].running if slot != NONE else 0
        coming = slot != NONE or fleet.queues[device, point.model].count > 0
        joins = 0 < running < slots_allowed(fleet.models[point.model].slots)
        parts[place, CompletionPart.QUEUE] = 0.0 if joins else (one.outstanding_s + one.queued_s) / one.speed
        parts[place, CompletionPart.LOAD_IN_PROGRESS] = 0.0 if running > 0 else loader_s(fleet, device, point)
        parts[place, CompletionPart.EVICTION] = (
            0.0 if coming else weights[CompletionWeight.EVICTION] * lost_s(fleet, device, point.model)
        )
        parts[place, CompletionPart.LOAD] = 0.0 if coming else load_s(fleet, point.model)
        parts[place, CompletionPart.SERVICE] = service_s(fleet, point, device, running)
        score = parts[place, :ALL_PARTS].sum()
        if score < lowest:
            best, lowest = device, score
    return best


@compiled
def loader_s(fleet: Fleet, device: int, point: Point) -> float:
    """Seconds until the device's loader is free: of the load in progress, and of those that its line asks for."""
    one = fleet.devices[device]
    seconds = max(0.0, one.loader_until - point.now) if one.loading != NONE else 0.0
    for place in range(one.waiting_models):
        model = fleet.queues[device, place].waiting
        if fleet.places[model, device] == NONE:
            seconds += load_s(fleet, model)
    return float(seconds)


@inlined
def service_s(fleet: Fleet, point: Point, device: int, running: int) -> float:
    """Seconds of the call itself: in the batch that it joins, beside the models that compute on the device now."""
    one, where = fleet.models[point.model], fleet.devices[device]
    sharing = max(1, where.active) if running > 0 else 1
    step = step_s(one.step_a, one.step_b, running + 1.0)
    return float(fleet.calls[point.call].predicted_units * step * sharing / where.speed)


@inlined
def lost_s(fleet: Fleet, device: int, model: int) -> float:
    """Seconds to load again what would have to leave the device, at this model's seconds per GB."""
    one = fleet.devices[device]
    needs = fleet.models[model].memory_gb
    lacking = max(0.0, needs - (one.weights_gb - one.used_weights_gb))
    return float(load_s(fleet, model) * lacking / needs)
