"""Does a node accept a value? `jsonschema` is asked, with patterns in bounded time and doubts told."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.versions import schemas
from tests.versions.nodes import api_read, read
from versions.diff.schema.sets.validity import FEW, Judge


@pytest.mark.parametrize(
    ("schema", "value", "accepts"),
    [
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        ({"type": "integer"}, True, False),
        ({"type": "number"}, 1, True),
        ({"type": "array"}, [], True),
        ({"enum": [1]}, 1.0, True),
        ({"enum": [1]}, True, False),
        ({"enum": [0]}, False, False),
        ({"enum": [[1, {"a": True}]]}, [1.0, {"a": True}], True),
        ({"enum": [[1, {"a": True}]]}, [1, {"a": 1}], False),
        ({"const": {"a": [1]}}, {"a": [1.0]}, True),
        ({"const": False}, 0, False),
        ({"uniqueItems": True}, [1, True], True),
        ({"uniqueItems": True}, [1, 1.0], False),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], False),
        ({"uniqueItems": False}, [1, 1], True),
        ({"pattern": r"^\d$"}, "٣", False),
        ({"pattern": "^a$"}, "a\n", False),
        ({"pattern": "^a"}, 7, True),
        ({"multipleOf": 2}, 4, True),
        ({"multipleOf": 2}, 5, False),
        ({"properties": {"a": {"type": "string"}}}, {"a": 1}, False),
        ({"properties": {"a": {"type": "string"}}}, {"b": 1}, True),
        ({"properties": {"a": {"type": "string"}}}, [1], True),
        ({"patternProperties": {"^a": {"type": "string"}}}, {"ab": 1}, False),
        ({"patternProperties": {"^a": {"type": "string"}}}, {"ba": 1}, True),
        ({"additionalProperties": False, "properties": {"a": {}}}, {"a": 1}, True),
        ({"additionalProperties": False, "patternProperties": {"^x": {}}}, {"xy": 1}, True),
        ({"additionalProperties": False, "properties": {"a": {}}}, {"b": 1}, False),
        ({"items": {"$ref": "#"}, "type": "array"}, [[[]]], True),
        ({"items": {"$ref": "#"}, "type": "array"}, [[1]], False),
    ],
)
def test_a_value_is_accepted_or_not(schema: Any, value: Any, accepts: bool) -> None:
    assert Judge().accepts(read(schema), value) is accepts


SHUT = {"unevaluatedProperties": False}
NAME = {"properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value", "accepts"),
    [
        ({**NAME, **SHUT}, {"a": "x"}, True),
        ({**NAME, **SHUT}, {"b": "x"}, False),
        ({"allOf": [NAME], **SHUT}, {"a": "x"}, True),
        ({"allOf": [NAME], **SHUT}, {"b": "x"}, False),
        ({"anyOf": [NAME, {"properties": {"b": {"type": "string"}}}], **SHUT}, {"a": "x", "b": "y"}, True),
        ({"anyOf": [NAME, {"required": ["c"], "properties": {"c": {}}}], **SHUT}, {"c": 1}, True),
        ({"oneOf": [{**NAME, "required": ["a"]}, {"required": ["b"]}], **SHUT}, {"b": 1}, False),
        ({"if": {"required": ["a"], **NAME}, "then": {"properties": {"b": {}}}, **SHUT}, {"a": "x", "b": 1}, True),
        ({"if": {"required": ["a"], **NAME}, "else": {"properties": {"b": {}}}, **SHUT}, {"b": 1}, True),
        ({"if": {"required": ["a"], **NAME}, "then": {"properties": {"b": {}}}, **SHUT}, {"b": 1}, False),
        ({"dependentSchemas": {"a": {"properties": {"b": {}}}}, **NAME, **SHUT}, {"a": "x", "b": 1}, True),
        ({"dependentSchemas": {"a": {"properties": {"b": {}}}}, **NAME, **SHUT}, {"b": 1}, False),
        ({"patternProperties": {"^x": {}}, **SHUT}, {"xy": 1}, True),
        ({"additionalProperties": {"type": "integer"}, **SHUT}, {"z": 1}, True),
        ({**NAME, "unevaluatedProperties": {"type": "integer"}}, {"z": 1}, True),
        ({**NAME, "unevaluatedProperties": {"type": "integer"}}, {"z": "x"}, False),
        (SHUT, [1], True),
    ],
)
def test_unevaluated_names(schema: Any, value: Any, accepts: bool) -> None:
    assert Judge().accepts(read(schema), value) is accepts
    assert Draft202012Validator(schema).is_valid(value) is accepts


@pytest.mark.parametrize("pattern", ["(?=a)", r"\bx", "(a", 7])
def test_a_pattern_that_is_not_understood_leaves_the_answer_open(pattern: Any) -> None:
    node = {"pattern": pattern}
    assert Judge().accepts(node, "a") is None
    assert Judge().accepts(node, 1) is True


def test_an_unresolved_reference_leaves_the_answer_open() -> None:
    node = read({"$ref": "http://elsewhere/x"})
    assert Judge().accepts(node, 1) is None
    assert Judge().surely(node, 1) is None


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("date", "2024-01-31", "2024-01-32"), ("ipv4", "127.0.0.1", "256.0.0.1"), ("email", "a@b.c", "ab")],
)
def test_a_format_counts_only_if_it_is_asked_for(name: str, good: str, bad: str) -> None:
    judge, node = Judge(), read({"type": "string", "format": name})
    assert judge.accepts(node, bad) is True
    assert judge.accepts(node, bad, with_formats=True) is False
    assert judge.accepts(node, good, with_formats=True) is True


@pytest.mark.parametrize(
    ("schema", "value", "sure"),
    [
        ({"type": "string"}, "a", True),
        ({"type": "string"}, 1, False),
        ({"format": "date"}, "a", None),
        ({"format": "date"}, 1, None),
        ({"format": "date"}, None, True),
        ({"format": "date"}, True, True),
        ({"contentEncoding": "base64"}, "a", None),
        ({"contentEncoding": "base64"}, 1, True),
        ({"check": 1}, "a", None),
        ({"check": 1, "type": "string"}, 1, False),
        ({"x-note": 1, "description": "d"}, "a", True),
        ({"properties": {"a": {"check": 1}}}, {"a": 1}, None),
        ({"properties": {"a": {"check": 1}}}, {"b": 1}, True),
        ({"properties": {"a": {"check": 1}}, "required": ["c"]}, {"b": 1}, False),
        ({"anyOf": [{"type": "string"}, {"check": 1}]}, "a", True),
        ({"anyOf": [{"check": 1}, {"type": "string"}]}, 7, None),
        ({"not": {"format": "date"}}, "a", None),
        ({"items": {"$ref": "http://elsewhere/x"}}, [1], None),
        ({"items": {"$ref": "http://elsewhere/x"}}, [], True),
    ],
)
def test_a_judge_says_if_it_is_not_sure(schema: Any, value: Any, sure: bool | None) -> None:
    assert Judge().surely(read(schema), value) is sure


@pytest.mark.parametrize(
    ("schema", "value", "sure"),
    [
        ({"type": "string", "nullable": True}, None, True),
        ({"type": "string", "enum": ["a"], "nullable": True}, None, None),
        ({"type": "string", "enum": ["a"], "nullable": True}, "a", True),
        ({"type": "string", "enum": ["a"], "nullable": True}, "b", False),
    ],
)
def test_null_of_an_older_api_may_be_in_doubt(schema: Any, value: Any, sure: bool | None) -> None:
    found = Judge().surely(api_read(schema), value)
    assert found is sure or (sure is None and found is not True)


def test_a_large_enumeration_is_searched_as_a_set() -> None:
    values = [f"v{number}" for number in range(20 * FEW)]
    judge, node = Judge(), read({"enum": values})
    assert all(judge.accepts(node, value) for value in values)
    assert judge.accepts(node, "other") is False


def test_many_large_enumerations_are_not_mixed_up() -> None:
    judge = Judge()
    nodes = [read({"enum": [f"{number}-{index}" for index in range(FEW + 1)]}) for number in range(3 * FEW)]
    for number, node in enumerate(nodes):
        assert judge.accepts(node, f"{number}-0") is True
        assert judge.accepts(node, f"{number + 1}-0") is False


@settings(max_examples=120, deadline=None)
@given(schemas.closed())
def test_a_judge_agrees_with_jsonschema(schema: Any) -> None:
    judge, node, oracle = Judge(), read(schema), Draft202012Validator(schema)
    for value in schemas.VALUES[::7]:
        assert judge.accepts(node, value) is oracle.is_valid(value), value
