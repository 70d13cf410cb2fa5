"""The walk over two schemas: what is said, where, once, and what is proved harmless."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT, compared, explained, explainer
from tests.versions.nodes import DRAFT_2020, read
from versions.diff.findings import Effect, Severity
from versions.diff.schema.explanation import explain
from versions.diff.schema.facets.place import SchemaPlace

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (TEXT, TEXT, []),
        (TEXT, {**TEXT, "title": "t"}, []),
        ({"maximum": 5}, {"maximum": 4}, [("bound-tightened", "")]),
        (
            {"properties": {"a": {"items": {"maximum": 5}}}},
            {"properties": {"a": {"items": {"maximum": 4}}}},
            [("bound-tightened", "a[*]")],
        ),
        ({**WHOLE, "minimum": 1}, {**WHOLE, "exclusiveMinimum": 0}, [("same-integer-bound", "")]),
        ({"allOf": [TEXT]}, TEXT, [("rewritten", "")]),
        ({"const": "a"}, {"enum": ["a"]}, [("rewritten", "")]),
        ({"not": {"type": "string"}}, {"not": {"type": "integer"}}, [("keyword-undecided", "")]),
        ({"not": {"maximum": 3}}, {"not": {"maximum": 4}}, [("keyword-narrowed", "")]),
        ({"not": {"maximum": 4}}, {"not": {"maximum": 3}}, [("keyword-widened", "")]),
        ({"check": 1}, {"check": 2}, [("unknown-keyword", "check")]),
        ({}, {"check": 2}, [("unknown-keyword", "check")]),
        ({"x-note": 1}, {"x-note": 2}, []),
        ({"$ref": "http://a/x"}, {"$ref": "http://a/y"}, [("keyword-undecided", "")]),
        ({"$ref": "http://a/x"}, {"$ref": "http://a/x"}, []),
        ({"$ref": "http://a/x"}, TEXT, [("keyword-undecided", "")]),
    ],
)
def test_what_the_walk_says(old: Any, new: Any, found: list[tuple[str, str]]) -> None:
    assert explained(old, new) == found


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, {"pattern": "^a"}, "all-of-removed"),
        (
            {"allOf": [{"pattern": "^a"}, {"pattern": "b$"}]},
            {"allOf": [{"pattern": "^a"}, {"pattern": "b$"}, {"pattern": "c"}]},
            "all-of-added",
        ),
        (
            {"allOf": [{"pattern": "^a"}, {"pattern": "^.b"}]},
            {"allOf": [{"pattern": "^a"}, {"pattern": "^.c"}]},
            "pattern-changed",
        ),
    ],
)
def test_parts_of_all_of_that_one_node_cannot_hold(old: Any, new: Any, key: str) -> None:
    assert key in [found for found, _name in explained(old, new)]


def test_a_condition_is_compared_as_one_set() -> None:
    old = {"if": {"minimum": 0}, "then": {"maximum": 5}}
    (draft,) = compared(old, {"if": {"minimum": 0}, "then": {"maximum": 4}})
    assert (draft.key, draft.keyword, draft.effect) == ("keyword-narrowed", "then", Effect.NARROWER)


def test_a_pair_of_nodes_is_compared_once() -> None:
    def document(limit: int) -> dict[str, Any]:
        ref = {"$ref": "#/$defs/t"}
        return {**DRAFT_2020, "$defs": {"t": {"maximum": limit}}, "properties": {"a": ref, "b": ref}}

    assert explained(document(5), document(4)) == [("bound-tightened", "a")]


def test_recursion_is_walked_once() -> None:
    def tree(limit: int) -> dict[str, Any]:
        return {"properties": {"value": {"maximum": limit}, "next": {"$ref": "#"}}}

    assert explained(tree(5), tree(4)) == [("bound-tightened", "value")]


def test_a_use_of_what_was_compared_before_is_noted() -> None:
    visitor = explainer()
    old, new = read({"maximum": 5}), read({"maximum": 4})
    for use in ("first", "second", "second"):
        visitor.use = use
        visitor.compare(SchemaPlace(old, new, ""))
    (draft,) = visitor.drafts
    assert (draft.use, draft.also) == ("first", ["second", "second"][:1])


def test_what_lies_very_deep_is_compared_as_a_body_of_its_own() -> None:
    def deep(limit: int) -> dict[str, Any]:
        schema: dict[str, Any] = {"maximum": limit, "type": "integer"}
        for _ in range(explain.DEEP + 5):
            schema = {"properties": {"a": schema}}
        return schema

    found = compared(deep(5), deep(4))
    assert [draft.key for draft in found] == ["bound-tightened"]
    assert len(found[0].name) < len(".a" * explain.DEEP)


def test_findings_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "MAX_FINDINGS", 10)
    old = {"properties": {f"p{number}": {"maximum": number} for number in range(30)}}
    new = {"properties": {f"p{number}": {"maximum": number - 1} for number in range(30)}}
    assert len(compared(old, new)) == 10


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ({**TEXT, "minLength": 3, "maxLength": 2}, TEXT, ["bound-removed", "bound-removed", "unsatisfiable-before"]),
        (TEXT, {**TEXT, "minLength": 3, "maxLength": 2}, ["bound-added", "bound-added", "unsatisfiable-after"]),
        ({**TEXT, "minLength": 3, "maxLength": 2}, {**TEXT, "minLength": 3, "maxLength": 2}, []),
        (False, TEXT, ["type-added"]),
    ],
)
def test_a_side_that_nothing_fits_is_named(old: Any, new: Any, keys: list[str]) -> None:
    assert [key for key, _name in explained(old, new)] == keys


@pytest.mark.parametrize("direction", [SENT, READ])
def test_what_is_proved_as_a_whole_is_harmless(direction: Any) -> None:
    narrow = {"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 10}
    wide = {"type": "integer", "minimum": 0, "maximum": 3}
    sides = (narrow, wide) if direction is SENT else (wide, narrow)
    found = [draft for draft in compared(*sides, direction) if draft.key == "bound-tightened" or draft.proved_harmless]
    assert all(draft.proved_harmless for draft in found)


def test_a_word_of_a_type_that_neither_side_has_is_left_to_a_person() -> None:
    found = compared({**TEXT, "minimum": 1}, {**TEXT, "minimum": 2})
    assert [(draft.key, draft.severity, draft.doubtful) for draft in found] == [
        ("bound-tightened", Severity.REVIEW, True)
    ]


def test_a_format_of_another_type_is_left_to_a_person() -> None:
    found = compared({"type": "boolean", "format": "a"}, {"type": "boolean", "format": "b"})
    assert [(draft.key, draft.severity) for draft in found] == [("format-swapped", Severity.REVIEW)]


def test_a_named_part_that_left_all_of_is_left_to_a_person() -> None:
    def document(*names: str) -> dict[str, Any]:
        parts = {"A": {"required": ["a"]}, "B": {"properties": {"a": {}}}}
        return {**DRAFT_2020, "$defs": parts, "allOf": [{"$ref": f"#/$defs/{name}"} for name in names]}

    visitor = explainer()
    from_old, from_new = document("A", "B"), document("A")
    old, new = read(from_old), read(from_new)
    visitor.where.old = {id(node): f"/$defs/{name}" for node, name in zip(old["allOf"], "AB", strict=True)}
    visitor.where.new = {id(new["allOf"][0]): "/$defs/A"}
    visitor.compare(SchemaPlace(old, new, ""))
    assert ("all-of-removed", Severity.REVIEW) in [(draft.key, draft.severity) for draft in visitor.drafts]


def test_the_making_side_depends_on_the_direction() -> None:
    place = SchemaPlace({"minimum": 1}, {"minimum": 2}, "")
    assert explainer(SENT).source(place) == ({"minimum": 1}, {"minimum": 2})
    assert explainer(READ).source(place) == ({"minimum": 2}, {"minimum": 1})
    assert explainer(SENT).pick("old", "new") == "old"
    assert explainer(READ).pick("old", "new") == "new"


def test_a_telling_value_is_checked() -> None:
    value, there = explainer().telling(read({"type": "integer", "maximum": 5}), read({"maximum": 4}))
    assert there
    assert value == 5
    assert explainer().telling(read(WHOLE), read({"type": "number"})) == (None, False)
