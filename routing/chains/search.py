"""The exact search for the best combination of a chain (`chain` says the words).

Stages are decided in an order in which each follows those it waits for. A label is a partial combination: the finish
times that later stages or the end still await, the energy, the accuracy and the loss. A label is dropped only if
another equals or beats it in all that the rest of the chain can see, or where a floor under all its completions lies
above the cost of a combination that is known. Latencies are seconds, energies joules.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from routing.chains.floors import (
    ACCURACY,
    ENERGY,
    LATENCY,
    LOSS,
    PRICED,
    WHICH,
    Array,
    Edge,
    Floor,
    Problem,
    first_floor,
    higher_floor,
    loosened,
)
from routing.chains.pareto import BLOCK, MOST_COMPARISONS, Indices, TooManyCombinations, front

COMPARISONS_A_LABEL = 50
"""What making one label costs, in comparisons of two."""
MADE_AT_ONCE, POOL = 1 << 17, 1 << 18
WIDTHS = (30, 300, 1 << 40)
"""Labels kept after each stage: two narrow rounds that only find good combinations, and one that leaves out nothing."""
POOL_WIDTHS, FEW = 3, 30_000
"""A pool of labels is that much wider before its front is taken; as few combinations as that need no narrow round."""
ENERGIES, INACCURACY, LOSSES, BOUND, PARENT, PICK = range(-6, 0)
"""Rows of labels, after one row for each awaited finish time; inaccuracy is -accuracy, so that less is better."""
SEEN = slice(None, LOSSES)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What deciding one stage does to the rows of awaited finish times, whatever the candidates are.

    The stage starts when all of `reads` have finished. A new row is the latest of the old ones in its part of
    `merges`, and the first takes the stage's own finish too. `awaited` has for each new row the stages that still await
    it (none: only the end does), and `leaving` the edges that lead there.
    """

    reads: tuple[int, ...]
    merges: tuple[tuple[int, ...], ...]
    awaited: tuple[frozenset[int], ...]
    leaving: tuple[tuple[Edge, ...], ...]


@dataclass(frozen=True, slots=True)
class _Step:
    """One stage to decide, for a round.

    `prices` are for its seconds, joules and loss, of which a candidate pays `least` or more; `seconds` price a second
    in each new row and `tails` are the least seconds from there to the end. Later stages add at least `energy`, `loss`
    and the priced sum `paid`.
    """

    rows: _Rows
    stage: Array
    prices: Array
    seconds: Array
    tails: Array
    energy: float
    loss: float
    paid: float
    least: float


@dataclass(frozen=True, slots=True)
class _Hunt:
    """One round: what is sought, above which floor, the labels kept after each stage, and the most comparisons."""

    problem: Problem
    floor: Floor
    width: int
    most: float


def best_picks(problem: Problem, most: float = MOST_COMPARISONS) -> tuple[int, ...] | None:
    """The WHICH of each stage's candidate in the best combination; None if none is within the limits.

    Of equally good ones the fastest, then the one with the least energy, then the most accurate.
    Raises TooManyCombinations if a round would need more than `most` comparisons.
    """
    *_, found = None, *_rounds(problem, first_floor(problem), most)
    return found


def is_feasible(problem: Problem, most: float = MOST_COMPARISONS) -> bool:
    """Whether some combination is within the limits. Raises TooManyCombinations as `best_picks` does."""
    floor = first_floor(problem)
    return floor.reached or any(found is not None for found in _rounds(problem, floor, most))


def _rounds(problem: Problem, floor: Floor, most: float) -> Iterator[tuple[int, ...] | None]:
    """The best picks found by each round, ever wider, the last of which leaves out nothing that matters."""
    for width in WIDTHS:
        problem = replace(problem, stages=floor.worthwhile(problem.stages))
        count = math.prod(stage.shape[1] for stage in problem.stages)
        if not count:
            return
        found, cost, complete = _searched(_Hunt(problem, floor, width if count > FEW else WIDTHS[-1], most))
        yield found
        if complete:
            return
        floor = replace(floor, ceiling=min(floor.ceiling, cost))
        problem = replace(problem, stages=floor.worthwhile(problem.stages))
        if math.prod(stage.shape[1] for stage in problem.stages) > FEW:
            floor = higher_floor(problem, floor)


