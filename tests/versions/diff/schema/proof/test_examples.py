"""Values that a schema accepts, and values that tell two schemas apart."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, FormatChecker

from tests.versions import schemas
from tests.versions.nodes import read
from versions.diff.schema.proof.examples import EXTRA, FORMAT_EXAMPLES, Examples
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.validity import Judge

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def examples() -> Examples:
    return Examples(Normal(), Judge())


def apart(left: Any, right: Any) -> list[Any]:
    """Values that the first schema accepts and the second refuses, among those that may tell them apart."""
    before, after = Draft202012Validator(left), Draft202012Validator(right)
    found = examples().telling(read(left), read(right))
    return [value for value in found if before.is_valid(value) and not after.is_valid(value)]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        TEXT,
        {"type": "null"},
        {"type": "boolean"},
        {"type": "integer", "minimum": 5, "multipleOf": 3},
        {"exclusiveMinimum": 0, "exclusiveMaximum": 0.1, "type": "number"},
        {"type": "string", "minLength": 40},
        {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        {"enum": [[1], {"a": 2}]},
        {"const": {"a": [None]}},
        {"type": "array", "minItems": 3, "items": WHOLE},
        {"type": "array", "minItems": 2, "items": WHOLE, "uniqueItems": True},
        {"type": "array", "contains": {"const": "x"}},
        {"type": "array", "contains": {"const": "x"}, "minContains": 3},
        {"type": "array", "prefixItems": [TEXT, WHOLE], "items": False, "minItems": 2},
        {"type": "object", "required": ["a"], "properties": {"a": TEXT}},
        {"type": "object", "required": ["a"], "additionalProperties": WHOLE},
        {
            "type": "object",
            "required": ["xa"],
            "patternProperties": {"^x": {"const": 7}},
            "additionalProperties": False,
        },
        {"type": "object", "minProperties": 3},
        {"type": "object", "minProperties": 2, "properties": {"a": TEXT, "b": WHOLE}, "additionalProperties": False},
        {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "array", "minItems": 1}]},
        {"allOf": [{"type": "integer", "minimum": 7}, {"maximum": 9}]},
        {"type": "string", "not": {"maxLength": 3}},
        {"type": "object", "properties": {"next": {"$ref": "#"}}},
    ],
)
def test_there_is_an_example(schema: Any) -> None:
    value, there = examples().first(read(schema))
    assert there
    assert Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "string", "minLength": 2, "maxLength": 1},
        {"enum": []},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "array", "minItems": 1, "items": {"$ref": "#"}},
    ],
)
def test_there_is_no_example(schema: Any) -> None:
    assert examples().first(read(schema)) == (None, False)


def test_an_object_and_an_array_among_the_examples() -> None:
    node = read({"anyOf": [TEXT, {"type": "array", "minItems": 1}, {"type": "object", "required": ["a"]}]})
    found = examples()
    value, there = found.first_object(node)
    assert there
    assert "a" in value
    assert found.first_array(node)[1]
    assert found.first_object(read(TEXT)) == ({}, False)
    assert found.first_array(read(TEXT)) == ([], False)


def test_several_examples_differ() -> None:
    found = examples().several(read({"type": ["string", "integer", "null"]}), 4)
    assert len(found) == 4
    assert len({repr(value) for value in found}) == 4
    assert examples().several(read(False), 4) == []


def test_false_and_zero_are_two_examples() -> None:
    found = examples().several(read({"enum": [0, False, 1, True, 1.0]}), 9)
    assert [repr(value) for value in found] == ["0", "False", "1", "True"]


def test_an_object_is_shown_with_and_without_its_optional_names() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a"]}
    found = examples().several(read(schema), 6)
    assert {"a": 1} in found
    assert {"a": 1, "b": 2} in found


@pytest.mark.parametrize("name", sorted(FORMAT_EXAMPLES))
def test_an_example_of_a_format_has_the_format(name: str) -> None:
    checker = FormatChecker()
    if name in checker.checkers and name != "time":  # `jsonschema` knows the times of draft 3 only
        assert checker.conforms(FORMAT_EXAMPLES[name], name)
    value, there = examples().first(read({"type": "string", "format": name}))
    assert there
    assert value == FORMAT_EXAMPLES[name]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({}, TEXT),
        ({"type": "number"}, WHOLE),
        ({"type": "integer", "maximum": 5}, {"maximum": 4}),
        ({"type": "integer"}, {"multipleOf": 7}),
        (TEXT, {"type": "string", "pattern": "^a"}),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}),
        ({"type": "object"}, {"required": ["a"]}),
        ({"type": "object", "properties": {"a": WHOLE}}, {"properties": {"a": {"maximum": 3}}}),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}),
        (
            {"type": "object", "properties": {"a": {"type": "array", "items": WHOLE}}},
            {"properties": {"a": {"items": TEXT}}},
        ),
        ({"type": "object", "patternProperties": {"^x": WHOLE}}, {"patternProperties": {"^x": {"maximum": 3}}}),
        ({"type": "object", "properties": {"a": WHOLE}}, {"dependentRequired": {"a": ["b"]}}),
        ({"type": "array"}, {"items": TEXT}),
        ({"type": "array"}, {"minItems": 1}),
        ({"type": "array", "items": WHOLE}, {"uniqueItems": True}),
        ({"type": "array"}, {"maxItems": 2}),
        ({"type": "array", "prefixItems": [WHOLE]}, {"prefixItems": [TEXT]}),
        ({"anyOf": [TEXT, WHOLE]}, {"anyOf": [TEXT, {"type": "boolean"}]}),
        (WHOLE, {"not": {"minimum": 3}}),
        (WHOLE, {"oneOf": [WHOLE, {"minimum": 3}]}),
        (WHOLE, {"if": {"minimum": 3}, "then": {"maximum": 5}}),
        ({"type": "object", "minProperties": 1}, {"maxProperties": 0}),
    ],
)
def test_a_value_tells_two_schemas_apart(left: Any, right: Any) -> None:
    assert apart(left, right) != []


@pytest.mark.parametrize(("left", "right"), [(WHOLE, {"type": "number"}), (TEXT, {}), (False, TEXT), (TEXT, TEXT)])
def test_nothing_tells_apart_what_lies_inside(left: Any, right: Any) -> None:
    assert apart(left, right) == []


def test_an_unknown_name_has_one_spelling() -> None:
    found = [value for value in examples().telling(read({"type": "object"}), read({"maxProperties": 0})) if value]
    assert any(EXTRA in value for value in found if isinstance(value, dict))


def test_no_more_values_are_made_than_asked_for() -> None:
    wide = {"type": "object", "properties": {f"p{number}": TEXT for number in range(90)}}
    assert len(list(examples().telling(read(wide), read(TEXT), 5))) == 5


@settings(max_examples=120, deadline=None)
@given(schemas.closed())
def test_an_example_fits_its_schema(schema: Any) -> None:
    oracle = Draft202012Validator(schema)
    for value in examples().several(read(schema), 5):
        assert oracle.is_valid(value) or "\n" in repr(value)
