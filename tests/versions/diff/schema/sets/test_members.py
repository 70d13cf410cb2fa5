"""What some nodes say together about names and items."""

from math import inf
from typing import Any

import pytest

from tests.versions.nodes import read
from versions.diff.schema.reading.node import NOTHING, Node
from versions.diff.schema.sets.members import (
    ArrayItems,
    ObjectNames,
    asked,
    item_of,
    matches,
    rest_of,
    said,
    speaks_of_others,
    spoken,
)
from versions.diff.schema.sets.normal import Normal


def names(*schemas: Any) -> ObjectNames:
    return ObjectNames(Normal(), tuple(read(schema) for schema in schemas))


def items(*schemas: Any) -> ArrayItems:
    return ArrayItems(Normal(), tuple(read(schema) for schema in schemas))


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [("^a", "ab", True), ("^a", "b", False), ("(?=a)", "a", None), (7, "a", None), ("", "a", True)],
)
def test_a_pattern_is_found_in_a_name_or_not_understood(pattern: Any, name: str, found: bool | None) -> None:
    assert matches(pattern, name) is found


@pytest.mark.parametrize(
    ("schema", "rest"),
    [
        ({}, {}),
        ({"additionalProperties": False}, {"type": []}),
        ({"unevaluatedProperties": {"type": "string"}}, {"type": ["string"]}),
        ({"additionalProperties": {"type": "integer"}, "unevaluatedProperties": False}, {"type": ["integer"]}),
    ],
)
def test_what_undeclared_names_must_fit(schema: Any, rest: Node) -> None:
    assert rest_of(read(schema)) == rest


def test_all_parts_require_their_names() -> None:
    found = names({"required": ["a"], "minProperties": 1}, {"required": ["b", "a"], "minProperties": 3})
    assert list(found.required) == ["a", "b"]
    assert found.least == 3
    assert found.most == inf


def test_a_required_name_brings_what_depends_on_it() -> None:
    found = names({"required": ["a"], "dependentRequired": {"a": ["b"], "b": ["c"], "x": ["y"]}})
    assert set(found.required) == {"a", "b", "c"}


def test_names_that_depend_on_each_other_end() -> None:
    found = names({"dependentRequired": {"a": ["b"], "b": ["a"]}})
    assert list(found.implied(["a"])) == ["a", "b"]
    assert list(found.implied([])) == []


def test_a_value_fits_what_every_part_says() -> None:
    found = names({"properties": {"a": {"minimum": 1}}}, {"additionalProperties": {"maximum": 5}})
    normal = found.normal
    assert normal.form(found.value("a")) == {"minimum": 1, "maximum": 5}
    assert found.value("b") == {"maximum": 5}


def test_a_pattern_speaks_of_names_that_it_matches() -> None:
    found = names({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False})
    assert found.value("xy") == {"type": ["string"]}
    assert found.value("y") == NOTHING
    assert found.under("^x") == {"type": ["string"]}
    assert found.under("^y") == {}


def test_the_rest_fits_what_every_part_says_of_others() -> None:
    found = names({"additionalProperties": {"minimum": 1}}, {"additionalProperties": {"maximum": 5}}, {})
    assert found.normal.form(found.rest()) == {"minimum": 1, "maximum": 5}


@pytest.mark.parametrize(
    ("schemas", "highest"),
    [
        (({"maxProperties": 3},), 3),
        (({"maxProperties": 3}, {"maxProperties": 2}), 2),
        (({},), inf),
        (({"properties": {"a": {}, "b": {}}, "additionalProperties": False},), 2),
        (({"properties": {"a": {}, "b": False}, "additionalProperties": False},), 1),
        (({"properties": {"a": {}}, "additionalProperties": False}, {"properties": {"a": False}}), 0),
        (({"properties": {"a": {}}, "patternProperties": {"^x": {}}, "additionalProperties": False},), inf),
        (({"properties": {"a": {}, "b": {}}, "additionalProperties": False, "maxProperties": 1},), 1),
    ],
)
def test_the_largest_number_of_names(schemas: tuple[Any, ...], highest: float) -> None:
    assert names(*schemas).highest() == highest


def test_a_name_of_which_nobody_speaks_is_silent() -> None:
    found = names({"properties": {"a": {}}, "required": ["b"], "dependentRequired": {"c": ["d"]}})
    assert found.silent("z")
    for name in ("a", "b", "c"):
        assert not found.silent(name)
        assert found.mentions(name)


@pytest.mark.parametrize(
    "schema",
    [
        {"additionalProperties": {"type": "string"}},
        {"propertyNames": {"maxLength": 3}},
        {"patternProperties": {"^z": {}}},
        {"patternProperties": {"(?=z)": {}}},
    ],
)
def test_no_name_is_silent_beside_a_word_about_all_names(schema: Any) -> None:
    assert not names(schema).silent("z")


def test_a_rival_speaks_too() -> None:
    rival = names({"properties": {"z": {}}})
    found = ObjectNames(Normal(), (read({"properties": {"a": {}}}),), (rival,))
    assert not found.silent("z")
    assert found.silent("y")


