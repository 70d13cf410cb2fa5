"""The exact best combination of models for a chain, under limits on latency, energy and accuracy."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from controlplane.base.messages import Sentence
from routing.chains.chain import (
    FASTEST,
    LEAST_ENERGY,
    LIMITS,
    MOST_ACCURATE,
    NO_LIMITS,
    UNLIMITED,
    Chain,
    ChainInvalid,
    ChainLimits,
    ChainMeasures,
    Combination,
    Infeasible,
    Objective,
    Stage,
    StageCandidate,
)
from routing.chains.floors import Array, Problem, added, slowest_path
from routing.chains.pareto import MOST_COMPARISONS, TooManyCombinations, front
from routing.chains.search import best_picks, is_feasible


def best(
    chain: Chain, objective: Objective, limits: ChainLimits = NO_LIMITS, most: float = MOST_COMPARISONS
) -> Combination | Infeasible:
    """The combination within the limits that is best by the objective: exact, whatever shape the DAG has.

    Of equally good ones the fastest, then the one with the least energy, then the most accurate; what is left of ties
    is broken by the candidates themselves, never by the order in which they are given.
    Raises TooManyCombinations if a round of the search needs more than `most` comparisons (10^9 take some seconds).
    """
    problem = _problem(chain, objective, limits)
    picks = best_picks(problem, most)
    if picks is None:
        return _infeasible(chain, problem, limits, most)
    return _combination(chain, dict(zip(chain.order, picks, strict=True)))


def stagewise(chain: Chain, objective: Objective) -> Combination:
    """What each stage would choose for itself by the objective, without a look at limits or other stages.

    Of equally good candidates the fastest, then the one with the least energy, then the most accurate, then by name.
    """
    weights = objective.weights

    def place(given: tuple[int, StageCandidate]) -> tuple[float, float, float, float, str]:
        one = given[1]
        score = weights[0] * one.latency_s + weights[1] * one.energy_j - weights[2] * one.accuracy
        return score, *_place(one)

    picks = {at: min(enumerate(stage.candidates), key=place)[0] for at, stage in enumerate(chain.stages)}
    return _combination(chain, picks)


def measured(chain: Chain, models: Mapping[str, str]) -> ChainMeasures:
    """What the chain measures with these models, one a stage by its name. Raises ChainInvalid for any other names."""
    names = [stage.name for stage in chain.stages]
    if set(models) != set(names):
        raise ChainInvalid("models", sorted(models), Sentence("one model for each of {names}", names=names))
    picks = {}
    for at, stage in enumerate(chain.stages):
        known = [candidate.model for candidate in stage.candidates]
        if models[stage.name] not in known:
            raise ChainInvalid(f"model of stage {stage.name!r}", models[stage.name], Sentence("one of its candidates"))
        picks[at] = known.index(models[stage.name])
    return _measures(chain, picks)


def _combination(chain: Chain, picks: Mapping[int, int]) -> Combination:
    models = {stage.name: stage.candidates[picks[at]].model for at, stage in enumerate(chain.stages)}
    return Combination(models, _measures(chain, picks))


def _measures(chain: Chain, picks: Mapping[int, int]) -> ChainMeasures:
    """Worked out in the chain's order, so that it rounds as the search does."""
    chosen = [chain.stages[at].candidates[picks[at]] for at in chain.order]
    _, latency = slowest_path(_waits(chain), [one.latency_s for one in chosen])
    return ChainMeasures(latency, added([one.energy_j for one in chosen]), math.prod(one.accuracy for one in chosen))


def _waits(chain: Chain) -> tuple[tuple[int, ...], ...]:
    """The stages that each waits for, by their place in the order."""
    places = {chain.stages[at].name: place for place, at in enumerate(chain.order)}
    return tuple(tuple(sorted(places[name] for name in chain.stages[at].waits_for)) for at in chain.order)


def _problem(chain: Chain, objective: Objective, limits: ChainLimits) -> Problem:
    stages = tuple(_array(chain.stages[at]) for at in chain.order)
    values = [getattr(limits, name) for name in LIMITS]
    known = tuple(none if one is None else one for one, none in zip(values, UNLIMITED, strict=True))
    return Problem(stages, _waits(chain), objective.weights, known)


def _place(candidate: StageCandidate) -> tuple[float, float, float, str]:
    return candidate.latency_s, candidate.energy_j, -candidate.accuracy, candidate.model


def _array(stage: Stage) -> Array:
    """The candidates that no other of the stage equals or beats in every number, in an order of their own."""
    models = np.array([one.model for one in stage.candidates])
    latency = np.array([one.latency_s for one in stage.candidates], float)
    energy = np.array([one.energy_j for one in stage.candidates], float)
    accuracy = np.array([one.accuracy for one in stage.candidates], float)
    order = np.lexsort((models, -accuracy, energy, latency))
    which = order[front(np.stack((latency, energy, -accuracy))[:, order])]
    return np.stack((latency[which], energy[which], -np.log(accuracy[which]), accuracy[which], which))


def _infeasible(chain: Chain, problem: Problem, limits: ChainLimits, most: float) -> Infeasible:
    """Why nothing is within the limits, which has been proven."""
    fastest, frugal, precise = (stagewise(chain, wish).measures for wish in (FASTEST, LEAST_ENERGY, MOST_ACCURATE))
    reachable = ChainMeasures(fastest.latency_s, frugal.energy_j, precise.accuracy)
    met = (
        reachable.latency_s <= problem.limits[0],
        reachable.energy_j <= problem.limits[1],
        reachable.accuracy >= problem.limits[2],
    )
    unmet = tuple(at for at, ok in enumerate(met) if not ok) or _conflict(problem, limits, most)
    return Infeasible(tuple(LIMITS[at] for at in unmet), limits, reachable)


def _conflict(problem: Problem, limits: ChainLimits, most: float) -> tuple[int, ...]:
    """The fewest limits that cannot be met together, where each can alone; all if that would take too long."""
    given = [at for at, name in enumerate(LIMITS) if getattr(limits, name) is not None]
    for size in range(2, len(given)):
        for some in combinations(given, size):
            kept = tuple(problem.limits[at] if at in some else UNLIMITED[at] for at in range(len(LIMITS)))
            weights = tuple(float(at == some[0]) for at in range(len(LIMITS)))
            if not _reaches(replace(problem, weights=weights, limits=kept), most):
                return some
    return tuple(given)


def _reaches(problem: Problem, most: float) -> bool:
    """Whether some combination is within the limits, as far as is known."""
    try:
        return is_feasible(problem, most)
    except TooManyCombinations:
        return True
