"""Each room of versions/diff/schema by itself, so that a proof that fails names its room."""

from typing import Any

import pytest

from versions.diff.findings import Direction
from versions.diff.openapi.media import covering, written
from versions.diff.schema.proof.prover import Prover
from versions.diff.schema.reading.dialect import dialect_of, openapi_dialect
from versions.diff.schema.reading.node import Node
from versions.diff.schema.reading.reader import SchemaReader
from versions.diff.schema.reading.resources import SchemaResources
from versions.diff.schema.sets.automata import searched
from versions.diff.schema.sets.boxes import Boxes
from versions.diff.schema.sets.integers import whole_bounds
from versions.diff.schema.sets.members import ArrayItems, ObjectNames
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.owned import foreign, looks_around
from versions.diff.schema.sets.samples import numbers, strings
from versions.diff.schema.sets.scalars import decide
from versions.diff.schema.sets.validity import Judge

NEWEST = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
OLD = {"$schema": "http://json-schema.org/draft-04/schema#"}


def read(schema: Any) -> Node:
    """The node of a bare schema."""
    return SchemaReader(schema, dialect_of(schema), Direction.REQUEST).schema(schema, "")


def proved(left: Any, right: Any) -> bool:
    """Whether a prover of its own proves inclusion, to the letter."""
    return Prover(Normal(), Judge(), True, "readOnly", False).proves(read(left), read(right))


def test_dialect_knows_which_keywords_exist() -> None:
    assert "const" in dialect_of(OLD).absent
    assert "dependencies" in dialect_of(NEWEST).absent
    assert not dialect_of({}).absent
    assert openapi_dialect({"openapi": "3.0.3"}).knows_nullable
    assert not openapi_dialect({"openapi": "3.1.0"}).knows_nullable


def test_reading_keeps_a_word_of_another_draft_apart() -> None:
    assert set(read({**OLD, "const": 1})) == {"const (no keyword here)"}
    assert read({**NEWEST, "const": 1}) == {"const": 1}


def test_finishing_marks_null_that_is_in_doubt() -> None:
    root = {"openapi": "3.0.3"}
    reader = SchemaReader(root, openapi_dialect(root), Direction.REQUEST)
    sure = reader.schema({"type": "string", "nullable": True}, "/a")
    doubted = reader.schema({"type": "string", "enum": ["a"], "nullable": True}, "/b")
    assert sure == {"type": ["string", "null"]}
    assert doubted["nullable"] is True


INNER = {"$id": "http://x/inner", "$defs": {"a b": {"$anchor": "here"}}}


@pytest.mark.parametrize(
    ("ref", "pointer"),
    [("#/$defs/i", "/$defs/i"), ("inner", "/$defs/i"), ("http://x/inner#/$defs/a%20b", "/$defs/i/$defs/a b"),
     ("inner#here", "/$defs/i/$defs/a b"), ("#here", None), ("other", None)],
)  # fmt: skip
def test_resources_follow_addresses_and_anchors(ref: str, pointer: str | None) -> None:
    root = {**NEWEST, "$id": "http://x/root", "$defs": {"i": INNER}}
    found = SchemaResources(root, dialect_of(root)).find(ref)
    assert (found.pointer if found.there else None) == pointer


def test_normal_merges_what_one_node_can_say() -> None:
    normal = Normal()
    assert normal.form({"allOf": [{"minimum": 1}, {"minimum": 3}]}) == {"minimum": 3}
    marked: Node = {"allOf": [{"type": ["string"], "nullable": True}, {"maxLength": 3}]}
    assert "allOf" in normal.form(marked)


def test_integers_have_whole_bounds() -> None:
    assert whole_bounds({"minimum": 0.5, "exclusiveMaximum": 3}) == {"minimum": 1, "maximum": 2}


def test_owned_lists_what_proofs_rest_on() -> None:
    assert foreign({"type": ["string"], "check": 1, "x-note": 1, "title": "t"}) == {"check": 1}
    assert looks_around({"unevaluatedItems": {}, "contains": {}}, "unevaluatedItems")
    assert not looks_around({"unevaluatedProperties": {}, "properties": {}}, "unevaluatedProperties")