def test_what_conditions_speak_of_is_heard() -> None:
    found = names({"properties": {"a": {}}})
    found.heard = {"z"}
    assert not found.silent("z")
    found.others_heard = True
    assert not found.silent("y")


@pytest.mark.parametrize(
    ("schema", "heard"),
    [
        ({"properties": {"a": {}}, "required": ["b"], "dependentRequired": {"c": ["d"]}}, {"a", "b", "c"}),
        ({"not": {"required": ["a"]}}, {"a"}),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"properties": {"c": {}}}}, {"a", "b", "c"}),
        ({"anyOf": [{"required": ["a"]}, {"oneOf": [{"required": ["b"]}]}]}, {"a", "b"}),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"b"}),
        ({"properties": {"a": {"properties": {"inner": {}}}}}, {"a"}),
        ({"items": {"required": ["a"]}}, set()),
    ],
)
def test_every_name_of_the_same_object_is_heard(schema: Any, heard: set[str]) -> None:
    assert set(spoken(read(schema))) == heard


@pytest.mark.parametrize(
    ("schema", "speaks"),
    [
        ({}, False),
        ({"additionalProperties": True}, False),
        ({"additionalProperties": False}, True),
        ({"allOf": [{"propertyNames": {"maxLength": 3}}]}, True),
        ({"not": {"patternProperties": {"^a": {}}}}, True),
        ({"properties": {"a": {"additionalProperties": False}}}, False),
    ],
)
def test_whether_a_node_limits_names_that_it_does_not_declare(schema: Any, speaks: bool) -> None:
    assert speaks_of_others(read(schema)) is speaks


def test_recursion_through_alternatives_ends() -> None:
    node = read({"anyOf": [{"$ref": "#"}, {"required": ["a"]}]})
    assert "a" in set(spoken(node))
    assert not speaks_of_others(node)


def test_a_pattern_that_is_not_understood_is_asked_both_ways() -> None:
    part = read({"patternProperties": {"(?=a)": {"type": "string"}}, "additionalProperties": {"type": "integer"}})
    assert list(said(part, "a")) == []
    assert list(asked(part, "a")) == [{"type": ["string"]}, {"type": ["integer"]}]


def test_a_declared_name_may_match_patterns_too() -> None:
    part = read({"properties": {"ab": {"minimum": 1}}, "patternProperties": {"^a": {"maximum": 5}, "^b": {}}})
    assert list(said(part, "ab")) == [{"minimum": 1}, {"maximum": 5}]
    assert list(asked(part, "ab")) == [{"minimum": 1}, {"maximum": 5}]


@pytest.mark.parametrize(
    ("schemas", "least", "most"),
    [
        (({},), 0, inf),
        (({"minItems": 1, "maxItems": 5}, {"minItems": 2, "maxItems": 4}), 2, 4),
        (({"contains": {}},), 1, inf),
        (({"contains": {}, "minContains": 3},), 3, inf),
        (({"contains": {}, "minContains": 0},), 0, inf),
        (({"prefixItems": [{}, {}], "items": False},), 0, 2),
        (({"prefixItems": [{}, False, {}]},), 0, 1),
        (({"prefixItems": [{}, {}]}, {"items": False}), 0, 0),
        (({"unevaluatedItems": False, "prefixItems": [{}]},), 0, 1),
        (({"items": False},), 0, 0),
    ],
)
def test_how_many_items_there_are(schemas: tuple[Any, ...], least: float, most: float) -> None:
    found = items(*schemas)
    assert (found.least, found.most) == (least, most)


def test_an_item_fits_what_every_part_says_of_its_place() -> None:
    found = items({"prefixItems": [{"minimum": 1}], "items": {"type": "string"}}, {"items": {"maximum": 5}})
    form = found.normal.form
    assert form(found.at(0)) == {"minimum": 1, "maximum": 5}
    assert form(found.at(1)) == {"type": ["string"], "maximum": 5}
    assert found.fixed == 1


def test_an_item_behind_the_last_is_nothing() -> None:
    assert items({"maxItems": 2}).at(2) == NOTHING
    assert items({"maxItems": 2}).at(1) == {}


@pytest.mark.parametrize(
    ("schema", "index", "item"),
    [
        ({"items": {"type": "string"}}, 0, {"type": ["string"]}),
        ({"prefixItems": [{"type": "integer"}]}, 0, {"type": ["integer"]}),
        ({"prefixItems": [{"type": "integer"}]}, 1, {}),
        ({"unevaluatedItems": {"type": "string"}}, 0, {"type": ["string"]}),
        ({"items": {}, "unevaluatedItems": {"type": "string"}}, 0, {}),
    ],
)
def test_what_one_node_says_of_an_item(schema: Any, index: int, item: Node) -> None:
    assert item_of(read(schema), index) == item


def test_items_are_unique_if_one_part_says_so() -> None:
    assert items({"uniqueItems": True}, {}).unique
    assert not items({"uniqueItems": False}).unique
