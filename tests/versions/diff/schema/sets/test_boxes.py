"""A node as a union of plain parts, and which of them are empty."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.versions import schemas
from tests.versions.nodes import api_read, read
from versions.diff.schema.sets.boxes import KINDS, Boxes, TooMany, is_kind, may_be
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.validity import Judge


def boxes() -> Boxes:
    return Boxes(Normal(), Judge())


def count(schema: Any, kind: str) -> int:
    """How many plain parts of one type a schema has."""
    return len(boxes().of(read(schema), kind))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "null"), (True, "boolean"), (1, "number"), (1.5, "number"), ("a", "string"), ([], "array"), ({}, "object")],
)
def test_a_value_is_of_one_kind(value: Any, kind: str) -> None:
    assert [one for one in KINDS if is_kind(value, one)] == [kind]


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        ({}, set(KINDS)),
        ({"type": ["integer"]}, {"number"}),
        ({"type": ["string"], "nullable": True}, {"string", "null"}),
        ({"type": []}, set()),
        ({"type": ["object", "null"]}, {"object", "null"}),
    ],
)
def test_type_lets_kinds_pass(node: Any, kinds: set[str]) -> None:
    assert {kind for kind in KINDS if may_be(node, kind)} == kinds


@pytest.mark.parametrize(
    ("schema", "kind", "parts"),
    [
        ({}, "object", 1),
        ({"type": "string"}, "object", 0),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, "object", 2),
        ({"anyOf": [{"required": ["a"]}, {"type": "string"}]}, "object", 1),
        ({"anyOf": [{"required": ["a"]}, {"type": "string"}]}, "array", 1),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}]}, "object", 3),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "not": {"required": ["c"]}}, "object", 2),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}, "object", 2),
        ({"if": {"required": ["a"]}, "else": False}, "object", 1),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, "object", 2),
        ({"dependentSchemas": {"a": {"required": ["b"]}, "c": {"required": ["d"]}}}, "object", 4),
        ({"enum": [{"a": 1}, [], 7]}, "object", 1),
        ({"enum": [{"a": 1}, [], 7]}, "string", 0),
        ({"enum": [{"a": 1}], "required": ["b"]}, "object", 0),
        ({"not": {}}, "object", 0),
        ({"not": {"type": "object"}}, "object", 0),
        ({"not": {"type": "object"}}, "array", 1),
    ],
)
def test_a_node_is_split_into_plain_parts(schema: Any, kind: str, parts: int) -> None:
    assert count(schema, kind) == parts


def test_the_first_part_of_a_box_is_the_node_with_what_stands_beside() -> None:
    found = boxes().of(read({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "minProperties": 2}), "object")
    assert [box.node for box in found] == [
        {"minProperties": 2, "required": ["a"]},
        {"minProperties": 2, "required": ["b"]},
    ]


def test_one_of_excludes_its_other_members() -> None:
    found = boxes().of(read({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}), "object")
    assert [box.excluded for box in found] == [({"required": ["b"]},), ({"required": ["a"]},)]


def test_what_does_not_fit_the_condition_excludes_it() -> None:
    found = boxes().of(read({"if": {"required": ["a"]}, "then": {"required": ["b"]}}), "object")
    assert [box.excluded for box in found] == [(), ({"required": ["a"]},)]
    assert all({"required": ["a"]} in box.heard for box in found)


def test_an_alternative_that_nothing_fits_is_still_heard() -> None:
    found = boxes().of(read({"anyOf": [{"required": ["a"], "maxProperties": 0}, {"required": ["b"]}]}), "object")
    assert len(found) == 1
    assert any("a" in node.get("required", ()) for node in found[0].heard)


def test_a_field_of_one_direction_in_an_alternative_proves_nothing() -> None:
    schema = {"anyOf": [{"properties": {"a": {"readOnly": True}}}, {"required": ["b"]}]}
    with pytest.raises(TooMany):
        boxes().of(read(schema), "object")


def test_too_many_parts_are_not_compared() -> None:
    wide: dict[str, Any] = {"anyOf": [{"required": [f"n{number}"]} for number in range(80)]}
    nested = read({"oneOf": [{"minProperties": 1, "oneOf": [wide, {"required": ["a"]}]}, {"required": ["b"]}]})
    with pytest.raises(TooMany):
        boxes().of(nested, "object")


def test_recursion_through_alternatives_is_not_split() -> None:
    with pytest.raises(TooMany):
        boxes().of(read({"oneOf": [{"required": ["a"]}, {"$ref": "#", "minProperties": 1}]}), "object")


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"minimum": 3, "maximum": 2}, "number"),
        ({"type": "integer", "minimum": 0.1, "maximum": 0.9}, "number"),
        ({"minLength": 3, "maxLength": 2}, "string"),
        ({"pattern": "^a$", "minLength": 2}, "string"),
        ({"enum": ["a"], "pattern": "^b"}, "string"),
        ({"not": {"type": "boolean"}}, "boolean"),
        ({"allOf": [{"const": True}, {"const": False}]}, "boolean"),
        ({"minItems": 3, "maxItems": 2}, "array"),
        ({"minItems": 1, "items": False}, "array"),
        ({"minItems": 2, "prefixItems": [{}, False]}, "array"),
        ({"contains": {}, "maxItems": 0}, "array"),
        ({"minItems": 1, "items": {"minimum": 3, "maximum": 2, "type": "number"}}, "array"),
        ({"minProperties": 3, "maxProperties": 2}, "object"),
        ({"required": ["a", "b"], "maxProperties": 1}, "object"),
        ({"required": ["a"], "properties": {"a": False}}, "object"),
        ({"required": ["a"], "additionalProperties": False}, "object"),
        ({"required": ["ab"], "propertyNames": {"maxLength": 1}}, "object"),
        ({"required": ["a"], "dependentRequired": {"a": ["b"]}, "properties": {"b": False}}, "object"),
        ({"allOf": [{"required": ["a"]}, {"additionalProperties": False}]}, "object"),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "maxProperties": 0}, "object"),
    ],
)
def test_a_node_that_nothing_fits(schema: Any, kind: str) -> None:
    assert boxes().empty(read(schema), kind)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"items": False}, "array"),
        ({"prefixItems": [{}, False]}, "array"),
        ({"contains": {}, "minContains": 0, "maxItems": 0}, "array"),
        ({"properties": {"a": False}}, "object"),
        ({"additionalProperties": False}, "object"),
        ({"minimum": 2, "maximum": 2}, "number"),
        ({"pattern": "(?=a)b"}, "string"),
        ({"check": 1, "type": "object"}, "object"),
    ],
)
def test_a_node_that_something_fits_or_may_fit(schema: Any, kind: str) -> None:
    assert not boxes().empty(read(schema), kind)


def test_nothing_fits_a_node_if_no_kind_does() -> None:
    assert boxes().nothing(read({"type": "string", "maxLength": 1, "minLength": 2}))
    assert not boxes().nothing(read({"maxLength": 1, "minLength": 2}))
    assert boxes().nothing(read(False))


def test_null_in_doubt_keeps_a_node_from_being_nothing() -> None:
    node = api_read({"type": "string", "enum": [], "nullable": True})
    assert not boxes().nothing(node)


def test_rivals_are_the_others_that_no_constant_keeps_apart() -> None:
    found = boxes()
    kinds = [{"required": ["kind"], "properties": {"kind": {"const": name}}} for name in ("cat", "dog")]
    plain: dict[str, Any] = {"properties": {"name": {}}}
    split = found.of(read({"anyOf": [*kinds, plain]}), "object")
    rivals = [len(box.rivals) for box in found.with_rivals(split, (), "object")]
    assert rivals == [1, 1, 2]


def test_scalars_have_no_rivals_of_their_own() -> None:
    found = boxes()
    split = found.of(read({"type": "string"}), "string")
    assert [box.rivals for box in found.with_rivals(split, (), "string")] == [()]


@settings(max_examples=150, deadline=None)
@given(schemas.closed())
def test_what_is_called_empty_accepts_no_value(schema: Any) -> None:
    oracle, found, node = Draft202012Validator(schema), boxes(), read(schema)
    empty = [kind for kind in KINDS if found.empty(node, kind)]
    values = [value for value in schemas.VALUES[::5] if any(is_kind(value, kind) for kind in empty)]
    assert [value for value in values if oracle.is_valid(value)] == []
