"""Proven floors under the cost of every combination of a chain, by Lagrangian prices (the words: `chain`).

A limit is replaced by a price on what it limits, and the slowest path by a mix of paths, so that every stage can choose
for itself. What the stages then pay together, less what the limits are worth, lies at or under the cost of any
combination within the limits, whatever the prices are. A short subgradient ascent looks for prices with a high floor.
Latencies are seconds, energies joules; loss is -ln(accuracy), which adds up over stages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, mul

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Numbers = tuple[float, ...]
Edge = tuple[int, int]

LATENCY, ENERGY, LOSS, ACCURACY, WHICH = range(5)
"""Rows of a stage's array, which has one column a candidate; WHICH is the caller's number for it."""
PRICED = slice(LATENCY, LOSS + 1)
ITERATIONS, PATIENCE = 20, 7
SHORTER_AFTER, SHORTER = 4, 0.6
EVEN, DEAREST = 1e-9, 1e100
"""A share this small is taken for none, and no price is higher: the ascent must not divide by next to nothing."""
RELATIVE, TINY, LOSS_SLACK = 1e-11, 1e-300, 1e-12


def loosened(value: float) -> float:
    """A little more than `value`: by far more than rounding can add to a sum over stages."""
    return value * (1 + RELATIVE) + TINY


def lost(accuracy: float) -> float:
    """The loss of an accuracy from 0 to 1, a little loosened; infinite for 0."""
    return LOSS_SLACK - math.log(accuracy) if accuracy > 0 else math.inf


def added(values: Sequence[float]) -> float:
    """The sum, rounded after each value as the search does it; sum() rounds otherwise from Python 3.12 on."""
    return reduce(add, values, 0.0)


@dataclass(frozen=True, slots=True)
class Problem:
    """What to combine. `waits` holds earlier places; `weights` and `limits` are for latency, energy and accuracy.

    Wanted is the least w * latency + w * energy - w * accuracy; an accuracy weight stands alone. Without limits they
    are inf, inf and 0.
    """

    stages: tuple[Array, ...]
    waits: tuple[tuple[int, ...], ...]
    weights: Numbers
    limits: Numbers

    def cost(self, latency: float, energy: float, accuracy: float) -> float:
        """What floors lie under: w * latency + w * energy + w * loss."""
        paid = self.weights[LATENCY] * latency + self.weights[ENERGY] * energy
        return paid + self.weights[LOSS] * lost(accuracy) if self.weights[LOSS] else paid

    def allows(self, latency: float, energy: float, accuracy: float) -> bool:
        """Whether a combination that measures this is within the limits."""
        return latency <= self.limits[0] and energy <= self.limits[1] and accuracy >= self.limits[2]

    def most(self) -> Numbers:
        """The limits on latency, energy and loss; infinite if there is none."""
        return self.limits[0], self.limits[1], lost(self.limits[2])


@dataclass(frozen=True, slots=True)
class Floor:
    """Prices and what they prove: a combination within the limits costs `value` or more.

    `multipliers` price what is limited; with the weights of the objective they make `unit`, the price of a second, a
    joule and a unit of loss. A second is charged along `flow`, shares of the paths through the chain by edge, if
    the place after the last is the end. `least` is what each stage pays at least, `credit` what the limits are worth.
    `ceiling` is the cost of a combination within the limits that was `reached`, or else what none can exceed.
    """

    multipliers: Numbers
    unit: Numbers
    flow: Mapping[Edge, float]
    least: Numbers
    credit: float
    ceiling: float
    reached: bool = False

    def value(self) -> float:
        """The floor itself."""
        return sum(self.least) - self.credit

    def cut(self) -> float:
        """The most that the stages pay together in a combination that is as good as the ceiling."""
        return loosened(self.ceiling + self.credit) + self.unit[LOSS] * LOSS_SLACK

    def prices(self, place: int) -> Array:
        """What the stage at this place pays for a second, a joule and a unit of loss."""
        share = sum(part for (start, _), part in self.flow.items() if start == place)
        return np.array((self.unit[LATENCY] * share, self.unit[ENERGY], self.unit[LOSS]))

    def worthwhile(self, stages: Sequence[Array]) -> tuple[Array, ...]:
        """The candidates that may be in a combination as good as the ceiling; none of a stage if there is none."""
        spare = self.cut() - sum(self.least)
        kept = []
        for place, (stage, least) in enumerate(zip(stages, self.least, strict=True)):
            kept.append(stage[:, self.prices(place) @ stage[PRICED] - least <= spare])
        return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One step of the ascent: the floor, by how much the stages' own choices overrun each limit, their slowest path."""

    floor: Floor
    overruns: Numbers
    path: tuple[Edge, ...]


def first_floor(problem: Problem) -> Floor:
    """A floor by a short ascent from no prices at all.

    Above its ceiling it proves that no combination is within the limits. It need not rise so far without one: a mix of
    candidates may meet the limits that no single candidate does, and the ascent may end at the ceiling.
    """
    mean = [float(stage[LATENCY].mean()) for stage in problem.stages]
    path, _ = slowest_path(problem.waits, mean)
    nothing = (0.0,) * len(problem.stages)
    start = Floor((0.0, 0.0, 0.0), problem.weights, dict.fromkeys(path, 1.0), nothing, 0.0, _ceiling(problem))
    return _ascended(problem, start, 1)


def higher_floor(problem: Problem, floor: Floor) -> Floor:
    """A floor that is as high or higher, by an ascent from the prices of this one."""
    return _ascended(problem, floor, ITERATIONS)


