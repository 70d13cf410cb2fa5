"""Whatever a codec does not take out of a caller's value is told, by its path."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.protocols.runtime.given import Given, empty
from tests.registry.protocols.runtime.values import Told, told, value


def paths(found: Given) -> list[str]:
    """Where something was left."""
    return [path for path, *_ in told(found)]


def test_what_is_not_taken_is_told() -> None:
    made = value({"a": 1, "b": {"c": 2}, "d": None, "e": "", "f": [], "g": {}, "h": 0, "i": False}, "m")
    assert made.take("a") == 1
    assert told(made) == [
        ("m.b", "dropped", {"c": 2}, None),
        ("m.h", "dropped", 0, None),
        ("m.i", "dropped", False, None),
    ]


def test_a_value_is_taken_once() -> None:
    made = value({"a": 1})
    assert (made.take("a"), made.take("a"), made.peek("a")) == (1, None, 1)


def test_the_whole_of_a_value() -> None:
    made = value({"a": {"b": 1}})
    made.inner("a")
    assert made.whole() == {"a": {"b": 1}}
    assert told(made) == []


def test_an_inner_value_is_taken_apart() -> None:
    made = value({"a": {"b": 1, "c": 2}}, "m")
    inner = made.inner("a")
    assert (inner.path, inner.take("b")) == ("m.a", 1)
    assert paths(made) == ["m.a.c"]


def test_members_of_a_list_have_their_index() -> None:
    made = value([{"a": 1}, "text", 7], "m")
    first, second, _ = made.items()
    assert (first.path, second.whole()) == ("m[0]", "text")
    assert paths(made) == ["m[0].a", "m[2]"]


@pytest.mark.parametrize("wrong", [7, "a", {}, None])
def test_only_a_list_has_members(wrong: Any) -> None:
    with pytest.raises(TypeError, match="m is no list"):
        value(wrong, "m").items()


def test_what_is_no_object_has_no_fields() -> None:
    made = value([1], "m")
    assert (made.peek("a"), made.take("a")) == (None, None)
    assert paths(made) == ["m"]
    assert paths(value("", "m")) == paths(value(None, "m")) == []


def test_a_field_that_is_carried() -> None:
    made = value({"a": 1, "b": None}, "m")
    assert made.carry("a", {"x": 0}) == {"x": 0, "a": 1}
    assert made.carry("b", {}) == {}
    assert paths(made) == []


def test_a_change_inside_a_value_is_told_by_its_path() -> None:
    made = value({"k" * 100: 1, "id": "a b"}, "m")
    made.note("id", "mapped", "a b", "a_b")
    made.take("id")
    assert told(made) == [("m.id", "mapped", "a b", "a_b"), ("m." + "k" * 64, "dropped", 1, None)]


def test_a_value_that_is_lost_is_told_whole_and_once() -> None:
    made = value({"a": {"b": 1}}, "m")
    made.lose("why")
    assert told(made) == [("m", "dropped", {"a": {"b": 1}}, None)]


KEYS = st.text("ab", min_size=1, max_size=2)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


def take_apart(made: Given, taken: list[Any]) -> None:
    """Take every leaf of a value, one by one."""
    if isinstance(made.value, list):
        for item in made.items():
            take_apart(item, taken)
    elif isinstance(made.value, dict):
        for key in list(made.rest):
            take_apart(made.inner(key), taken)
    else:
        taken.append(made.whole())


@given(JSON)
def test_a_value_that_is_taken_apart_leaves_nothing(what: Any) -> None:
    teller = Told()
    made = Given(what, "m", teller)
    take_apart(made, [])
    made.settle()
    assert teller.noted == []


@given(JSON)
def test_a_value_that_nobody_reads_is_told_unless_it_is_empty(what: Any) -> None:
    teller = Told()
    Given(what, "m", teller).settle()
    holds = bool(what) or (what is not None and not isinstance(what, str | list | dict))
    if not isinstance(what, dict):
        assert bool(teller.noted) == holds == (not empty(what))
    else:
        assert {path for path, *_ in teller.noted} == {f"m.{key}" for key, inner in what.items() if not empty(inner)}
