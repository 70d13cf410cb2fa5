"""Pareto fronts against every pair compared: any number of rows, ties, blocks, and a search that gives up in time."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.chains import pareto
from routing.chains.pareto import BLOCK, TooManyCombinations, front

Array = npt.NDArray[np.float64]


def by_pairs(points: Array) -> list[int]:
    """The front by its definition: no other is less or equal in every row; of equals the first."""
    kept = []
    for at in range(points.shape[1]):
        one = points[:, at]
        beaten = any(
            (points[:, other] <= one).all() and ((points[:, other] < one).any() or other < at)
            for other in range(points.shape[1])
            if other != at
        )
        if not beaten:
            kept.append(at)
    return kept


@st.composite
def clouds(draw: st.DrawFn) -> Array:
    """Three to five rows of up to forty points on a coarse grid, so that ties are plenty."""
    rows, count = draw(st.integers(3, 5)), draw(st.integers(0, 40))
    grid = st.lists(st.integers(0, draw(st.integers(1, 6))), min_size=count, max_size=count)
    return np.array([draw(grid) for _ in range(rows)], np.float64).reshape(rows, count)


@given(clouds())
def test_a_front_holds_what_no_other_equals_or_beats(points: Array) -> None:
    assert front(points).tolist() == by_pairs(points)


@pytest.mark.parametrize("rows", [3, 4, 5])
@pytest.mark.parametrize("levels", [3, 12, 10_000])
def test_fronts_over_several_blocks_are_the_same(rows: int, levels: int) -> None:
    points = np.random.default_rng(rows * levels).integers(0, levels, (rows, 3 * BLOCK + 17)).astype(np.float64)
    assert front(points).tolist() == by_pairs(points)


@given(clouds())
@settings(max_examples=50)
def test_the_order_of_the_points_does_not_matter_to_which_numbers_are_kept(points: Array) -> None:
    order = np.random.default_rng(points.shape[1]).permutation(points.shape[1])
    kept = sorted(map(tuple, points[:, front(points)].T.tolist()))
    assert kept == sorted(map(tuple, points[:, order][:, front(points[:, order])].T.tolist()))


def test_infinite_numbers_are_numbers_like_others() -> None:
    points = np.array([[np.inf, 1.0, np.inf], [0.0, 1.0, 0.0], [5.0, 1.0, 4.0]])
    assert front(points).tolist() == [1, 2]


def test_a_search_of_many_rows_gives_up_before_it_compares_too_much() -> None:
    points = np.random.default_rng(1).random((4, 4 * BLOCK))
    assert len(front(points, most=1e9)) > 0
    with pytest.raises(TooManyCombinations, match=r"needs more than 100,000 comparisons; expected fewer candidates"):
        front(points, most=1e5)
    with pytest.raises(TooManyCombinations):
        front(points, most=1e7, spent=1e7)


def test_three_rows_never_give_up_as_a_sweep_needs_no_pairs() -> None:
    points = np.random.default_rng(1).random((3, 4 * BLOCK))
    assert front(points, most=0.0).tolist() == by_pairs(points)


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_their_own_front(count: int) -> None:
    assert pareto.front(np.zeros((3, count))).tolist() == list(range(count))
