"""Parameters and constraints of a spec: what each key means, and the sentence for every value that is wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.spec import UnitConversion
from registry.specfile.file import document
from tests.registry.specfile.rows import good, parameter, parameter_told, told

TYPES = "one of float, int, bool, string, array, object"
OPTIONS = "a list of 1 to 200 values of a float, int, bool or string"
RESERVED = "model, stream, messages, prompt, input, inputs, task, parameters, stream_options"
UPSTREAM = f"the upstream's name, such as top_k or options.top_k, not {RESERVED}"


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("float", "float"), ("Number", "float"), ("double", "float"), ("INT", "int"), ("integer", "int"),
        ("bool", "bool"), ("boolean", "bool"), ("string", "string"), ("str", "string"), ("array", "array"),
        ("list", "array"), ("object", "object"), ("dict", "object"),
    ],
)  # fmt: skip
def test_a_parameter_s_type_has_one_form(given: str, kind: str) -> None:
    assert parameter(type=given).type == kind


def test_a_parameter_without_anything_else() -> None:
    found = parameter(type="int")
    assert (found.name, found.has_default, found.required, found.outside) == ("heat", False, False, "refuse")
    assert (found.low, found.high, found.options, found.values, found.upstream) == (None, None, (), (), None)


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        ({}, "", f"type is missing; expected {TYPES}."),
        ({"type": "complex"}, "type", f"type is 'complex'; expected {TYPES}."),
        ({"type": "floot"}, "type", f"type is 'floot'; expected {TYPES}. Did you mean 'float'?"),
        ({"type": 3}, "type", f"type is 3; expected {TYPES}."),
        (7, "", "heat is 7; expected a mapping such as {type: float, range: [0, 1]}"),
        (None, "", "heat is null; expected a mapping such as {type: float, range: [0, 1]}"),
        ({"type": "float", "required": "no"}, "required", "required is 'no'; expected true or false"),
        ({"type": "float", "description": 3}, "description", "description is 3; expected text"),
    ],
)
def test_a_wrong_parameter_says_why(body: Any, place: str, sentence: str) -> None:
    assert parameter_told(body) == [(place, sentence)]


def test_an_unknown_key_of_a_parameter_is_told_with_all_others() -> None:
    found = parameter_told({"type": "float", "minimum": 0, "defualt": 1, "outside": "ignore"})
    assert [place for place, _ in found] == ["minimum", "defualt", "outside"]
    assert found[1][1] == "unknown key 'defualt'. Did you mean 'default'?"


@pytest.mark.parametrize("name", ["a b", "1a", "x" * 65, "a.b", "", "-a"])
def test_a_parameter_s_name_is_a_plain_word(name: str) -> None:
    ((place, sentence),) = told(params={name: {"type": "int"}})
    assert place == f"params.{name}" if name else place == "params."
    assert sentence.endswith("expected a name of letters, digits, _ and -, at most 64")


@pytest.mark.parametrize("name", RESERVED.split(", "))
def test_parts_of_every_call_are_no_parameters(name: str) -> None:
    sentence = f"{name!r} is part of every call and cannot be a parameter"
    assert told(params={name: {"type": "string"}}) == [(f"params.{name}", sentence)]


@pytest.mark.parametrize(("value", "shown"), [([], "[]"), (3, "3"), ("a", "'a'")])
def test_parameters_are_a_mapping(value: Any, shown: str) -> None:
    expected = "a mapping of at most 100 parameters, each name: {type: ...}"
    assert told(params=value) == [("params", f"params is {shown}; expected {expected}")]


def test_a_hundred_parameters_are_taken_and_no_more() -> None:
    hundred = {f"p{number}": {"type": "int"} for number in range(100)}
    assert len(good(params=hundred).params) == 100
    assert [place for place, _ in told(params={**hundred, "more": {"type": "int"}})] == ["params"]


@pytest.mark.parametrize(
    ("given", "bounds"),
    [([0, 1], (0.0, 1.0)), ([None, 1], (None, 1.0)), ([-2.5, None], (-2.5, None)), ([3, 3], (3.0, 3.0))],
)
def test_a_range_may_be_open_on_one_side(given: Any, bounds: tuple[float | None, float | None]) -> None:
    found = parameter(type="float", range=given)
    assert (found.low, found.high) == bounds


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("float", [1], "range is [1]; expected two numbers [low, high]"),
        ("float", [0, 1, 2], "range is [0, 1, 2]; expected two numbers [low, high]"),
        ("int", "0-1", "range is '0-1'; expected two numbers [low, high]"),
        (
            "float",
            [1, "2"],
            "range is [1, '2']; expected two numbers [low, high] below 2**63; null leaves one side open",
        ),
        (
            "float",
            [None, None],
            "range is [null, null]; expected two numbers [low, high] below 2**63; null leaves one side open",
        ),
        (
            "float",
            [0, True],
            "range is [0, true]; expected two numbers [low, high] below 2**63; null leaves one side open",
        ),
        ("float", [2, 0], "range [2, 0] is reversed; write [0, 2]"),
        ("string", [0, 1], "range is for float and int, not for string"),
        ("bool", [0, 1], "range is for float and int, not for bool"),
    ],
)
def test_a_wrong_range_says_why(kind: str, given: Any, sentence: str) -> None:
    assert parameter_told({"type": kind, "range": given}) == [("range", sentence)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", 1), ("float", 0.5), ("int", -3), ("bool", False), ("string", ""), ("array", [1, {"a": None}]),
        ("object", {"a": [True]}),
    ],
)  # fmt: skip
def test_a_default_of_each_type(kind: str, value: Any) -> None:
    found = parameter(type=kind, default=value)
    assert found.has_default
    assert found.default == value
    assert isinstance(found.default, float) == (kind == "float")


def test_null_is_no_default() -> None:
    assert not parameter(type="int", default=None).has_default


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", "1"), ("float", True), ("int", 1.5), ("int", True), ("int", 2**63), ("bool", 1), ("string", 3),
        ("array", {}), ("object", []), ("array", [float("inf")]), ("string", "\x00"), ("object", {"a": 10**400}),
    ],
)  # fmt: skip
def test_a_default_of_another_type_is_refused(kind: str, value: Any) -> None:
    ((place, sentence),) = parameter_told({"type": kind, "default": value})
    assert (place, sentence.rpartition("; ")[2]) == ("default", f"expected a value of type {kind}")


@pytest.mark.parametrize(
    ("limits", "value", "words"),
    [([0, 1], 2, "0 to 1"), ([None, 1], 2, "any to 1"), ([0.5, None], 0, "0.5 to any"), ([0, 1], -0.1, "0 to 1")],
)
def test_a_default_lies_in_the_range(limits: Any, value: float, words: str) -> None:
    expected = [("default", f"default is {value}; expected a value within the range {words}")]
    assert parameter_told({"type": "float", "range": limits, "default": value}) == expected


def test_a_default_is_one_of_the_options() -> None:
    sentence = "default is 'b'; expected one of the options ['a', 'c']"
    assert parameter_told({"type": "string", "options": ["a", "c"], "default": "b"}) == [("default", sentence)]


@pytest.mark.parametrize(
    ("kind", "options", "kept"),
    [
        ("string", ["b", "a"], ("b", "a")),
        ("int", [3, 1], (3, 1)),
        ("float", [1, 0.5], (1.0, 0.5)),
        ("bool", [True], (True,)),
    ],
)
def test_options_stay_in_order(kind: str, options: list[Any], kept: tuple[Any, ...]) -> None:
    found = parameter(type=kind, options=options).options
    assert found == kept
    assert [type(item) for item in found] == [type(item) for item in kept]


@pytest.mark.parametrize(
    ("kind", "options", "place", "sentence"),
    [
        ("string", [], "options", f"options is []; expected {OPTIONS} (this one is string)"),
        ("string", "a", "options", f"options is 'a'; expected {OPTIONS} (this one is string)"),
        ("array", [[1]], "options", f"options is a list of 1 items; expected {OPTIONS} (this one is array)"),
        ("object", [{}], "options", f"options is a list of 1 items; expected {OPTIONS} (this one is object)"),
        ("string", ["a", "b", "a"], "options[2]", "options[2] is 'a'; expected each option once"),
        ("float", [1, 1.0], "options[1]", "options[1] is 1.0; expected each option once"),
        ("string", ["a", 1], "options[1]", "options[1] is 1; expected a value of type string"),
        ("int", [1, True], "options[1]", "options[1] is true; expected a value of type int"),
        ("bool", [0], "options[0]", "options[0] is 0; expected a value of type bool"),
    ],
)
def test_wrong_options_are_told_one_by_one(kind: str, options: Any, place: str, sentence: str) -> None:
    assert parameter_told({"type": kind, "options": options}) == [(place, sentence)]


def test_two_hundred_options_are_taken_and_no_more() -> None:
    assert len(parameter(type="int", options=list(range(200))).options) == 200
    assert [place for place, _ in parameter_told({"type": "int", "options": list(range(201))})] == ["options"]


@pytest.mark.parametrize(
    ("kind", "values", "pairs"),
    [
        ("string", {"low": 1, "high": "h"}, (("low", 1), ("high", "h"))),
        ("int", {"1": "one", "-2": False}, ((1, "one"), (-2, False))),
        ("float", {"0.5": 50, "1": 100}, ((0.5, 50), (1.0, 100))),
        ("bool", {"true": "on", "False": "off"}, ((True, "on"), (False, "off"))),
    ],
)
def test_values_are_options_of_their_own(kind: str, values: dict[str, Any], pairs: tuple[Any, ...]) -> None:
    found = parameter(type=kind, values=values)
    assert found.values == pairs
    assert found.options == tuple(source for source, _ in pairs)


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        (
            {"type": "string", "values": []},
            "values",
            "values is []; expected a mapping from the caller's value to the upstream's",
        ),
        (
            {"type": "object", "values": {"a": 1}},
            "values",
            "values is a mapping with a; expected a mapping from the caller's value to the upstream's",
        ),
        ({"type": "string", "values": {"a": ["b"]}}, "values.a", "a is ['b']; expected text, a number, true or false"),
        ({"type": "string", "values": {"a": None}}, "values.a", "a is null; expected text, a number, true or false"),
        ({"type": "int", "values": {"x": 1}}, "values.x", "x is 'x'; expected one of the options, of type int"),
        ({"type": "int", "values": {"1.5": 1}}, "values.1.5", "1.5 is '1.5'; expected one of the options, of type int"),
        (
            {"type": "bool", "values": {"yes": 1}},
            "values.yes",
            "yes is 'yes'; expected one of the options, of type bool",
        ),
        (
            {"type": "string", "options": ["a"], "values": {"b": "c"}},
            "values.b",
            "b is 'b'; expected one of the options, of type string",
        ),
        (
            {"type": "string", "options": ["a", "b"], "values": {"a": "c"}},
            "values",
            "values is a mapping with a; expected an entry for every option",
        ),
    ],
)
def test_wrong_values_say_why(body: Any, place: str, sentence: str) -> None:
    assert parameter_told(body) == [(place, sentence)]


@pytest.mark.parametrize("name", ["top_k", "options.top_k", "a.b.c.d.e.f", "x-y", "options.model"])
def test_an_upstream_s_name_may_be_a_path(name: str) -> None:
    assert parameter(type="int", upstream=name).upstream == name


def test_the_same_name_is_no_name_of_the_upstream_s_own() -> None:
    assert parameter(type="int", upstream="heat").upstream is None


@pytest.mark.parametrize("name", ["a b", "model", "messages", "stream", ".a", "a.", "a..b", "a.b.c.d.e.f.g", 3, "1a"])
def test_a_wrong_name_of_the_upstream_says_why(name: Any) -> None:
    assert parameter_told({"type": "float", "upstream": name}) == [
        ("upstream", f"upstream is {name!r}; expected {UPSTREAM}")
    ]


def test_a_conversion_stretches_one_range_onto_another() -> None:
    found = parameter(type="float", range=[0, 2], convert={"range": [10, 0]})
    assert found.conversion == UnitConversion(10.0, 0.0)


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        ({"convert": 3}, "convert", "convert is 3; expected {range: [low, high]}, the upstream's range"),
        (
            {"convert": {"range": [0, 1], "unit": "s"}},
            "convert",
            "convert is a mapping with range, unit; expected {range: [low, high]}, the upstream's range",
        ),
        ({"convert": {"range": [1, 1]}}, "convert.range", "range is [1, 1]; expected two different numbers"),
        ({"convert": {"range": [0, None]}}, "convert.range", "range is [0, null]; expected two different numbers"),
        ({"convert": {"range": 3}}, "convert.range", "range is 3; expected two different numbers"),
        ({"convert": {"range": [0, 1]}, "range": [0, None]}, "convert", "convert needs `range: [low, high]` beside it"),
        ({"convert": {"range": [0, 1]}, "range": [1, 1]}, "convert", "convert needs `range: [low, high]` beside it"),
    ],
)
def test_a_wrong_conversion_says_why(body: Any, place: str, sentence: str) -> None:
    assert parameter_told({"type": "float", "range": [0, 2], **body}) == [(place, sentence)]


def test_a_conversion_needs_a_range() -> None:
    sentence = "convert needs `range: [low, high]` beside it"
    assert parameter_told({"type": "float", "convert": {"range": [0, 1]}}) == [("convert", sentence)]
    assert parameter_told({"type": "string", "convert": {"range": [0, 1]}}) == [("convert", sentence)]


@pytest.mark.parametrize(("given", "hint"), [("clmp", " Did you mean 'clamp'?"), ("ignore", ""), (3, ""), (True, "")])
def test_outside_is_refuse_or_clamp(given: Any, hint: str) -> None:
    ((place, sentence),) = parameter_told({"type": "float", "outside": given})
    assert place == "outside"
    assert sentence.endswith(f"expected refuse or clamp.{hint}")
    assert parameter(type="float", outside="clamp").outside == "clamp"


def test_a_clamp_of_options_needs_something_to_fall_back_to() -> None:
    body = {"type": "string", "options": ["a"], "outside": "clamp"}
    assert parameter_told(body) == [("outside", "clamp with options needs a default")]
    assert parameter(**body, default="a").outside == "clamp"


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2, unique=True), st.floats(-2e9, 2e9))
def test_a_default_is_taken_if_and_only_if_it_lies_in_the_range(bounds: list[float], value: float) -> None:
    low, high = sorted(bounds)
    refused = parameter_told({"type": "float", "range": [low, high], "default": value})
    assert bool(refused) == (not low <= value <= high)


WORDS = st.text("abcé 1", min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=6, unique=True), st.data())
def test_a_parameter_with_options_is_written_as_it_was_read(options: list[str], data: st.DataObject) -> None:
    body = {
        "type": "string",
        "options": options,
        "values": {item: data.draw(WORDS) for item in options},
        "default": data.draw(st.sampled_from(options)),
        "outside": "clamp",
        "upstream": "style",
    }
    assert document(good(params={"heat": body}))["params"]["heat"] == body
