"""The learned policy: the tuned heuristic's score plus a small network's, shared by all candidates.

A candidate's row goes through two layers of rectifiers; the last layer starts at zero, so an untrained policy is the
heuristic. Any number of candidates, in any order; if there are many, the heuristic's best `SHORTLIST` are looked at.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from routing.policies.learned.observation import COUNT, Feature, observe
from routing.scheduler.compiled import compiled
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point, may_hold
from routing.scheduler.fleet import NONE, Fleet
from routing.scheduler.indices import NamedIndex, names
from routing.scheduler.merits import MeritWeight, eviction_price, held_back, merit

HIDDEN = 32
SHORTLIST = 16
ROWS = SHORTLIST + 1
"""Most options that are scored: the shortlist, and to hold."""
BASE = len(MeritWeight)
"""Weights of the heuristic, before the network's."""
SEEN = Feature.BASE_SCORE + 1
INPUTS = COUNT - SEEN
"""The network sees all of a row behind the heuristic's score, which is added to its own."""
LAYERS = (INPUTS * HIDDEN, HIDDEN, HIDDEN * HIDDEN, HIDDEN, HIDDEN)
SIZE = BASE + sum(LAYERS)
SHARPNESS = 4.0
"""The heuristic's log score is worth this many nats a unit."""
NEAR = 8.0
"""Nats behind the best candidate beyond which the network does not tell candidates apart by the heuristic's score."""
HELD_BACK, HOLD = 40.0, 6.0
"""Nats by which a candidate falls behind that the heuristic holds back; nats by which holding falls behind the best
candidate that it does not, before anything is learned."""
MEMORY = ROWS * (COUNT + 2) + 2 * HIDDEN


class LearnedPart(NamedIndex):
    """The score's parts, in nats."""

    HEURISTIC = "nats"
    LEARNED = "nats"


PARTS = dict.fromkeys((BIND, START, PLACE, LOAD, EVICT), names(LearnedPart))


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The candidate with the highest sum of both scores."""
    rows = memory[: ROWS * COUNT].reshape((ROWS, COUNT))
    options = memory[ROWS * COUNT : ROWS * (COUNT + 1)]
    hidden = memory[ROWS * (COUNT + 2) :]
    count = prepare(fleet, point, candidates, weights, rows, options)
    best, highest = 0, -np.inf
    for place in range(count):
        heuristic, learned = rows[place, Feature.BASE_SCORE], network(rows[place], weights[BASE:], hidden)
        if place < len(parts):
            parts[place, LearnedPart.HEURISTIC], parts[place, LearnedPart.LEARNED] = -heuristic, -learned
        if heuristic + learned > highest:
            best, highest = place, heuristic + learned
    return int(options[best])


@compiled
def prepare(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    rows: NDArray[np.float64],
    options: NDArray[np.float64],
) -> int:
    """Fill the rows of the options worth looking at, holding among them if it is allowed. Returns their number."""
    count = shortlist(fleet, point, candidates, weights, options)
    for place in range(count):
        observe(fleet, point, int(options[place]), rows[place])
        rows[place, Feature.BASE_SCORE] = base_score(fleet, point, int(options[place]), weights)
    if may_hold(fleet, point, candidates):
        options[count] = NONE
        observe(fleet, point, NONE, rows[count])
        rows[count, Feature.BASE_SCORE] = hold_score(fleet, point, options[:count], rows, weights)
        count += 1
    best = rows[:count, Feature.BASE_SCORE].max()
    for place in range(count):
        rows[place, Feature.BEHIND_BEST] = max(-NEAR, rows[place, Feature.BASE_SCORE] - best) / NEAR
    return count


@compiled
def hold_score(
    fleet: Fleet,
    point: Point,
    options: NDArray[np.float64],
    rows: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> float:
    """Holding as the heuristic sees it: before those that it holds back, behind everybody else."""
    best = rows[: len(options), Feature.BASE_SCORE].max()
    for place in range(len(options)):
        if rows[place, Feature.BASE_SCORE] == best and held_back(fleet, point, int(options[place]), weights):
            return float(best + HOLD)
    return float(best - HOLD)


@compiled
def shortlist(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    options: NDArray[np.float64],
) -> int:
    """Copy the candidates to `options`: all, or the heuristic's best if there are more than SHORTLIST."""
    count = len(candidates)
    if count <= SHORTLIST:
        for place in range(count):
            options[place] = candidates[place]
        return count
    scores = np.empty(SHORTLIST)
    filled = 0
    for candidate in candidates:
        score = base_score(fleet, point, candidate, weights)
        if filled == SHORTLIST and score <= scores[filled - 1]:
            continue
        place = min(filled, SHORTLIST - 1)
        while place > 0 and scores[place - 1] < score:
            scores[place], options[place] = scores[place - 1], options[place - 1]
            place -= 1
        scores[place], options[place] = score, candidate
        filled = min(filled + 1, SHORTLIST)
    return filled


@compiled
def base_score(fleet: Fleet, point: Point, candidate: int, weights: NDArray[np.float64]) -> float:
    """The tuned heuristic's score in nats: higher is better, and lower if it would hold the candidate back."""
    score = SHARPNESS * (merit(fleet, point, candidate, weights) - eviction_price(fleet, point, candidate, weights))
    return score - HELD_BACK if held_back(fleet, point, candidate, weights) else score


@compiled
def network(row: NDArray[np.float64], weights: NDArray[np.float64], hidden: NDArray[np.float64]) -> float:
    """Two layers of rectifiers and a sum: the learned part of a candidate's score."""
    first, second = hidden[:HIDDEN], hidden[HIDDEN : 2 * HIDDEN]
    start = INPUTS * HIDDEN
    first[:] = weights[start : start + HIDDEN]
    for given in range(INPUTS):
        value = row[SEEN + given]
        if value != 0.0:
            for unit in range(HIDDEN):
                first[unit] += value * weights[given * HIDDEN + unit]
    start += HIDDEN
    second[:] = weights[start + HIDDEN * HIDDEN : start + HIDDEN * HIDDEN + HIDDEN]
    for given in range(HIDDEN):
        value = max(0.0, first[given])
        for unit in range(HIDDEN):
            second[unit] += value * weights[start + given * HIDDEN + unit]
    start += HIDDEN * HIDDEN + HIDDEN
    total = 0.0
    for unit in range(HIDDEN):
        total += max(0.0, second[unit]) * weights[start + unit]
    return total


def learned_scores(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The whole score of each row (n x COUNT), in plain NumPy: the same numbers as the compiled policy's to rounding.

    What a process without a compiler uses. `weights` are all SIZE of them; higher is better.
    """
    ends = np.cumsum([BASE, *LAYERS])
    first, bias, second, bias_two, last = (weights[start:end] for start, end in pairwise(ends))
    hidden = np.maximum(0.0, rows[:, SEEN:] @ first.reshape(INPUTS, HIDDEN) + bias)
    hidden = np.maximum(0.0, hidden @ second.reshape(HIDDEN, HIDDEN) + bias_two)
    scores: NDArray[np.float64] = rows[:, Feature.BASE_SCORE] + hidden @ last
    return scores
