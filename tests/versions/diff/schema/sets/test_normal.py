"""Normal forms: what one node can say exactly, and what must stay as it is."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.versions import schemas
from tests.versions.nodes import api_read, read
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import EVERY_TYPE, Normal, finite, types_of
from versions.diff.schema.sets.validity import Judge


def form(schema: Any) -> Node:
    """The normal form of a bare schema."""
    return Normal().form(read(schema))


@pytest.mark.parametrize(
    ("node", "types"),
    [
        ({}, EVERY_TYPE),
        ({"type": ["string"]}, {"string"}),
        ({"type": []}, set()),
        ({"type": ["integer", "number"]}, {"number"}),
        ({"type": ["integer", "null"]}, {"integer", "null"}),
        ({"enum": ["a"]}, EVERY_TYPE),
    ],
)
def test_types_of_a_node(node: Node, types: set[str]) -> None:
    assert types_of(node) == types


@pytest.mark.parametrize(
    ("node", "values"), [({}, None), ({"const": None}, [None]), ({"enum": [1, 2]}, [1, 2]), ({"enum": []}, [])]
)
def test_values_of_a_finite_node(node: Node, values: list[Any] | None) -> None:
    assert finite(node) == values


@pytest.mark.parametrize(
    ("parts", "merged"),
    [
        ([{"minimum": 1}, {"minimum": 3}], {"minimum": 3}),
        ([{"maximum": 1}, {"maximum": 3}], {"maximum": 1}),
        ([{"exclusiveMinimum": 1}, {"exclusiveMinimum": 0}], {"exclusiveMinimum": 1}),
        ([{"minLength": 1}, {"maxLength": 3}], {"minLength": 1, "maxLength": 3}),
        ([{"maxItems": 4}, {"maxItems": 2}], {"maxItems": 2}),
        ([{"minProperties": 4}, {"minProperties": 2}], {"minProperties": 4}),
        ([{"required": ["a"]}, {"required": ["b", "a"]}], {"required": ["a", "b"]}),
        ([{"uniqueItems": False}, {"uniqueItems": True}], {"uniqueItems": True}),
        ([{"enum": [1, 2, 3]}, {"enum": [3.0, 1]}], {"enum": [1, 3]}),
        ([{"enum": [1]}, {"enum": [True]}], {"enum": []}),
        ([{"type": "string"}, {"type": ["string", "null"]}], {"type": ["string"]}),
        ([{"type": "integer"}, {"type": "number"}], {"type": ["integer"]}),
        ([{"type": "number"}, {"type": "integer"}], {"type": ["integer"]}),
        ([{"type": "string"}, {"type": "integer"}], {"type": []}),
        ([{"pattern": "^a"}, {"pattern": "^a"}], {"pattern": "^a"}),
        ([{"description": "a"}, {"description": "b"}], {"description": "a"}),
        ([{"x-note": 1}, {"x-note": 2}], {"x-note": 1}),
        ([True, {"minimum": 1}], {"minimum": 1}),
    ],
)
def test_parts_of_all_of_become_one_node(parts: list[Any], merged: Node) -> None:
    assert form({"allOf": parts}) == merged


def test_parts_of_all_of_become_one_node_with_what_stands_beside() -> None:
    assert form({"type": "integer", "minimum": 0.5, "allOf": [{"maximum": 9}]}) == {
        "type": ["integer"],
        "minimum": 1,
        "maximum": 9,
    }


def test_declared_names_of_both_are_joined() -> None:
    normal = Normal()
    node = read({"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"maximum": 5}, "b": {}}}]})
    found = normal.form(node)
    assert set(found) == {"properties"}
    assert normal.form(found["properties"]["a"]) == {"minimum": 1, "maximum": 5}
    assert found["properties"]["b"] == {}


def test_items_of_both_are_joined() -> None:
    normal = Normal()
    found = normal.form(read({"allOf": [{"items": {"minimum": 1}}, {"items": {"maximum": 5}}]}))
    assert normal.form(found["items"]) == {"minimum": 1, "maximum": 5}


@pytest.mark.parametrize(
    "parts",
    [
        [{"pattern": "^a"}, {"pattern": "b$"}],
        [{"multipleOf": 2}, {"multipleOf": 3}],
        [{"format": "date"}, {"format": "uuid"}],
        [{"contains": {}}, {"contains": {"type": "string"}}],
        [{"not": {"enum": [1]}}, {"not": {"enum": [2]}}],
        [{"anyOf": [{"minimum": 1}, {"maximum": 0}]}, {"anyOf": [{"minimum": 2}, {"maximum": -1}]}],
        [{"if": {}, "then": {}}, {"then": {"minimum": 1}}],
        [{"prefixItems": [{}]}, {"items": {"type": "string"}}],
        [{"additionalProperties": False}, {"properties": {"a": {}}}],
        [{"additionalProperties": {"type": "string"}}, {"patternProperties": {"^a": {}}}],
        [{"patternProperties": {"^a": {}}}, {"additionalProperties": False}],
    ],
)
def test_parts_that_one_node_cannot_hold_stay_parts(parts: list[Any]) -> None:
    assert "allOf" in form({"allOf": parts})


def test_a_closed_part_may_be_joined_with_a_part_that_declares_no_other_name() -> None:
    found = form(
        {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"a": {"minimum": 1}}}]}
    )
    assert "allOf" not in found
    assert found["additionalProperties"] == {"type": []}


def test_null_in_doubt_is_not_carried_from_a_part_to_the_whole() -> None:
    node = api_read({"allOf": [{"type": "string", "enum": ["a"], "nullable": True}, {"maxLength": 3}]})
    assert "allOf" in Normal().form(node)


@pytest.mark.parametrize(
    ("schema", "simple"),
    [
        ({"anyOf": [{"type": "string"}]}, {"type": ["string"]}),
        ({"oneOf": [{"type": "string"}], "maxLength": 3}, {"type": ["string"], "maxLength": 3}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        (
            {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 1}]},
            {"type": ["string", "integer"], "maxLength": 3, "minimum": 1},
        ),
        ({"anyOf": [{"anyOf": [{"type": "string"}]}, {"type": "null"}]}, {"type": ["string", "null"]}),
        ({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, {"enum": ["a", "b", None]}),
        ({"oneOf": [{"const": "a"}, {"type": "null"}]}, {"enum": ["a", None]}),
        (
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"anyOf": [{}, {"type": "string"}]}, {}),
        ({"anyOf": [True, {"minimum": 3}], "maxLength": 1}, {"maxLength": 1}),
        ({"not": {}}, {"type": []}),
        ({"not": {"description": "anything"}}, {"type": []}),
        ({"not": {"not": {"type": "string"}}}, {"type": ["string"]}),
        ({"not": {"not": {"minimum": 1}}, "maximum": 5}, {"minimum": 1, "maximum": 5}),
        ({"const": 1, "enum": [1, 2]}, {"enum": [1]}),
        ({"const": 3, "enum": [1, 2]}, {"enum": []}),
    ],
)
def test_what_is_written_another_way_has_one_form(schema: Any, simple: Node) -> None:
    assert form(schema) == simple


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "string", "minLength": 9}]},
        {"anyOf": [{"type": "string"}, {"maxLength": 3}]},
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        {"anyOf": [{"type": "string", "maximum": 3}, {"type": "integer"}]},
        {"anyOf": [{}, {"properties": {"a": {}}}]},
        {"anyOf": [{}, {"required": ["a"]}]},
    ],
)
def test_alternatives_that_one_node_cannot_hold_stay(schema: Any) -> None:
    assert {"anyOf", "oneOf"} & set(form(schema))


def test_nested_alternatives_are_flattened_only_for_any_of() -> None:
    inner = [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 5}]
    assert len(form({"anyOf": [{"anyOf": inner}, {"type": "string", "enum": ["abc"]}]})["anyOf"]) == 3
    assert len(form({"oneOf": [{"anyOf": inner}, {"type": "string", "enum": ["abc"]}]})["oneOf"]) == 2


def test_a_shut_object_of_parts_is_a_closed_one() -> None:
    found = form({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "unevaluatedProperties": False})
    assert set(found["properties"]) == {"a", "b"}
    assert found["additionalProperties"] == {"type": []}
    assert "allOf" not in found


def test_a_shut_object_with_alternatives_stays_as_it_is() -> None:
    schema = {"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "unevaluatedProperties": False}
    found = form(schema)
    assert set(found) == {"anyOf", "unevaluatedProperties"}


def test_a_form_is_remembered_by_node() -> None:
    normal, node = Normal(), read({"allOf": [{"minimum": 1}, {"maximum": 5}]})
    found = normal.form(node)
    assert normal.form(node) is found
    assert normal.form(found) is found
    assert normal.source[id(found)] is node


def test_both_of_two_nodes_are_one_node_each_time() -> None:
    normal, left, right = Normal(), read({"minimum": 1}), read({"maximum": 5})
    assert normal.both(left, right) is normal.both(left, right)
    assert normal.both(left, left) is left
    assert normal.both(left, {}) is left
    assert normal.both({}, right) is right


def test_a_recursive_node_has_a_form() -> None:
    node = read({"allOf": [{"properties": {"next": {"$ref": "#"}}}], "minProperties": 1})
    found = Normal().form(node)
    assert found["properties"]["next"] is node
    circle = read(
        {
            "allOf": [{"$ref": "#/$defs/a"}],
            "$defs": {
                "a": {"allOf": [{"$ref": "#/$defs/b"}]},
                "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "string"}]},
            },
        }
    )
    Normal().form(circle)


@settings(max_examples=150, deadline=None)
@given(schemas.closed())
def test_a_form_accepts_the_same_values(schema: Any) -> None:
    """`jsonschema` is the oracle: on the schema itself, and on its normal form."""
    oracle, judge, found = Draft202012Validator(schema), Judge(), form(schema)
    for value in schemas.VALUES[::9]:
        assert judge.accepts(found, value) is oracle.is_valid(value), value
