"""The boundary matrix: each limit of a schema with its neighbours, and whether it is valid."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.versions import schemas
from versions.diff.boundaries import matrix


def tried(schema: Any) -> dict[tuple[str, str], tuple[Any, bool | None]]:
    return {(case.pointer, case.what): (case.value, case.valid) for case in matrix(schema)}


@pytest.mark.parametrize(
    ("schema", "what", "value", "valid"),
    [
        ({"type": "integer", "minimum": 3}, "minimum", 3, True),
        ({"type": "integer", "minimum": 3}, "min-1", 2, False),
        ({"type": "integer", "minimum": 3}, "inside minimum", 4, True),
        ({"type": "integer", "maximum": 3}, "maximum", 3, True),
        ({"type": "integer", "maximum": 3}, "max+1", 4, False),
        ({"type": "number", "exclusiveMaximum": 3}, "maximum", 3, False),
        ({"type": "integer", "multipleOf": 5, "minimum": 10}, "min-1", 5, False),
        ({"type": "integer", "multipleOf": 5}, "no multiple", 7.5, False),
        ({"type": "string", "minLength": 2}, "minLength", "aa", True),
        ({"type": "string", "minLength": 2}, "min-1", "a", False),
        ({"type": "string", "maxLength": 2}, "max+1", "aaa", False),
        ({"type": "array", "minItems": 1, "items": {"const": 1}}, "minItems", [1], True),
        ({"type": "array", "minItems": 1, "items": {"const": 1}}, "min-1", [], False),
        ({"type": "array", "maxItems": 1, "items": {"const": 1}}, "max+1", [1, 1], False),
        ({"enum": ["a", None]}, "option 'a'", "a", True),
        ({"enum": ["a", None]}, "option None", None, True),
    ],
)
def test_a_limit_and_its_neighbours(schema: Any, what: str, value: Any, valid: bool) -> None:
    assert tried(schema)["", what] == (value, valid)


def test_a_value_of_another_type_is_tried() -> None:
    wrong = [case for case in matrix({"type": "string"}) if case.what.startswith("wrong type")]
    assert len(wrong) == 1
    assert wrong[0].valid is False


THING = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 5}, "b": {"type": "integer", "maximum": 9}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_fields_are_tried_inside_a_valid_object() -> None:
    found = tried(THING)
    assert found["/a", "missing"][1] is False
    assert found["/a", "max+1"][1] is False
    assert found["/b", "maximum"][1] is True
    assert found["/b", "maximum"][0]["b"] == 9
    assert found["", "unknown name"][1] is False


def test_two_limits_are_tried_together() -> None:
    pairs = [case.value for case in matrix(THING) if case.what == "a and b at their limits"]
    assert {(value["a"], value["b"]) for value in pairs} == {(1, 9), (5, 9)}


def test_what_has_no_limit_has_no_case_of_one() -> None:
    assert {what.partition(" ")[0] for _pointer, what in tried({})} <= {"option", "wrong"}


@settings(max_examples=100, deadline=None)
@given(schemas.closed())
def test_a_case_is_as_valid_as_jsonschema_says(schema: Any) -> None:
    oracle = Draft202012Validator(schema)
    for case in matrix(schema):
        if case.valid is not None and "\n" not in repr(case.value):
            assert case.valid is oracle.is_valid(case.value), case
