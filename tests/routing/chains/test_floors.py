"""Floors under the cost of a chain: never above what the best combination costs, and nothing worthwhile is left out."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.chains.floors import Floor, Problem, added, first_floor, higher_floor, loosened, lost, slowest_path
from routing.chains.search import best_picks, is_feasible

UNLIMITED = (math.inf, math.inf, 0.0)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Chains of up to four stages of up to four candidates, with weights and with or without limits."""
    count = draw(st.integers(1, 4))
    number = st.floats(0.01, 10.0)
    stages = []
    for _ in range(count):
        width = draw(st.integers(1, 4))
        rows = [draw(st.lists(number, min_size=width, max_size=width)) for _ in range(2)]
        accuracy = draw(st.lists(st.floats(0.3, 1.0), min_size=width, max_size=width))
        stages.append(np.array([*rows, -np.log(accuracy), accuracy, np.arange(width)]))
    waits = tuple(tuple(sorted(draw(st.sets(st.integers(0, at - 1))))) if at else () for at in range(count))
    weights = draw(st.sampled_from(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.5, 0.0))))
    limits = draw(st.sampled_from((UNLIMITED, (8.0, math.inf, 0.0), (math.inf, 9.0, 0.2), (12.0, 12.0, 0.3))))
    return Problem(tuple(stages), waits, weights, limits)


def combinations(problem: Problem) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every combination within the limits, with its cost."""
    for picks in product(*(range(stage.shape[1]) for stage in problem.stages)):
        chosen = [stage[:, pick] for stage, pick in zip(problem.stages, picks, strict=True)]
        latency = slowest_path(problem.waits, [float(one[0]) for one in chosen])[1]
        energy, accuracy = added([float(one[1]) for one in chosen]), math.prod(float(one[3]) for one in chosen)
        if problem.allows(latency, energy, accuracy):
            yield picks, problem.cost(latency, energy, accuracy)


def judged(problem: Problem, floor: Floor) -> None:
    """The floor, its ceiling and what it calls worthwhile hold against every combination."""
    every = dict(combinations(problem))
    if not every:
        return
    least = min(every.values())
    assert floor.value() <= loosened(least) + 1e-9
    assert floor.ceiling >= least - 1e-9
    best = next(picks for picks, cost in every.items() if cost == least)
    for stage, pick in zip(floor.worthwhile(problem.stages), best, strict=True):
        assert pick in stage[4].astype(int).tolist(), "a candidate of the best combination was left out"


@given(problems())
@settings(max_examples=150, deadline=None)
def test_no_combination_costs_less_than_its_floor_and_the_best_stays_worthwhile(problem: Problem) -> None:
    floor = first_floor(problem)
    judged(problem, floor)
    higher = higher_floor(problem, floor)
    judged(problem, higher)
    assert higher.value() >= floor.value() - 1e-6 * abs(floor.value()) - 1e-12


def test_without_limits_and_in_a_row_the_floor_is_the_best_itself() -> None:
    stage = np.array([[1.0, 3.0], [5.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    problem = Problem((stage, stage), ((), (0,)), (1.0, 0.0, 0.0), UNLIMITED)
    floor = first_floor(problem)
    assert floor.value() == pytest.approx(2.0)
    assert floor.ceiling == pytest.approx(2.0)
    assert floor.reached


def test_limits_that_nothing_meets_raise_the_floor_up_to_the_ceiling_and_nothing_is_reached() -> None:
    stage = np.array([[1.0, 3.0], [5.0, 4.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    problem = Problem((stage,), ((),), (1.0, 0.0, 0.0), (math.inf, 2.0, 0.0))
    floor = first_floor(problem)
    assert not floor.reached
    assert higher_floor(problem, floor).value() >= floor.ceiling - 1e-9


def test_limits_that_only_a_mix_meets_leave_the_floor_low_and_the_search_finds_nothing() -> None:
    stage = np.array([[1.0, 3.0], [5.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    problem = Problem((stage,), ((),), (1.0, 0.0, 0.0), (2.5, 3.5, 0.0))
    floor = higher_floor(problem, first_floor(problem))
    assert floor.value() <= 1.75 + 1e-9 < floor.ceiling
    assert not floor.reached
    assert best_picks(problem) is None
    assert not is_feasible(problem)


@given(problems())
@settings(max_examples=150, deadline=None)
def test_a_floor_above_its_ceiling_means_that_nothing_is_within_the_limits(problem: Problem) -> None:
    floor = first_floor(problem)
    for one in (floor, higher_floor(problem, floor)):
        assert one.value() <= loosened(one.ceiling) + 1e-9 or not any(combinations(problem))


@pytest.mark.parametrize(
    ("waits", "latencies", "length", "edges"),
    [
        (((),), [2.0], 2.0, [(0, 1)]),
        (((), (0,)), [2.0, 3.0], 5.0, [(1, 2), (0, 1)]),
        (((), ()), [2.0, 3.0], 3.0, [(1, 2)]),
        (((), (), (0, 1)), [2.0, 3.0, 1.0], 4.0, [(2, 3), (1, 2)]),
        (((), (0,), (0,), (1, 2)), [1.0, 5.0, 2.0, 1.0], 7.0, [(3, 4), (1, 3), (0, 1)]),
    ],
)
def test_the_slowest_path_is_the_one_that_everybody_waits_for(
    waits: tuple[tuple[int, ...], ...], latencies: list[float], length: float, edges: list[tuple[int, int]]
) -> None:
    path, found = slowest_path(waits, latencies)
    assert found == length
    assert list(path) == edges


def test_losses_add_up_as_accuracies_multiply() -> None:
    assert lost(0.5) + lost(0.5) == pytest.approx(lost(0.25), abs=1e-9)
    assert lost(0.0) == math.inf
    assert lost(1.0) > 0.0, "rounding must never make a floor too high"
