"""Pareto fronts of points with any number of rows to minimise."""

import math

import numpy as np
import numpy.typing as npt

from controlplane.base.messages import Sentence

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MOST_COMPARISONS = 1_000_000_000
BLOCK, KEPT_AT_ONCE = 256, 2048
EARLIER = ~np.tri(BLOCK, dtype=np.bool_)
"""Whether the first of two points in a block comes before the second."""


class TooManyCombinations(Exception):
    """The exact search would need more comparisons than it may make, and gave up instead of hanging or guessing."""

    def __init__(self, most: float) -> None:
        super().__init__(
            Sentence(
                "chain: the exact best needs more than {most} comparisons; expected fewer candidates, tighter limits or"
                " a higher number of comparisons",
                most=f"{most:,.0f}",
            )
        )


def front(points: Array, most: float = MOST_COMPARISONS, spent: float = 0.0) -> Indices:
    """The columns that no other equals or beats (is less) in all three or more rows, ascending; of equals the first.

    Raises TooManyCombinations before more than `most` pairs are compared, with those `spent` before.
    """
    if points.shape[1] < 2:
        return np.arange(points.shape[1])
    order = np.lexsort(points[::-1])
    ordered = np.ascontiguousarray(points[:, order])
    if ordered.shape[1] <= BLOCK:
        kept = _within(ordered)
    elif len(ordered) == 3:
        kept = _front_of_three(ordered)
    else:
        kept = _front_of_many(ordered, most, spent)
    return np.sort(order[kept])


def _within(points: Array) -> Indices:
    """The front of a few points, pair by pair. They are in order, so only an earlier one can beat a later one."""
    beaten = EARLIER[: points.shape[1], : points.shape[1]].copy()
    for row in points[1:]:
        beaten &= row[:, None] <= row
    return np.flatnonzero(~beaten.any(axis=0))


def _front_of_three(points: Array) -> Indices:
    """A sweep along the first row; a staircase over the other two stands for all points that came before."""
    steps, heights = np.array([-math.inf]), np.array([math.inf])
    kept = []
    for at in range(0, points.shape[1], BLOCK):
        block = points[:, at : at + BLOCK]
        alive = np.flatnonzero(heights[np.searchsorted(steps, block[1], side="right") - 1] > block[2])
        new = alive[_within(block[:, alive])]
        kept.append(at + new)
        steps, heights = np.concatenate((steps, block[1, new])), np.concatenate((heights, block[2, new]))
        order = np.lexsort((heights, steps))
        steps, heights = steps[order], np.minimum.accumulate(heights[order])
        lower = np.concatenate(([True], heights[1:] < heights[:-1]))
        steps, heights = steps[lower], heights[lower]
    return np.concatenate(kept)


def _front_of_many(points: Array, most: float, spent: float) -> Indices:
    """Block after block against all that was kept before."""
    kept: list[Indices] = []
    found = np.empty_like(points)
    count = 0
    for at in range(0, points.shape[1], BLOCK):
        block = points[:, at : at + BLOCK]
        spent += block.shape[1] * (count + block.shape[1])
        if spent > most:
            raise TooManyCombinations(most)
        alive = np.arange(block.shape[1])
        for low in range(0, count, KEPT_AT_ONCE):
            alive = alive[~_beaten(found[:, low : min(count, low + KEPT_AT_ONCE)], block[:, alive])]
        new = alive[_within(block[:, alive])]
        found[:, count : count + len(new)] = block[:, new]
        count += len(new)
        kept.append(at + new)
    return np.concatenate(kept)


def _beaten(earlier: Array, points: Array) -> npt.NDArray[np.bool_]:
    beaten = earlier[1][:, None] <= points[1]
    for row, other in zip(earlier[2:], points[2:], strict=True):
        beaten &= row[:, None] <= other
    return np.asarray(beaten.any(axis=0))