def _searched(hunt: _Hunt) -> tuple[tuple[int, ...] | None, float, bool]:
    """The best picks of one round, their cost, and whether nothing was left out."""
    labels = np.zeros((-ENERGIES, 1))
    labels[INACCURACY], labels[BOUND] = -1.0, sum(hunt.floor.least)
    history: list[Indices] = []
    spent, complete = 0.0, True
    for step in _steps(hunt):
        labels, spent, whole = _decided(hunt, step, labels, spent)
        complete = complete and whole
        history.append(labels[PARENT:].astype(np.intp))
    latency, energy, accuracy = labels[0], labels[ENERGIES], -labels[INACCURACY]
    limits, weights = hunt.problem.limits, hunt.problem.weights
    within = np.flatnonzero((latency <= limits[0]) & (energy <= limits[1]) & (accuracy >= limits[2]))
    if not len(within):
        return None, math.inf, complete
    score = weights[0] * latency + weights[1] * energy - weights[2] * accuracy
    at = within[np.lexsort((-accuracy[within], energy[within], latency[within], score[within]))[0]]
    cost = hunt.problem.cost(float(latency[at]), float(energy[at]), float(accuracy[at]))
    picks = []
    for parents, chosen in reversed(history):
        picks.append(int(chosen[at]))
        at = parents[at]
    return tuple(reversed(picks)), cost, complete


@lru_cache(maxsize=64)
def _layout(waits: tuple[tuple[int, ...], ...]) -> tuple[_Rows, ...]:
    """The rows after each stage. Finish times that the same stages still await share a row: only the latest counts."""
    end = len(waits)
    followers = [frozenset(later for later, waited in enumerate(waits) if one in waited) for one in range(end)]
    layout: list[_Rows] = []
    awaited: tuple[frozenset[int], ...] = ()
    for place, own in enumerate(followers):
        reads = tuple(row for row, by in enumerate(awaited) if place in by)
        merged: dict[frozenset[int], list[int]] = {own: []}
        for row, by in enumerate(awaited):
            # Whoever still awaits a row that this stage has waited for needs no more than to await this stage.
            if row not in reads or not by - {place} <= own:
                merged.setdefault(by - {place}, []).append(row)
        awaited = tuple(merged)
        leaving: dict[frozenset[int], list[Edge]] = {by: [] for by in awaited}
        for start in range(place + 1):
            by = frozenset(one for one in followers[start] if one > place)
            leaving.get(by, []).extend((start, to) for to in (by or () if followers[start] else (end,)))
        layout.append(_Rows(reads, tuple(map(tuple, merged.values())), awaited, tuple(map(tuple, leaving.values()))))
    return tuple(layout)


def _steps(hunt: _Hunt) -> Iterator[_Step]:
    stages, floor, layout = hunt.problem.stages, hunt.floor, _layout(hunt.problem.waits)
    least = [stage[PRICED].min(axis=1).tolist() for stage in stages]
    tails = [0.0] * len(stages)
    for place in reversed(range(len(stages))):
        tails[place] = least[place][LATENCY] + max((tails[one] for one in layout[place].awaited[0]), default=0.0)
    for place, (rows, stage) in enumerate(zip(layout, stages, strict=True)):
        flow = [sum(floor.flow.get(edge, 0.0) for edge in edges) for edges in rows.leaving]
        yield _Step(
            rows,
            stage,
            floor.prices(place),
            floor.unit[LATENCY] * np.array(flow),
            np.array([[max((tails[one] for one in by), default=0.0)] for by in rows.awaited]),
            sum(one[ENERGY] for one in least[place + 1 :]),
            sum(one[LOSS] for one in least[place + 1 :]),
            sum(floor.least[place + 1 :]),
            floor.least[place],
        )


