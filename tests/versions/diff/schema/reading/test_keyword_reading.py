"""Keywords whose values need care: what they become in a node, and what is noted as unreadable."""

from typing import Any

import pytest

from tests.versions.nodes import DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020, api_read, api_reader, issues, read

ABSENT = " (no keyword here)"


@pytest.mark.parametrize(
    ("written", "types"),
    [
        ("string", ["string"]),
        (["string", "null"], ["string", "null"]),
        (["string", "string"], ["string"]),
        ("file", ["string"]),
        (None, ["null"]),
        (["integer", None], ["integer", "null"]),
    ],
)
def test_type_becomes_a_list_of_types(written: Any, types: list[str]) -> None:
    assert read({"type": written})["type"] == types


def test_a_file_is_a_string_with_a_format() -> None:
    assert read({"type": "file"}) == {"type": ["string"], "format": "file"}
    assert read({"type": "file", "format": "binary"})["format"] == "binary"


def test_any_type_says_nothing() -> None:
    assert read({"type": "any"}) == {}
    assert issues({"type": "any"}) == []


@pytest.mark.parametrize(
    ("written", "text"),
    [("float", "unknown type"), (["string", "date"], "unknown type"), ([], "type names no type"), (7, "unknown type")],
)
def test_a_type_that_nobody_knows_is_noted_and_left_out(written: Any, text: str) -> None:
    assert issues({"type": written}) == [("/type", text)]
    assert "type" not in read({"type": written})


@pytest.mark.parametrize("written", ["a", {"a": 1}, None, 7])
def test_an_enumeration_is_a_list(written: Any) -> None:
    assert issues({"enum": written}) == [("/enum", "enum is not a list")]
    assert "enum" not in read({"enum": written})


def test_an_enumeration_is_copied() -> None:
    written = {"enum": ["a"]}
    read(written)["enum"].append("b")
    assert written == {"enum": ["a"]}


@pytest.mark.parametrize("written", ["a", [1], {"a": True}, 7])
def test_required_is_a_list_of_names(written: Any) -> None:
    assert issues({"required": written}) == [("/required", "required is not a list of names")]
    assert "required" not in read({"required": written})


def test_required_names_each_name_once() -> None:
    assert read({"required": ["b", "a", "b"]})["required"] == ["b", "a"]


def test_no_required_name_is_as_if_nothing_was_said() -> None:
    assert read({"required": []}) == {}


def test_draft_3_requires_at_the_property() -> None:
    schema = {"properties": {"a": {"type": "string", "required": True}, "b": {"required": False}}, "required": ["c"]}
    assert read(schema)["required"] == ["c", "a"]
    assert ("/properties/a/required", "required is a boolean, not a list of names") in issues(schema)


ITEMS: list[Any] = [{"type": "string"}, {"type": "integer"}]


@pytest.mark.parametrize("draft", [DRAFT_4, DRAFT_7, DRAFT_2019, {}])
def test_a_list_of_items_is_a_tuple_in_older_drafts(draft: dict[str, Any]) -> None:
    node = read({**draft, "items": ITEMS, "additionalItems": False})
    assert node["prefixItems"] == [{"type": ["string"]}, {"type": ["integer"]}]
    assert node["items"] == {"type": []}


def test_a_list_of_items_means_nothing_in_2020() -> None:
    node = read({**DRAFT_2020, "items": ITEMS})
    assert node == {"items" + ABSENT: ITEMS}


def test_an_empty_list_of_items_leaves_the_rest() -> None:
    assert read({"items": [], "additionalItems": {"type": "string"}}) == {"items": {"type": ["string"]}}


def test_additional_items_mean_nothing_beside_one_schema() -> None:
    assert read({"items": {"type": "string"}, "additionalItems": False}) == {"items": {"type": ["string"]}}


def test_an_api_has_no_tuples() -> None:
    found = api_reader()
    found.schema({"type": "array", "items": ITEMS}, "/a")
    assert [issue.pointer for issue in found.issues] == ["/a/items"]


