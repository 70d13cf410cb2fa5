"""Steps that turn a request for the old interface into one for the new."""

from copy import deepcopy
from typing import Any

import pytest

from versions.diff.findings import AdaptationStep
from versions.diff.plan import apply, ordered


def step(do: str, *path: str, **arguments: Any) -> AdaptationStep:
    return AdaptationStep(do, path, tuple(arguments.items()))


@pytest.mark.parametrize(
    ("one", "before", "after"),
    [
        (step("rename", "a", to="b"), {"a": 1}, {"b": 1}),
        (step("rename", "a", to="b"), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (step("rename", "a", to="b"), {}, {}),
        (step("inject", "a", value=3), {}, {"a": 3}),
        (step("inject", "a", value=3), {"a": None}, {"a": None}),
        (step("pin", "a", value=3), {"b": 1}, {"b": 1, "a": 3}),
        (step("drop", "a"), {"a": 1, "b": 2}, {"b": 2}),
        (step("drop", "a"), {}, {}),
        (step("drop_null", "a"), {"a": None}, {}),
        (step("drop_null", "a"), {"a": 0}, {"a": 0}),
        (step("clamp", "a", low=1, high=5), {"a": 9}, {"a": 5}),
        (step("clamp", "a", low=1, high=5), {"a": 0.5}, {"a": 1}),
        (step("clamp", "a", low=1, high=5), {"a": 3}, {"a": 3}),
        (step("clamp", "a", high=5), {"a": -9}, {"a": -9}),
        (step("clamp", "a", low=1, high=5), {"a": True}, {"a": True}),
        (step("clamp", "a", low=1, high=5), {"a": "9"}, {"a": "9"}),
        (step("clamp", "a", low=1), {}, {}),
        (step("map", "a", pairs=(("A", "a"), ("B", "b"))), {"a": "B"}, {"a": "b"}),
        (step("map", "a", pairs=((1, "one"),)), {"a": 1.0}, {"a": "one"}),
        (step("map", "a", pairs=((1, "one"),)), {"a": True}, {"a": True}),
        (step("map", "a", pairs=(("A", "B"), ("B", "C"))), {"a": "A"}, {"a": "B"}),
        (step("wrap", "a"), {"a": 1}, {"a": [1]}),
        (step("wrap", "a"), {"a": [1]}, {"a": [1]}),
        (step("unwrap", "a"), {"a": [1]}, {"a": 1}),
        (step("unwrap", "a"), {"a": [1, 2]}, {"a": [1, 2]}),
        (step("drop", "o", "a"), {"o": {"a": 1, "b": 2}}, {"o": {"b": 2}}),
        (step("drop", "o", "a"), {"o": [1]}, {"o": [1]}),
        (step("drop", "o", "a"), {}, {}),
        (step("drop", "l", "*", "a"), {"l": [{"a": 1}, {"b": 2}, 3]}, {"l": [{}, {"b": 2}, 3]}),
        (step("clamp", "l", "*", high=5), {"l": [9, 3]}, {"l": [5, 3]}),
        (step("drop", "l", "*", "a"), {"l": {"a": 1}}, {"l": {"a": 1}}),
        (step("clamp", "m", "*", "*", high=5), {"m": [[9], [1, 8]]}, {"m": [[5], [1, 5]]}),
    ],
)
def test_a_step(one: AdaptationStep, before: Any, after: Any) -> None:
    given = deepcopy(before)
    assert apply([one], given) == after
    assert given == before, "the given request is not changed"


@pytest.mark.parametrize("request_", [7, None, "text", [1]])
def test_a_request_that_is_no_object_stays(request_: Any) -> None:
    assert apply([step("drop", "a"), step("drop", "l", "*", "a")], request_) == request_


def test_an_injected_value_is_the_request_s_own() -> None:
    one = step("inject", "a", value=[])
    first = apply([one], {})
    first["a"].append(1)
    assert apply([one], {}) == {"a": []}


def test_steps_are_applied_in_an_order_that_keeps_their_paths() -> None:
    steps = [
        step("rename", "o", to="p"),
        step("inject", "o", "new", value=1),
        step("rename", "o", "a", to="b"),
        step("clamp", "o", "a", high=5),
    ]
    assert apply(ordered(steps), {"o": {"a": 9}}) == {"p": {"new": 1, "b": 5}}
    assert [one.do for one in ordered(steps)] == ["clamp", "inject", "rename", "rename"]


def test_a_step_that_stands_twice_is_applied_once() -> None:
    assert ordered([step("wrap", "a"), step("wrap", "a")]) == (step("wrap", "a"),)


def test_a_step_as_json() -> None:
    assert step("clamp", "a", "*", low=1).data() == {"do": "clamp", "path": ["a", "*"], "low": 1}
