"""The verbs of generated encoders, one by one: what each does to a caller's fields, and what it tells of that."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Request, Task
from registry.protocols.runtime.params import Draft
from tests.registry.protocols.runtime.drafts import draft, refusal, told


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 100_000, b"nul"])
def test_a_field_that_is_no_json_is_refused_by_name(raw: bytes) -> None:
    made = Draft(Request(Task.CHAT, {"heat": Raw(raw)}))
    failure = refusal(made.value, "heat")
    assert (failure.parameter, failure.code) == ("heat", "invalid_parameter")
    assert failure.message.startswith("Parameter 'heat' is \"(unreadable)\"; expected valid JSON")


def test_require() -> None:
    draft(heat=0).require("heat")
    for made in (draft(), draft(heat=None)):
        failure = refusal(made.require, "heat")
        assert failure.message == "Parameter 'heat' is missing; this model requires it."
        assert (failure.parameter, failure.code) == ("heat", "missing_required_parameter")


@pytest.mark.parametrize(
    ("fields", "sent", "defaulted"),
    [({}, 7, True), ({"heat": None}, 7, True), ({"heat": 0}, 0, False), ({"heat": False}, False, False)],
)
def test_default(fields: dict[str, Any], sent: Any, defaulted: bool) -> None:
    made = draft(**fields)
    made.default("heat", 7)
    assert made.value("heat") == sent
    assert told(made) == ([("heat", "defaulted", None, 7)] if defaulted else [])


def test_a_default_makes_way_for_what_excludes_it() -> None:
    made = draft(top_p=1)
    made.default("heat", 7, unless=("top_p", "top_k"))
    assert made.value("heat") is None
    made.default("heat", 7, unless=("top_k",))
    assert made.value("heat") == 7


@pytest.mark.parametrize(
    ("kind", "good", "wrong", "words"),
    [
        ("bool", True, 1, "true or false"),
        ("string", "", 0, "a string"),
        ("array", [], {}, "a list"),
        ("object", {}, [], "an object"),
    ],
)
def test_typed(kind: str, good: Any, wrong: Any, words: str) -> None:
    draft(heat=good).typed("heat", kind)
    draft(heat=None).typed("heat", kind)
    draft().typed("heat", kind)
    failure = refusal(draft(heat=wrong).typed, "heat", kind)
    assert failure.message == f"Parameter 'heat' is {encode(wrong).decode()}; expected {words}."


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("1", "float", "a number"),
        (True, "float", "a number"),
        (1.5, "int", "a whole number"),
        ([], "int", "a whole number"),
    ],
)
def test_number_of_another_type(value: Any, kind: str, words: str) -> None:
    failure = refusal(draft(heat=value).number, "heat", kind)
    assert failure.message == f"Parameter 'heat' is {encode(value).decode()}; expected {words}."


@pytest.mark.parametrize(
    ("value", "low", "high", "nearest", "words"),
    [
        (-1, 0, 2, 0, "a number from 0 to 2"),
        (3, 0, 2, 2, "a number from 0 to 2"),
        (3, None, 2, 2, "a number of at most 2"),
        (-3, -2, None, -2, "a number of at least -2"),
    ],
)
def test_number_outside_its_range(
    value: float, low: float | None, high: float | None, nearest: float, words: str
) -> None:
    failure = refusal(draft(heat=value).number, "heat", "float", low, high)
    assert failure.message == f"Parameter 'heat' is {value}; expected {words}."
    assert failure.code == "parameter_out_of_range"
    made = draft(heat=value)
    made.number("heat", "float", low, high, "clamp")
    assert made.value("heat") == nearest
    assert told(made) == [("heat", "clamped", value, nearest)]
    strict = refusal(draft(True, heat=value).number, "heat", "float", low, high, "clamp")
    assert strict.code == "parameter_clamped"
    assert strict.message == (
        f"Parameter 'heat' is {value}: expected {words}. This call is strict; correct or remove the parameter."
    )


@given(st.floats(-100, 100), st.floats(-50, 50), st.floats(0, 50))
def test_a_clamped_number_lies_in_the_range_and_is_the_nearest(value: float, low: float, width: float) -> None:
    made = draft(heat=value)
    made.number("heat", "float", low, low + width, "clamp")
    assert made.value("heat") == min(max(value, low), low + width)
    assert bool(made.adapted) == (not low <= value <= low + width)


def test_a_clamped_whole_number_stays_whole() -> None:
    made = draft(heat=9)
    made.number("heat", "int", 0.0, 5.0, "clamp")
    assert (made.value("heat"), type(made.value("heat"))) == (5, int)


@pytest.mark.parametrize("value", [1.0, 3])
def test_a_whole_number_may_be_written_with_a_point(value: float) -> None:
    draft(heat=value).number("heat", "int", 0, 5)


def test_option() -> None:
    draft(style="a").option("style", ("a", "b"))
    failure = refusal(draft(style="c").option, "style", ("a", "b"))
    assert failure.message == 'Parameter \'style\' is "c"; expected one of "a", "b".'
    assert failure.code == "parameter_not_an_option"
    made = draft(style="c")
    made.option("style", ("a", "b"), "b")
    assert told(made) == [("style", "clamped", "c", "b")]
    assert refusal(draft(True, style="c").option, "style", ("a", "b"), "b").code == "parameter_clamped"


@pytest.mark.parametrize(("value", "options"), [(True, (1,)), (1, (True,)), (0, (False,))])
def test_true_is_not_one(value: Any, options: tuple[Any, ...]) -> None:
    refusal(draft(style=value).option, "style", options)


def test_translate() -> None:
    made = draft(style="low")
    made.translate("style", (("low", 1), ("high", 2)))
    assert (made.value("style"), told(made)) == (1, [("style", "mapped", "low", 1)])
    other = draft(style="none")
    other.translate("style", (("low", 1),))
    assert (other.value("style"), told(other)) == ("none", [])
    one = draft(style=1)
    one.translate("style", ((True, "on"), (1, "one")))
    assert one.value("style") == "one"


@pytest.mark.parametrize(
    ("value", "source", "target", "kind", "sent"),
    [
        (5, (0, 10), (0, 2), "float", 1.0),
        (0, (0, 10), (2, 0), "float", 2.0),
        (10, (0, 10), (2, 0), "float", 0.0),
        (1, (0, 3), (0, 100), "int", 33),
        (0.7, (0, 1), (0, 2), "float", 1.4),
    ],
)
def test_convert(value: float, source: Any, target: Any, kind: str, sent: float) -> None:
    made = draft(heat=value)
    made.convert("heat", kind, source, target)
    assert (made.value("heat"), type(made.value("heat"))) == (sent, type(sent))
    assert told(made) == [("heat", "converted", value, sent)]


@given(st.floats(0, 1), st.floats(-100, 100), st.floats(0.1, 100))
def test_a_converted_number_lies_in_the_upstream_s_range(value: float, low: float, width: float) -> None:
    made = draft(heat=value)
    made.convert("heat", "float", (0, 1), (low, low + width))
    assert low - 1e-9 <= made.value("heat") <= low + width + 1e-9


def test_synonym() -> None:
    made = draft(max_tokens=7)
    made.synonym("max_tokens", "max_completion_tokens")
    assert made.value("max_completion_tokens") == 7
    assert told(made) == [("max_tokens", "renamed", "max_tokens", "max_completion_tokens")]
    both = draft(max_tokens=7, max_completion_tokens=8)
    both.synonym("max_tokens", "max_completion_tokens")
    assert both.value("max_completion_tokens") == 8
    assert told(both) == [("max_tokens", "dropped", 7, None)]
    strict = draft(True, max_tokens=7, max_completion_tokens=8)
    words = refusal(strict.synonym, "max_tokens", "max_completion_tokens").message
    assert "'max_completion_tokens' is given and means the same" in words


def test_reserve() -> None:
    made = draft(num_predict=7, other=1)
    made.reserve("num_predict", "length")
    assert (made.value("num_predict"), told(made)) == (None, [("num_predict", "dropped", 7, None)])
    absent = draft(num_predict=None)
    absent.reserve("num_predict", "length")
    assert told(absent) == []
    words = refusal(draft(True, num_predict=7).reserve, "num_predict", "length").message
    assert "on this model it is called 'length'" in words


def test_exclusive() -> None:
    draft(a=1, c=None).exclusive(("a", "b", "c"))
    failure = refusal(draft(a=1, b=2).exclusive, ("a", "b"))
    assert failure.code == "parameters_exclude_each_other"
    assert failure.message == (
        "Parameter 'b' is 2; expected nothing, because at most one of a, b may be given and 'a' is."
    )
    made = draft(a=1, b=2, c=3)
    made.exclusive(("a", "b", "c"), "clamp")
    assert sorted(made.fields) == ["a"]
    assert told(made) == [("b", "dropped", 2, None), ("c", "dropped", 3, None)]


@pytest.mark.parametrize(
    ("fields", "moved"),
    [
        ({"n": 1, "heat": 0}, None),
        ({"n": 2, "heat": 0.5}, None),
        ({"n": 2, "heat": 0}, 0.3),
        ({"n": 2}, 0.3),
        ({"n": 2, "heat": 5}, 1),
        ({"heat": 0}, None),
        ({"n": "many", "heat": 0}, None),
        ({"n": 2, "heat": "hot"}, None),
        ({"n": True, "heat": 0}, None),
    ],
)
def test_requires(fields: dict[str, Any], moved: float | None) -> None:
    made = draft(**fields)
    made.requires("n", 1, "heat", (0.3, 1), "clamp")
    assert made.value("heat") == (fields.get("heat") if moved is None else moved)
    assert [item.action for item in made.adapted] == ([] if moved is None else ["clamped"])


def test_a_condition_that_does_not_hold_says_why() -> None:
    failure = refusal(draft(n=2, heat=0).requires, "n", 1, "heat", (0.3, None))
    assert failure.message == "Parameter 'heat' is 0; expected a number of at least 0.3, because 'n' is 2."
    assert failure.code == "parameter_constraint"


@pytest.mark.parametrize(
    ("value", "values", "left"),
    [
        (1, (1,), False),
        (2, (1,), True),
        (2, (), False),
        (None, (), False),
        ({"type": "text"}, ({"type": "text"},), False),
    ],
)
def test_without_effect(value: Any, values: tuple[Any, ...], left: bool) -> None:
    made = draft(n=value)
    made.without_effect("n", values)
    assert (("n" in made.fields), told(made)) == (left, [])