@pytest.mark.parametrize("draft", [DRAFT_4, DRAFT_6, DRAFT_7, {}])
def test_dependencies_are_names_or_schemas(draft: dict[str, Any]) -> None:
    node = read({**draft, "dependencies": {"a": ["b", "b"], "c": {"required": ["d"]}}})
    assert node == {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}}


@pytest.mark.parametrize("draft", [DRAFT_2019, DRAFT_2020])
def test_dependencies_mean_nothing_in_newer_drafts(draft: dict[str, Any]) -> None:
    assert read({**draft, "dependencies": {"a": ["b"]}}) == {"dependencies" + ABSENT: {"a": ["b"]}}


@pytest.mark.parametrize("word", ["dependencies", "dependentRequired"])
def test_dependencies_are_a_map_of_lists_of_names(word: str) -> None:
    assert issues({word: ["a"]}) == [(f"/{word}", f"{word} is not a map")]
    assert issues({word: {"a": [1]}}) == [(f"/{word}/a", "what a depends on is no list of names")]


def test_a_dependency_that_is_no_list_is_noted() -> None:
    assert issues({"dependentRequired": {"a": "b"}}) == [
        ("/dependentRequired/a", "what a depends on is no list of names")
    ]


@pytest.mark.parametrize(
    ("draft", "written", "node"),
    [
        (DRAFT_4, {"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        (DRAFT_4, {"maximum": 1, "exclusiveMaximum": True}, {"exclusiveMaximum": 1}),
        (DRAFT_4, {"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        (DRAFT_4, {"minimum": 1, "exclusiveMinimum": 0}, {"minimum": 1, "exclusiveMinimum" + ABSENT: 0}),
        (DRAFT_6, {"exclusiveMinimum": 1}, {"exclusiveMinimum": 1}),
        (DRAFT_2020, {"minimum": 0, "exclusiveMaximum": 2.5}, {"minimum": 0, "exclusiveMaximum": 2.5}),
        (DRAFT_2020, {"minimum": 1, "exclusiveMinimum": True}, {"minimum": 1, "exclusiveMinimum" + ABSENT: True}),
        (DRAFT_7, {"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
        ({}, {"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({}, {"exclusiveMinimum": 1}, {"exclusiveMinimum": 1}),
    ],
)
def test_an_exclusive_bound_is_read_as_its_draft_writes_it(
    draft: dict[str, Any], written: dict[str, Any], node: dict[str, Any]
) -> None:
    assert read({**draft, **written}) == node


def test_an_exclusive_switch_without_a_bound_is_noted() -> None:
    assert issues({**DRAFT_4, "exclusiveMaximum": True}) == [
        ("/exclusiveMaximum", "exclusiveMaximum is true without a maximum")
    ]


def test_a_bound_is_dropped_if_the_exclusive_one_is_the_same() -> None:
    assert read({"minimum": 1, "exclusiveMinimum": 1}) == {"exclusiveMinimum": 1}
    assert read({"minimum": 2, "exclusiveMinimum": 1}) == {"minimum": 2, "exclusiveMinimum": 1}


@pytest.mark.parametrize(
    ("word", "value", "read_as"),
    [
        ("minimum", 1.0, 1),
        ("minimum", -2.5, -2.5),
        ("maxLength", 3.0, 3),
        ("multipleOf", 0.1, 0.1),
        ("maxItems", 0, 0),
    ],
)
def test_a_number_is_kept_as_its_shortest(word: str, value: float, read_as: float) -> None:
    found = read({word: value})[word]
    assert found == read_as
    assert type(found) is type(read_as)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("minLength", -1),
        ("minLength", 1.5),
        ("multipleOf", 0),
        ("multipleOf", -2),
        ("minimum", True),
        ("maximum", 10**301),
        ("maxItems", []),
        ("minimum", {"a": 1}),
    ],
)
def test_a_number_that_is_none_is_noted(word: str, value: Any) -> None:
    assert issues({word: value}) == [(f"/{word}", f"{word} is no usable number")]
    assert word not in read({word: value})


def test_a_number_in_a_text_is_read_and_noted() -> None:
    assert read({"minimum": "3"}) == {"minimum": 3}
    assert issues({"minimum": "3"}) == [("/minimum", "minimum is a text")]
    assert issues({"minimum": "low"}) == [("/minimum", "minimum is a text")]
    assert read({"minimum": "low"}) == {}


def test_a_bound_of_null_is_no_bound() -> None:
    assert read({"minimum": None}) == {}
    assert issues({"minimum": None}) == []


@pytest.mark.parametrize("word", ["uniqueItems", "readOnly", "writeOnly", "deprecated"])
def test_a_switch_is_true_or_false(word: str) -> None:
    assert read({word: True})[word] is True
    assert issues({word: "yes"}) == [(f"/{word}", f"{word} is neither true nor false")]
    assert word not in read({word: "yes"})


@pytest.mark.parametrize("word", ["allOf", "anyOf", "oneOf", "prefixItems"])
def test_alternatives_are_a_list_that_is_not_empty(word: str) -> None:
    unreadable: list[Any] = [[], {}, "a", None]
    for written in unreadable:
        assert issues({word: written}) == [(f"/{word}", f"{word} is not a list of schemas")]
    assert read({word: [{"type": "string"}]}) == {word: [{"type": ["string"]}]}


@pytest.mark.parametrize("word", ["properties", "patternProperties", "dependentSchemas"])
def test_maps_of_schemas_are_maps(word: str) -> None:
    unreadable: list[Any] = [[], "a", None]
    for written in unreadable:
        assert issues({word: written}) == [(f"/{word}", f"{word} is not a map of schemas")]
    assert read({word: {"a": True, "b": False}}) == {word: {"a": {}, "b": {"type": []}}}


@pytest.mark.parametrize(
    "word", ["additionalProperties", "not", "if", "contains", "propertyNames", "unevaluatedItems", "contentSchema"]
)
def test_a_keyword_with_one_schema(word: str) -> None:
    assert read({word: {"type": "string"}}) == {word: {"type": ["string"]}}
    assert read({word: False}) == {word: {"type": []}}
    assert issues({word: 7}) == [(f"/{word}", "not a schema")]


@pytest.mark.parametrize("word", ["title", "$comment", "example", "examples", "$defs", "definitions", "externalDocs"])
def test_words_that_restrict_nothing_are_left_out(word: str) -> None:
    assert read({word: {"a": 1}}) == {}


@pytest.mark.parametrize("word", ["x-order", "check", "extends"])
def test_words_that_are_not_known_stay(word: str) -> None:
    assert read({word: {"a": 1}}) == {word: {"a": 1}}


@pytest.mark.parametrize(
    ("draft", "word"),
    [
        (DRAFT_4, "const"),
        (DRAFT_4, "contains"),
        (DRAFT_6, "if"),
        (DRAFT_7, "minContains"),
        (DRAFT_7, "unevaluatedProperties"),
        (DRAFT_2019, "prefixItems"),
    ],
)
def test_a_word_that_its_draft_does_not_have_is_kept_apart(draft: dict[str, Any], word: str) -> None:
    assert read({**draft, word: 1}) == {word + ABSENT: 1}


def test_pattern_properties_are_no_keyword_of_an_older_api() -> None:
    assert api_read({"patternProperties": {"^a": {}}}) == {"patternProperties" + ABSENT: {"^a": {}}}
    assert api_read({"patternProperties": {"^a": {}}}, "3.1.0") == {"patternProperties": {"^a": {}}}


def test_a_schema_of_another_dialect_keeps_its_address() -> None:
    inner = {**DRAFT_7, "const": 1, "exclusiveMinimum": 0}
    assert "$schema" + ABSENT in read({**DRAFT_2020, "properties": {"a": inner}})["properties"]["a"]
    plain = {**DRAFT_7, "type": "string"}
    assert read({**DRAFT_2020, "properties": {"a": plain}})["properties"]["a"] == {"type": ["string"]}