@pytest.mark.parametrize(
    ("node", "value", "sure"),
    [({"type": ["string"], "format": "date"}, "a", None), ({"type": ["string"], "format": "date"}, 1, False),
     ({"check": 1}, 1, None), ({"type": ["string"], "check": 1}, 1, False), ({"not": {"check": 1}}, 1, None),
     ({"type": ["integer"]}, 1, True), ({"enum": ["a"], "nullable": True}, "a", True)],
)  # fmt: skip
def test_validity_says_where_it_is_not_sure(node: Node, value: Any, sure: bool | None) -> None:
    assert Judge().surely(node, value) is sure


@pytest.mark.parametrize(
    ("left", "right", "kind", "included"),
    [({"minimum": 1}, {"exclusiveMinimum": 0}, "number", True),
     ({"minimum": 0}, {"exclusiveMinimum": 0}, "number", False),
     ({"pattern": "^ab"}, {"pattern": "^a"}, "string", True), ({"pattern": "^a"}, {"pattern": "^ab"}, "string", False),
     ({"enum": ["a"], "nullable": True}, {"enum": ["a"]}, "null", False),
     ({"enum": ["a"]}, {"enum": ["a"], "nullable": True}, "null", True),
     ({"not": {"type": ["number"], "check": 1}}, {"not": {"type": ["number"]}}, "number", None)],
)  # fmt: skip
def test_scalars_are_decided(left: Node, right: Node, kind: str, included: bool | None) -> None:
    assert decide(left, right, kind).included is included


def test_samples_stand_for_every_value() -> None:
    found, complete = numbers([], [])
    assert found
    assert complete
    texts, sure = strings([], [2], ["^a*$"])
    assert sure
    assert {len(text) for text in texts} >= {0, 1, 2, 3}


def test_automata_search_like_ecma() -> None:
    assert searched("^a.c$", "abc")
    assert not searched("^a.c$", "a\nc")


def test_boxes_see_that_a_node_is_empty() -> None:
    boxes = Boxes(Normal(), Judge())
    assert boxes.nothing({"type": ["string"], "minLength": 3, "maxLength": 2})
    assert boxes.empty({"type": ["array"], "minItems": 1, "items": {"type": []}}, "array")
    assert not boxes.nothing({"enum": ["a"], "nullable": True})


def test_members_count_names_and_items() -> None:
    closed: Node = {"properties": {"a": {}, "b": {"type": []}}, "additionalProperties": {"type": []}}
    assert ObjectNames(Normal(), (closed,)).highest() == 1
    assert ArrayItems(Normal(), ({"prefixItems": [{}], "items": {"type": []}},)).most == 1


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [({"type": "array", "items": {"type": "integer"}}, {"items": {"type": "number"}}, True),
     ({"type": "array", "contains": {"const": 1}}, {"minItems": 1}, True),
     ({"type": "array", "minItems": 1}, {"contains": {}}, True),
     ({"type": "array"}, {"uniqueItems": True}, False),
     ({"type": "object", "required": ["a"]}, {"minProperties": 1}, True),
     ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"type": "number"}}}, True),
     ({"type": "object"}, {"properties": {"a": {"type": "number"}}}, False),
     ({"type": "object", "required": ["a"]}, {"dependentRequired": {"a": ["b"]}}, False)],
)  # fmt: skip
def test_groups_of_arrays_and_objects(left: Any, right: Any, holds: bool) -> None:
    assert proved(left, right) is holds


LIST: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}}


def test_the_prover_follows_recursion() -> None:
    wider = {**LIST, "properties": {**LIST["properties"], "v": {"type": "number"}}}
    assert proved(LIST, wider)
    assert not proved(wider, LIST)


def test_the_prover_takes_one_of_to_the_letter() -> None:
    overlapping = {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 3}]}
    assert proved({"type": "integer", "maximum": 2}, overlapping)
    assert not proved({"type": "integer"}, overlapping)


@pytest.mark.parametrize(
    ("media", "names", "name"),
    [("application/json", ["*/*", "application/*"], "application/*"),
     ("text/plain;charset=utf-8", ["text/plain"], "text/plain"),
     ("application/json", ["application/json;version=2"], None),
     ("application/json;v=1", ["application/json"], "application/json")],
)  # fmt: skip
def test_media_types_that_speak_for_others(media: str, names: list[str], name: str | None) -> None:
    assert covering(written(media), map(written, names)) == name
