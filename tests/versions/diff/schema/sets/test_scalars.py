"""Null, booleans, numbers and strings: one set inside another, decided by representatives."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.versions import schemas
from tests.versions.nodes import read
from versions.diff.schema.sets.scalars import LENIENT, Checker, Sample, accepted, decide, exact, facts, samples


def included(left: Any, right: Any, kind: str) -> bool | None:
    """Whether the values of one kind of a bare schema lie in another."""
    return decide(read(left), read(right), kind).included


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [
        ({"minimum": 1}, {"minimum": 1}, True),
        ({"minimum": 2}, {"minimum": 1}, True),
        ({"minimum": 1}, {"minimum": 2}, False),
        ({"minimum": 1}, {"exclusiveMinimum": 1}, False),
        ({"exclusiveMinimum": 1}, {"minimum": 1}, True),
        ({"maximum": 1}, {"maximum": 2}, True),
        ({"maximum": 2}, {"exclusiveMaximum": 2}, False),
        ({}, {"maximum": 2}, False),
        ({"minimum": 3, "maximum": 2}, {"maximum": 0}, True),
        ({"minimum": 1}, {"not": {"maximum": 0}}, True),
        ({"minimum": 1}, {"not": {"maximum": 1}}, False),
        ({"type": "integer", "minimum": 1}, {"exclusiveMinimum": 0}, True),
        ({"type": "integer", "exclusiveMinimum": 0}, {"minimum": 1}, True),
        ({"type": "number", "exclusiveMinimum": 0}, {"minimum": 1}, False),
        ({"type": "integer", "minimum": 0.5, "maximum": 0.9}, {"const": 7}, True),
        ({"multipleOf": 4}, {"multipleOf": 2}, True),
        ({"multipleOf": 2}, {"multipleOf": 4}, False),
        ({"multipleOf": 2}, {"type": "integer"}, True),
        ({"multipleOf": 0.5}, {"type": "integer"}, False),
        ({"allOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, {"multipleOf": 6}, True),
        ({"multipleOf": 6}, {"allOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, True),
        ({"type": "integer", "minimum": 1, "maximum": 3}, {"enum": [1, 2, 3]}, True),
        ({"type": "integer", "minimum": 1, "maximum": 4}, {"enum": [1, 2, 3]}, False),
        ({"enum": [1, 2.5]}, {"minimum": 1, "maximum": 3}, True),
        ({"enum": [1.0]}, {"type": "integer"}, True),
        ({"const": 1}, {"enum": [1.0, 2]}, True),
        ({"const": True}, {"type": "integer"}, True),
        ({"anyOf": [{"maximum": 1}, {"minimum": 2}]}, {"not": {"minimum": 1.25, "maximum": 1.75}}, True),
        ({}, {"anyOf": [{"maximum": 2}, {"minimum": 1}]}, True),
        ({}, {"anyOf": [{"maximum": 1}, {"minimum": 2}]}, False),
        ({}, {"oneOf": [{"maximum": 1}, {"exclusiveMinimum": 1}]}, True),
        ({}, {"oneOf": [{"maximum": 1}, {"minimum": 1}]}, False),
        ({"if": {"minimum": 0}, "then": {"maximum": 5}}, {"maximum": 5}, True),
        ({"if": {"minimum": 0}, "then": {"maximum": 5}, "else": {"minimum": -5}}, {"minimum": -5}, True),
        ({"if": {"minimum": 0}, "else": {"minimum": -5}}, {"maximum": 5}, False),
        ({"type": "string"}, {"minimum": 5}, True),
        ({"minimum": 0.1}, {"minimum": 0.1}, True),
    ],
)
def test_numbers(left: Any, right: Any, holds: bool) -> None:
    assert included(left, right, "number") is holds


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [
        ({"minLength": 2}, {"minLength": 1}, True),
        ({"minLength": 1}, {"minLength": 2}, False),
        ({"maxLength": 2}, {"maxLength": 3}, True),
        ({"maxLength": 0}, {"enum": [""]}, True),
        ({"maxLength": 1}, {"enum": [""]}, False),
        ({"enum": ["a", "bb"]}, {"maxLength": 2}, True),
        ({"enum": ["☃"]}, {"maxLength": 1}, True),
        ({"pattern": "^ab"}, {"pattern": "^a"}, True),
        ({"pattern": "^a"}, {"pattern": "^ab"}, False),
        ({"pattern": "^(a|b)$"}, {"enum": ["a", "b"]}, True),
        ({"pattern": "^(a|b|c)$"}, {"enum": ["a", "b"]}, False),
        ({"enum": ["a", "b"]}, {"pattern": "^[ab]$"}, True),
        ({"pattern": "^a{2,3}$"}, {"minLength": 2, "maxLength": 3}, True),
        ({"pattern": "^a{2,4}$"}, {"minLength": 2, "maxLength": 3}, False),
        ({"pattern": "^[a-f0-9]{4}$"}, {"pattern": "^[a-z0-9]+$"}, True),
        ({"pattern": "a", "maxLength": 1}, {"const": "a"}, True),
        ({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, {"pattern": "^a.*b$"}, False),
        ({"allOf": [{"pattern": "^a"}, {"pattern": "^[ab]*$"}, {"pattern": "b$"}]}, {"pattern": "^a.*b$"}, True),
        ({"minLength": 3, "maxLength": 2}, {"const": "x"}, True),
        ({"pattern": "^a$", "minLength": 2}, {"const": "x"}, True),
        ({"minLength": 1}, {"pattern": "."}, False),
        ({"pattern": "."}, {"minLength": 1}, True),
        ({"not": {"const": ""}}, {"minLength": 1}, True),
        ({}, {"pattern": ""}, True),
        ({"type": "number"}, {"maxLength": 0}, True),
    ],
)
def test_strings(left: Any, right: Any, holds: bool) -> None:
    assert included(left, right, "string") is holds


@pytest.mark.parametrize(
    ("left", "right", "kind", "holds"),
    [
        ({}, {}, "null", True),
        ({}, {"type": "string"}, "null", False),
        ({"type": "null"}, {"enum": [None, "a"]}, "null", True),
        ({"not": {"type": "null"}}, {"type": "string"}, "null", True),
        ({"type": "boolean"}, {"enum": [True, False]}, "boolean", True),
        ({"type": "boolean"}, {"enum": [True]}, "boolean", False),
        ({"const": True}, {"not": {"const": False}}, "boolean", True),
        ({"const": 1}, {"const": True}, "boolean", True),
        ({"enum": [0, 1]}, {"type": "null"}, "boolean", True),
    ],
)
def test_null_and_booleans(left: Any, right: Any, kind: str, holds: bool) -> None:
    assert included(left, right, kind) is holds


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [
        ({"type": "string", "nullable": True}, {"type": "string"}, False),
        ({"type": "string"}, {"type": "string", "nullable": True}, True),
        ({"type": "string", "nullable": True}, {"type": "string", "nullable": True}, True),
        ({"enum": ["a"], "nullable": True}, {"enum": ["a", None]}, True),
        ({"enum": ["a", None]}, {"enum": ["a"], "nullable": True}, False),
    ],
)
def test_null_in_doubt_counts_in_both_readings(left: Any, right: Any, holds: bool) -> None:
    assert included(left, right, "null") is holds


@pytest.mark.parametrize(
    ("left", "right", "kind", "holds"),
    [
        ({"format": "date"}, {"format": "date"}, "string", True),
        ({"format": "date"}, {}, "string", True),
        ({}, {"format": "date"}, "string", False),
        ({"format": "date"}, {"format": "uuid"}, "string", False),
        ({"format": "int32"}, {"format": "int64"}, "number", True),
        ({"format": "int64"}, {"format": "int32"}, "number", False),
        ({"format": "float"}, {"format": "double"}, "number", True),
        ({"format": "date"}, {"format": "date"}, "boolean", True),
        ({"type": "boolean", "format": "a"}, {"format": "b"}, "boolean", True),
    ],
)
def test_a_format_is_a_check_for_some(left: Any, right: Any, kind: str, holds: bool) -> None:
    assert included(left, right, kind) is holds


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ({}, {"pattern": "(?=a)"}, "string"),
        ({"type": "string"}, {"check": 1}, "string"),
        ({"type": "string"}, {"contentEncoding": "base64"}, "string"),
        ({"not": {"check": 1}}, {"maxLength": 3}, "string"),
        ({"maxLength": 100, "pattern": "^a"}, {"maxLength": 101}, "string"),
        ({"multipleOf": 0.1}, {"multipleOf": 0.01}, "number"),
    ],
)
def test_what_is_not_understood_is_not_decided(left: Any, right: Any, kind: str) -> None:
    assert included(left, right, kind) is not True


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"check": 1}, {"check": 1}),
        ({"check": 1, "minimum": 2}, {"minimum": 1}),
        ({"contentEncoding": "base64"}, {"contentEncoding": "base64"}),
        ({"contentEncoding": "base64"}, {}),
    ],
)
def test_what_is_not_understood_may_stay_or_be_forgotten(left: Any, right: Any) -> None:
    for kind in ("number", "string"):
        assert included(left, right, kind) is True


def test_an_unresolved_reference_is_not_decided() -> None:
    unknown = {"$ref": "http://elsewhere/a.json"}
    assert included(unknown, {"type": "string"}, "string") is None
    assert included({"type": "string"}, unknown, "string") is None


def test_a_node_lies_in_itself() -> None:
    node = read({"pattern": "(?=a)", "check": 1})
    assert decide(node, node, "string").included is True


def test_a_counterexample_is_accepted_by_one_side_only() -> None:
    found = decide(read({"type": "integer", "minimum": 0}), read({"minimum": 5, "multipleOf": 2}), "number", 3)
    assert found.included is False
    assert 0 < len(found.counterexamples) <= 3
    for sample in found.counterexamples:
        assert sample.json >= 0
        assert sample.json < 5 or sample.json % 2


@pytest.mark.parametrize(
    ("value", "fraction"),
    [(1, Fraction(1)), (0.1, Fraction(1, 10)), (1e-8, Fraction(1, 10**8)), (2.50, Fraction(5, 2)), (10**20, 10**20)],
)
def test_a_number_is_the_decimal_that_was_written(value: float, fraction: Fraction) -> None:
    assert exact(value) == fraction


def test_a_sample_is_written_as_json_writes_it() -> None:
    assert Sample("number", Fraction(4, 2)).json == 2
    assert isinstance(Sample("number", Fraction(4, 2)).json, int)
    assert Sample("number", Fraction(1, 2)).json == 0.5
    assert Sample("string", "a").json == "a"
    assert Sample("null", None).json is None


def test_facts_are_collected_from_all_that_a_node_says_of_a_scalar() -> None:
    node = read({
        "minimum": 1, "anyOf": [{"pattern": "^a"}, {"const": "b"}], "not": {"multipleOf": 3},
        "if": {"maxLength": 2}, "then": {"format": "date"}, "else": {"enum": [1, 2]},
    })  # fmt: skip
    found = facts((node,))
    assert found["limit"] == [1]
    assert found["divisor"] == [3]
    assert found["length"] == [2]
    assert found["pattern"] == ["^a"]
    assert found["format"] == ["date"]
    assert set(found["value"]) == {"b", 1, 2}


def test_null_has_a_world_in_which_nullable_counts() -> None:
    found, complete = samples((read({"type": "string", "nullable": True}),), "null")
    assert complete
    assert [sample.formats is LENIENT for sample in found] == [False, True]


def test_too_many_formats_are_not_complete() -> None:
    nodes = tuple(read({"format": name}) for name in ("date", "uuid", "uri", "email"))
    assert not samples(nodes, "string")[1]
    assert samples(nodes[:3], "string")[1]


@pytest.mark.parametrize(
    ("node", "kind", "least"),
    [
        ({"enum": ["a", 1]}, "string", {"a"}),
        ({"minimum": 2, "maximum": 2}, "number", {2}),
        ({"type": "boolean"}, "boolean", {True, False}),
        ({"pattern": "^ab$"}, "string", {"ab"}),
        ({"type": "string", "minLength": 2, "maxLength": 1}, "string", set()),
        ({"type": "string", "nullable": True}, "null", set()),
        ({"pattern": "(?=a)"}, "string", set()),
    ],
)
def test_some_values_that_a_node_accepts(node: Any, kind: str, least: set[Any]) -> None:
    assert {sample.json for sample in accepted(read(node), kind)} >= least
    if not least:
        assert accepted(read(node), kind) == []


def test_a_checker_tells_what_an_integer_is() -> None:
    holds = Checker().holds
    assert holds({"type": ["integer"]}, Sample("number", Fraction(2)))
    assert not holds({"type": ["integer"]}, Sample("number", Fraction(1, 2)))
    assert holds({"type": ["number"]}, Sample("number", Fraction(1, 2)))


def test_a_checker_asks_both_of_const_and_enum() -> None:
    holds = Checker().holds
    node: dict[str, Any] = {"const": 1, "enum": [1, 2]}
    assert holds(node, Sample("number", Fraction(1)))
    assert not holds(node, Sample("number", Fraction(2)))
    assert not Checker().holds({"const": 1, "enum": [2]}, Sample("number", Fraction(1)))


KINDS = {"null": [None], "boolean": [True, False], "number": [], "string": []}
SCALARS = [value for value in schemas.MANY if not isinstance(value, list | dict)]
mixed = st.one_of(schemas.scalars, schemas.unions(schemas.scalars))


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else "string" if isinstance(value, str) else "number"


@settings(max_examples=150, deadline=None)
@given(mixed, mixed)
def test_a_decision_agrees_with_jsonschema(left: Any, right: Any) -> None:
    before, after = Draft202012Validator(left), Draft202012Validator(right)
    for kind in KINDS:
        escaping = [v for v in SCALARS if kind_of(v) == kind and before.is_valid(v) and not after.is_valid(v)]
        decision = decide(read(left), read(right), kind)
        if escaping:
            assert decision.included is not True, escaping
        for sample in decision.counterexamples:
            if "\n" in str(sample.json):
                continue  # Python's `$` matches before a last line break, that of ECMA 262 does not
            assert before.is_valid(sample.json)
            assert not after.is_valid(sample.json)
