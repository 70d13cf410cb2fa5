"""Representatives of numbers and strings: one at least for each way of being told apart."""

import re
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from versions.diff.schema.sets.automata import NotRegular, searched
from versions.diff.schema.sets.samples import MAX_DIVISORS, numbers, strings


def fractions(*values: float) -> list[Fraction]:
    return [Fraction(str(value)) for value in values]


def test_a_limit_has_numbers_on_both_sides() -> None:
    found, complete = numbers(fractions(3), [])
    assert complete
    assert Fraction(3) in found
    assert min(found) < 3 < max(found)


def test_two_limits_have_a_number_between_them() -> None:
    found, complete = numbers(fractions(3, 4), [])
    assert complete
    assert any(3 < value < 4 for value in found)


def test_a_divisor_has_multiples_and_others_in_every_piece() -> None:
    found, complete = numbers(fractions(0, 10), fractions(3))
    assert complete
    for low, high in ((-100, 0), (0, 10), (10, 100)):
        inside = [value for value in found if low < value < high]
        assert {(value / 3).denominator == 1 for value in inside} == {True, False}, (low, high)


def test_a_piece_without_a_multiple_has_none() -> None:
    found, complete = numbers(fractions(4, 5), fractions(3))
    assert complete
    assert [value for value in found if 4 < value < 5 and (value / 3).denominator == 1] == []


def test_two_divisors_are_told_apart() -> None:
    found, complete = numbers([], fractions(2, 3))
    assert complete
    ways = {((value / 2).denominator == 1, (value / 3).denominator == 1) for value in found}
    assert ways == {(True, True), (True, False), (False, True), (False, False)}


def test_a_divisor_of_a_divisor_leaves_no_number_of_the_larger_alone() -> None:
    found, complete = numbers([], fractions(2, 4))
    assert complete
    ways = {((value / 2).denominator == 1, (value / 4).denominator == 1) for value in found}
    assert ways == {(True, True), (True, False), (False, False)}


def test_decimals_are_exact() -> None:
    found, complete = numbers(fractions(0.1, 0.3), fractions(0.1))
    assert complete
    assert Fraction(1, 5) in found


def test_too_many_divisors_are_not_complete() -> None:
    _found, complete = numbers([], [Fraction(value) for value in (2, 3, 5, 7, 11)])
    assert not complete
    assert MAX_DIVISORS == 4


limits = st.lists(st.integers(-6, 6).map(lambda half: Fraction(half, 2)), max_size=3)
divisors = st.lists(st.sampled_from(fractions(0.5, 1, 1.5, 2, 3)), max_size=3, unique=True)


@settings(max_examples=150, deadline=None)
@given(limits, divisors)
def test_every_way_of_being_told_apart_has_a_number(bounds: list[Fraction], steps: list[Fraction]) -> None:
    """Arithmetic is the oracle: whatever quarters there are between -8 and 8, one like it is among the numbers."""
    found, complete = numbers(bounds, steps)

    def kind(value: Fraction) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        sides = tuple((value > bound) - (value < bound) for bound in bounds)
        return sides, tuple((value / step).denominator == 1 for step in steps)

    if complete:
        tried = {kind(Fraction(quarter, 4)) for quarter in range(-32, 33)}
        assert tried <= {kind(value) for value in found}


def test_strings_without_a_limit() -> None:
    found, complete = strings([], [], [])
    assert complete
    assert {len(text) for text in found} == {0, 1}


def test_a_length_has_its_neighbours() -> None:
    found, complete = strings([], [3, 5], [])
    assert complete
    assert {len(text) for text in found} >= {2, 3, 4, 5, 6}


def test_known_texts_are_among_the_strings_and_others_of_their_length_too() -> None:
    found, complete = strings(["a", "aaa"], [3], [])
    assert complete
    assert {"a", "aaa"} <= set(found)
    assert any(len(text) == 3 and text != "aaa" for text in found)
    assert any(len(text) == 1 and text != "a" for text in found)


def test_a_length_that_is_too_long_to_try_is_not_complete() -> None:
    _found, complete = strings([], [10_000_000], [])
    assert not complete


def test_a_pattern_has_texts_on_both_sides() -> None:
    found, complete = strings([], [], ["^a+$"])
    assert complete
    assert {searched("^a+$", text) for text in found} == {True, False}


def test_a_pattern_and_a_length_are_told_apart_together() -> None:
    found, complete = strings([], [2], ["^a*$"])
    assert complete
    ways = {(min(len(text), 3), searched("^a*$", text)) for text in found}
    assert ways >= {(0, True), (1, True), (1, False), (2, True), (2, False), (3, True), (3, False)}


def test_two_patterns_are_told_apart_together() -> None:
    found, complete = strings([], [], ["^a", "b$"])
    assert complete
    assert {(searched("^a", text), searched("b$", text)) for text in found} == set(product((True, False), repeat=2))


def test_a_length_beyond_what_is_counted_is_not_complete() -> None:
    found, complete = strings([], [200], ["^a"])
    assert not complete
    assert found


@pytest.mark.parametrize("pattern", ["(?=a)", 7, None])
def test_a_pattern_that_is_not_regular_has_no_strings(pattern: object) -> None:
    with pytest.raises(NotRegular):
        strings([], [], [pattern])


PATTERNS = ["a", "^a", "b$", "^[ab]*$", "^(ab)+$", "^.{2}$", "a|b", "^a?b?$"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True),
    st.lists(st.integers(0, 3), max_size=1),
    st.lists(st.text("ab", max_size=2), max_size=2),
)
def test_every_joint_state_of_patterns_has_a_text(patterns: list[str], lengths: list[int], known: list[str]) -> None:
    """`re` is the oracle: whatever texts of four letters there are, one like it is among the strings."""
    found, complete = strings(known, lengths, patterns)

    def kind(text: str) -> tuple[object, ...]:
        counted = tuple((len(text) > length) - (len(text) < length) for length in lengths)
        return (*(re.search(p, text) is not None for p in patterns), *counted, *(text == word for word in known))

    tried = {kind("".join(letters)) for size in range(5) for letters in product("abc", repeat=size)}
    assert complete
    assert tried <= {kind(text) for text in found}