def _decided(hunt: _Hunt, step: _Step, labels: Array, spent: float) -> tuple[Array, float, bool]:
    """The labels after a step, the comparisons spent so far, and whether all that may lead to the best are there."""
    pool = np.empty((len(step.rows.merges) - ENERGIES, 0))
    whole = True
    for made in _extended(hunt, step, labels):
        pool = np.concatenate((pool, made[:, _promising(hunt, step, made)]), axis=1)
        spent += made.shape[1] * COMPARISONS_A_LABEL
        if pool.shape[1] > hunt.width * POOL_WIDTHS:
            pool, whole = _lowest(pool, hunt.width * POOL_WIDTHS), False
        if pool.shape[1] > POOL:
            pool, spent = _undominated(pool, hunt.most, spent)
        if spent > hunt.most:
            raise TooManyCombinations(hunt.most)
    pool, spent = _undominated(pool, hunt.most, spent)
    if pool.shape[1] > hunt.width:
        pool, whole = _lowest(pool, hunt.width), False
    return pool, spent, whole


def _undominated(pool: Array, most: float, spent: float) -> tuple[Array, float]:
    kept = pool[:, front(pool[SEEN], most, spent)]
    return kept, spent + pool.shape[1] * max(kept.shape[1], BLOCK)


def _lowest(pool: Array, width: int) -> Array:
    """The labels with the lowest bounds, in their order."""
    return pool[:, np.sort(np.argpartition(pool[BOUND], width)[:width])]


def _extended(hunt: _Hunt, step: _Step, labels: Array) -> Iterator[Array]:
    """Every label with every candidate that may lead to a combination as good as the ceiling, a portion at a time."""
    paid = step.prices @ step.stage[PRICED]
    cheapest = np.argsort(paid, kind="stable")
    # A label's bound holds the least that this stage pays; a candidate that pays more lifts it by as much or more.
    counts = np.searchsorted(paid[cheapest], hunt.floor.cut() + step.least - labels[BOUND], side="right")
    ends = np.cumsum(counts)
    portions = np.searchsorted(ends, np.arange(MADE_AT_ONCE, ends[-1] if len(ends) else 0, MADE_AT_ONCE))
    for low, high in pairwise((0, *portions.tolist(), len(ends))):
        parents = np.repeat(np.arange(low, high), counts[low:high])
        begins = np.repeat(ends[low:high] - counts[low:high], counts[low:high])
        picks = cheapest[np.arange(begins[0], begins[0] + len(parents)) - begins if len(parents) else parents]
        yield _made(hunt, step, labels, parents, picks)


def _made(hunt: _Hunt, step: _Step, labels: Array, parents: Indices, picks: Indices) -> Array:
    """The labels of these parents, each with its pick from the stage's candidates."""
    stage, rows = step.stage[:, picks], step.rows
    made = np.empty((len(rows.merges) - ENERGIES, len(parents)))
    for row, old in enumerate(rows.merges):
        made[row] = _latest(labels, old)[parents]
    finish = _latest(labels, rows.reads)[parents] + stage[LATENCY]
    np.maximum(made[0], finish, out=made[0])
    made[ENERGIES] = labels[ENERGIES, parents] + stage[ENERGY]
    made[INACCURACY] = labels[INACCURACY, parents] * stage[ACCURACY]
    made[LOSSES] = labels[LOSSES, parents] + stage[LOSS]
    paid = step.seconds @ made[:ENERGIES] + step.prices[ENERGY] * made[ENERGIES] + step.prices[LOSS] * made[LOSSES]
    made[BOUND] = paid + step.paid
    made[PARENT] = parents
    made[PICK] = stage[WHICH]
    return made


def _latest(labels: Array, rows: tuple[int, ...]) -> Array:
    """The latest of these finish times; the beginning if there are none."""
    latest: Array = labels[rows[0]] if len(rows) == 1 else np.max(labels[list(rows)], axis=0, initial=0.0)
    return latest


def _promising(hunt: _Hunt, step: _Step, made: Array) -> npt.NDArray[np.bool_]:
    """Which labels may lead to a combination within the limits that is as good as the ceiling."""
    slowest = (made[:ENERGIES] + step.tails).max(axis=0)
    energy, loss = made[ENERGIES] + step.energy, made[LOSSES] + step.loss
    most_latency, most_energy, most_loss = hunt.problem.most()
    weights = hunt.problem.weights
    cost = weights[0] * slowest + weights[1] * energy + weights[2] * loss
    good = (made[BOUND] <= hunt.floor.cut()) & (cost <= loosened(hunt.floor.ceiling))
    good &= (slowest <= loosened(most_latency)) & (energy <= loosened(most_energy)) & (loss <= loosened(most_loss))
    return np.asarray(good)
