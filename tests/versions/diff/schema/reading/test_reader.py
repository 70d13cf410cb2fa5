"""References become the very node that they point to; what leads nowhere is noted and stays apart."""

from typing import Any

import pytest

from tests.versions.nodes import DRAFT_4, DRAFT_7, DRAFT_2020, api_reader, issues, read, reader
from versions.diff.findings import Direction
from versions.diff.schema.reading.dialect import dialect_of
from versions.diff.schema.reading.node import is_nothing
from versions.diff.schema.reading.reader import SchemaReader

TEXT = {"type": "string"}


def test_true_accepts_anything_and_false_nothing() -> None:
    assert read(True) == {}
    assert is_nothing(read(False))
    assert not is_nothing(read({}))


@pytest.mark.parametrize("schema", [None, 7, "text", [TEXT]])
def test_what_is_no_schema_is_noted_and_accepts_anything(schema: Any) -> None:
    assert read(schema) == {}
    assert issues(schema) == [("", "not a schema")]


def test_a_schema_is_read_once() -> None:
    root = {"properties": {"a": TEXT, "b": TEXT}}
    node = read(root)
    assert node["properties"]["a"] is node["properties"]["b"]


def test_a_reference_is_its_target() -> None:
    node = read(
        {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t"}, "b": {"$ref": "#/$defs/t"}}}
    )
    assert node["properties"]["a"] is node["properties"]["b"]
    assert node["properties"]["a"] == {"type": ["string"]}


def test_a_node_remembers_where_its_schema_stands() -> None:
    root = {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t"}, "b/c": {"items": TEXT}}}
    found = reader(root)
    node = found.schema(root, "")
    assert found.where[id(node)] == ""
    assert found.where[id(node["properties"]["a"])] == "/$defs/t"
    assert found.where[id(node["properties"]["b/c"])] == "/properties/b~1c"


def test_recursion_is_a_circle_of_nodes() -> None:
    node = read({"properties": {"next": {"$ref": "#"}}})
    assert node["properties"]["next"] is node


def test_two_schemas_that_refer_to_each_other() -> None:
    root = {
        "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/b"}}}, "b": {"properties": {"a": {"$ref": "#/$defs/a"}}}},
        "properties": {"start": {"$ref": "#/$defs/a"}},
    }
    start = read(root)["properties"]["start"]
    assert start["properties"]["b"]["properties"]["a"] is start


@pytest.mark.parametrize(
    "root",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}},
    ],
)
def test_a_reference_to_itself_leads_nowhere(root: dict[str, Any]) -> None:
    assert any("leads nowhere" in text for _pointer, text in issues(root))


@pytest.mark.parametrize("ref", ["#/nowhere", "#nowhere", "other.json", "http://a/b#/c", "#/properties/a/items/7"])
def test_a_reference_that_leads_nowhere_is_noted(ref: str) -> None:
    root = {"properties": {"a": {"items": TEXT}, "x": {"$ref": ref}}}
    node = read(root)["properties"]["x"]
    assert set(node) == {"x-unresolved"}
    assert [pointer for pointer, _text in issues(root)] == ["/properties/x"]


def test_what_leads_nowhere_is_the_same_on_both_sides_if_it_is_outside() -> None:
    assert read({"$ref": "other.json"}) == read({"title": "second", "$ref": "other.json"})


def test_what_leads_nowhere_depends_on_the_document_if_it_may_be_inside() -> None:
    inside = {"$id": "http://a/inner", "$anchor": "one"}
    first = read({**DRAFT_2020, "$ref": "#two", "$defs": {"i": inside}})
    second = read({**DRAFT_2020, "$ref": "#two", "$defs": {"i": {**inside, "type": "string"}}})
    assert first != second


