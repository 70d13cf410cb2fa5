"""Bounds of integers as whole numbers."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from versions.diff.schema.sets.integers import whole_bounds


@pytest.mark.parametrize(
    ("node", "whole"),
    [
        ({}, {}),
        ({"minimum": 1}, {"minimum": 1}),
        ({"minimum": 0.5}, {"minimum": 1}),
        ({"minimum": -0.5}, {"minimum": 0}),
        ({"maximum": 0.5}, {"maximum": 0}),
        ({"maximum": -0.5}, {"maximum": -1}),
        ({"exclusiveMinimum": 1}, {"minimum": 2}),
        ({"exclusiveMinimum": 0.5}, {"minimum": 1}),
        ({"exclusiveMaximum": 1}, {"maximum": 0}),
        ({"exclusiveMaximum": 1.5}, {"maximum": 1}),
        ({"minimum": 3, "exclusiveMinimum": 1}, {"minimum": 3}),
        ({"minimum": 1, "exclusiveMinimum": 3}, {"minimum": 4}),
        ({"maximum": 3, "exclusiveMaximum": 9}, {"maximum": 3}),
        ({"minimum": 0.1, "maximum": 0.9}, {"minimum": 1, "maximum": 0}),
        ({"type": ["integer"], "multipleOf": 2}, {"type": ["integer"], "multipleOf": 2}),
        ({"minimum": 1e22}, {"minimum": 10**22}),
    ],
)
def test_a_bound_is_the_last_whole_number_inside(node: dict[str, Any], whole: dict[str, Any]) -> None:
    assert whole_bounds(node) == whole


numbers = st.integers(-40, 40).map(lambda quarters: quarters / 4)
bounds = st.dictionaries(st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), numbers)


def inside(node: dict[str, Any], value: int) -> bool:
    exact = {word: Fraction(bound) for word, bound in node.items()}
    return (
        exact.get("minimum", Fraction(value)) <= value <= exact.get("maximum", Fraction(value))
        and exact.get("exclusiveMinimum", Fraction(value - 1)) < value
        and value < exact.get("exclusiveMaximum", Fraction(value + 1))
    )


@given(bounds)
def test_the_same_integers_lie_inside(node: dict[str, Any]) -> None:
    whole = whole_bounds(node)
    assert set(whole) <= {"minimum", "maximum"}
    tried = range(-14, 15)
    assert [inside(node, value) for value in tried] == [inside(whole, value) for value in tried]
