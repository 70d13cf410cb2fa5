"""JSON values: types, equality, pointers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from versions.diff.values import identical, join, key_of, parts_of, same, short, type_of, without

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5]) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.0, "integer"),
        (1.5, "number"),
        ("", "string"),
        ([], "array"),
        ((), "array"),
        ({}, "object"),
    ],
)
def test_the_type_of_a_value(value: Any, name: str) -> None:
    assert type_of(value) == name


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        ([1, 2], [1.0, 2], True),
        ([1, 2], [2, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {}, False),
        ([], {}, False),
        ("", None, False),
    ],
)
def test_two_values_are_equal_as_json_schema_says(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal
    assert (key_of(left) == key_of(right)) is equal


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": {"b": [False]}}, {"a": {"b": [0]}}, False),
        ({"a": 1}, {"a": 2}, False),
        ([], [], True),
    ],
)
def test_values_that_are_written_alike(left: Any, right: Any, alike: bool) -> None:
    assert identical(left, right) is alike


@given(JSON)
def test_a_value_is_itself(value: Any) -> None:
    assert same(value, value)
    assert identical(value, value)
    assert hash(key_of(value)) == hash(key_of(value))


@given(JSON, JSON)
def test_what_is_written_alike_is_equal(left: Any, right: Any) -> None:
    if identical(left, right):
        assert same(left, right)


def test_values_without_others() -> None:
    assert without([1, True, "a", 1.0], [1]) == [True, "a"]
    assert without([[1], {"a": 1}], [[1.0]]) == [{"a": 1}]


@given(st.lists(st.text(max_size=4), max_size=4))
def test_a_pointer_leads_back_to_its_steps(steps: list[str]) -> None:
    assert parts_of(join("", *steps)) == steps


def test_a_pointer_escapes_what_it_must() -> None:
    assert join("/a", "b/c", "d~e", 3) == "/a/b~1c/d~0e/3"


def test_a_value_in_few_characters() -> None:
    assert short("a" * 60) == "a" * 60
    assert short("a" * 61) == "a" * 59 + "…"
    assert short({"a": 1}) == "{'a': 1}"
    assert len(short(list(range(100)), 20)) == 20