def test_a_word_beside_a_reference_counts_in_newer_drafts() -> None:
    root = {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t", "maxLength": 3}}}
    assert read(root)["properties"]["a"] == {"allOf": [{"type": ["string"]}, {"maxLength": 3}]}


@pytest.mark.parametrize("draft", [DRAFT_4, DRAFT_7])
def test_a_word_beside_a_reference_is_nothing_in_older_drafts(draft: dict[str, Any]) -> None:
    root = {**draft, "definitions": {"t": TEXT}, "properties": {"a": {"$ref": "#/definitions/t", "maxLength": 3}}}
    assert read(root)["properties"]["a"] == {"type": ["string"]}


@pytest.mark.parametrize("word", ["title", "$comment", "x-note", "example"])
def test_a_note_beside_a_reference_makes_no_new_node(word: str) -> None:
    root = {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t", word: "note"}}}
    assert read(root)["properties"]["a"] == {"type": ["string"]}


@pytest.mark.parametrize(
    ("word", "value"), [("readOnly", True), ("writeOnly", True), ("default", "a"), ("deprecated", True)]
)
def test_access_and_default_beside_a_reference_speak_of_the_whole(word: str, value: Any) -> None:
    root = {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t", word: value}}}
    assert read(root)["properties"]["a"][word] == value


@pytest.mark.parametrize("word", ["nullable", "x-nullable"])
def test_null_beside_a_reference_of_an_older_api_is_in_doubt(word: str) -> None:
    found = api_reader(T=TEXT)
    node = found.schema({"$ref": "#/components/schemas/T", word: True}, "/a")
    assert node["nullable"] is True
    assert node["allOf"] == [{"type": ["string"]}]


def test_access_beside_a_reference_of_an_older_api_is_kept_apart() -> None:
    node = api_reader(T=TEXT).schema({"$ref": "#/components/schemas/T", "readOnly": True}, "/a")
    assert node["readOnly (no keyword here)"] is True
    assert "readOnly" not in node


def test_two_references_side_by_side_are_not_understood() -> None:
    root = {**DRAFT_2020, "$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t", "$dynamicRef": "#/$defs/t"}}}
    assert [pointer for pointer, _text in issues(root)] == ["/properties/a"]


def test_a_reference_may_go_through_another() -> None:
    root = {
        "$defs": {"t": {"properties": {"a": TEXT}}, "u": {"$ref": "#/$defs/t"}},
        "items": {"$ref": "#/$defs/u/properties/a"},
    }
    assert read(root)["items"] == {"type": ["string"]}


def test_a_deep_schema_needs_no_deep_stack() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(5000):
        schema = {"items": schema}
    node = read(schema)
    for _ in range(5000):
        node = node["items"]
    assert node == {"type": ["string"]}


def test_a_value_may_look_like_a_reference() -> None:
    assert read({"const": {"$ref": "#/nowhere"}}) == {"const": {"$ref": "#/nowhere"}}
    assert issues({"enum": [{"$ref": "#/nowhere"}], "default": {"$ref": "#"}}) == []


@pytest.mark.parametrize(
    ("raw", "marked"),
    [
        ({"readOnly": True}, True),
        ({"readOnly": "yes"}, False),
        ({"$ref": "#/$defs/hidden"}, True),
        ({"$ref": "#/$defs/twice"}, True),
        ({"$ref": "#/$defs/plain"}, False),
        ({"$ref": "#/$defs/plain", "readOnly": True}, True),
        ({"$ref": "#/nowhere"}, False),
        ("readOnly", False),
    ],
)
def test_access_is_seen_through_references(raw: Any, marked: bool) -> None:
    root = {**DRAFT_2020, "$defs": {"hidden": {"readOnly": True}, "twice": {"$ref": "#/$defs/hidden"}, "plain": TEXT}}
    assert reader(root).marked(raw, "readOnly") is marked


def test_access_beside_a_reference_is_nothing_in_older_drafts() -> None:
    root = {**DRAFT_7, "definitions": {"plain": TEXT}}
    assert not reader(root).marked({"$ref": "#/definitions/plain", "readOnly": True}, "readOnly")


def test_a_reference_of_a_document_is_resolved_to_its_raw_value() -> None:
    found = api_reader(T=TEXT)
    assert found.resolve("#/components/schemas/T") == (TEXT, True)
    assert found.resolve("#/components/schemas/U") == (None, False)


@pytest.mark.parametrize(("direction", "required"), [(Direction.REQUEST, ["b", "c"]), (Direction.RESPONSE, ["a", "c"])])
def test_a_field_that_does_not_travel_is_not_required(direction: Direction, required: list[str]) -> None:
    properties = {"a": {"readOnly": True}, "b": {"writeOnly": True}, "c": {}}
    assert read({"properties": properties, "required": ["a", "b", "c"]}, direction)["required"] == required


@pytest.mark.parametrize(
    ("schema", "node"),
    [
        ({"oneOf": [TEXT]}, {"anyOf": [{"type": ["string"]}]}),
        ({"oneOf": [TEXT], "anyOf": [{}]}, {"anyOf": [{}], "allOf": [{"anyOf": [{"type": ["string"]}]}]}),
        (
            {"oneOf": [TEXT], "anyOf": [{}], "allOf": [{"minimum": 1}]},
            {"anyOf": [{}], "allOf": [{"minimum": 1}, {"anyOf": [{"type": ["string"]}]}]},
        ),
        ({"anyOf": [TEXT]}, {"anyOf": [{"type": ["string"]}]}),
    ],
)
def test_one_of_may_be_read_as_any_of(schema: dict[str, Any], node: dict[str, Any]) -> None:
    found = SchemaReader(schema, dialect_of(schema), Direction.REQUEST, exact=False)
    assert found.schema(schema, "") == node
    assert found.issues == []