def _ascended(problem: Problem, start: Floor, before: int) -> Floor:
    """The highest floor of a few steps from `start`; the path mix moves less, the more steps were made before."""
    width = max(stage.shape[1] for stage in problem.stages)
    # Short stages are filled up with copies of their last candidate, which change no minimum.
    table = np.stack([stage[:, np.minimum(np.arange(width), stage.shape[1] - 1)] for stage in problem.stages])
    spread = (np.ptp(table[:, PRICED], axis=2) + EVEN * table[:, PRICED].max(axis=2)).sum(axis=0).tolist()
    best = trial = _tried(problem, table, start.multipliers, start.flow, start.ceiling)
    step, stale = 1.0, 0
    for turn in range(before, before + ITERATIONS):
        floor = trial.floor
        if floor.value() >= loosened(floor.ceiling) or stale > PATIENCE:
            break
        flow = _mixed(floor.flow, trial.path, 1 / (turn + 1.5))
        trial = _tried(problem, table, _nudged(trial, spread, step), flow, floor.ceiling)
        stale += 1
        if trial.floor.value() > best.floor.value() + 1e-6 * abs(best.floor.value()):
            best, stale = trial, 0
        if stale and stale % SHORTER_AFTER == 0:
            step *= SHORTER
    ceiling = trial.floor.ceiling
    return replace(best.floor, ceiling=ceiling, reached=start.reached or ceiling < start.ceiling)


def slowest_path(waits: Sequence[Sequence[int]], latencies: Sequence[float]) -> tuple[tuple[Edge, ...], float]:
    """The edges of the critical path, with the one to the end, and the latency of the chain in seconds."""
    finish: list[float] = []
    causes: list[int] = []
    for latency, waited in zip(latencies, waits, strict=True):
        cause = max(waited, key=finish.__getitem__, default=-1)
        finish.append((finish[cause] if waited else 0.0) + latency)
        causes.append(cause)
    at = max(range(len(finish)), key=finish.__getitem__)
    length, edges = finish[at], [(at, len(finish))]
    while causes[at] >= 0:
        edges.append((causes[at], at))
        at = causes[at]
    return tuple(edges), length


def _ceiling(problem: Problem) -> float:
    """A cost that no combination within the limits exceeds."""
    _, slowest = slowest_path(problem.waits, [float(stage[LATENCY].max()) for stage in problem.stages])
    energy = sum(float(stage[ENERGY].max()) for stage in problem.stages)
    loss = sum(float(stage[LOSS].max()) for stage in problem.stages) + LOSS_SLACK
    pairs = zip(problem.weights, (slowest, energy, loss), problem.most(), strict=True)
    return loosened(sum(weight * min(worst, most) for weight, worst, most in pairs))


def _tried(problem: Problem, table: Array, multipliers: Numbers, flow: Mapping[Edge, float], ceiling: float) -> _Trial:
    """The floor that these prices prove, with a lower ceiling if the stages' own choices are within the limits."""
    unit = tuple(map(add, problem.weights, multipliers))
    shares = [0.0] * len(table)
    for (start, _), part in flow.items():
        shares[start] += part
    prices = np.array([(unit[LATENCY] * share, unit[ENERGY], unit[LOSS]) for share in shares])
    paid = (prices[:, None] @ table[:, PRICED])[:, 0]
    picks = paid.argmin(axis=1)
    everyone = np.arange(len(table))
    latencies, energies, losses, accuracies, _ = table[everyone, :, picks].T.tolist()
    path, latency = slowest_path(problem.waits, latencies)
    energy, accuracy = added(energies), math.prod(accuracies)
    if problem.allows(latency, energy, accuracy):
        ceiling = min(ceiling, problem.cost(latency, energy, accuracy))
    used = (sum(map(mul, shares, latencies)), energy, sum(losses))
    allowed = problem.most()
    overruns = tuple(one - most if most < math.inf else 0.0 for one, most in zip(used, allowed, strict=True))
    credit = sum(price * most for price, most in zip(multipliers, allowed, strict=True) if price)
    return _Trial(
        Floor(multipliers, unit, flow, tuple(paid[everyone, picks].tolist()), credit, ceiling), overruns, path
    )


def _nudged(trial: _Trial, spread: Sequence[float], step: float) -> Numbers:
    """Polyak's step: raise the price of what is overrun and lower that of what is left over, down to nothing."""
    multipliers = trial.floor.multipliers
    scale = [one if one > 0 else 1.0 for one in spread]
    moves = [over / size for over, size in zip(trial.overruns, scale, strict=True)]
    moves = [move if move > 0 or price > 0 else 0.0 for move, price in zip(moves, multipliers, strict=True)]
    square = sum(map(mul, moves, moves))
    if square < EVEN**2:
        return multipliers
    length = step * (trial.floor.ceiling - trial.floor.value()) / square
    steps = [length * move / size for move, size in zip(moves, scale, strict=True)]
    return tuple(min(max(0.0, price + one), DEAREST) for price, one in zip(multipliers, steps, strict=True))


def _mixed(flow: Mapping[Edge, float], path: Sequence[Edge], share: float) -> dict[Edge, float]:
    """The flow with a share of it moved to this path."""
    mixed = {edge: part * (1 - share) for edge, part in flow.items()}
    for edge in path:
        mixed[edge] = mixed.get(edge, 0.0) + share
    return mixed
