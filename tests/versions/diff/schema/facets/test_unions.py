"""Alternatives: which belong together, and whether the union as a whole moved."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT, compared, drafts, keys
from tests.versions.nodes import read
from versions.diff.findings import Direction, Severity
from versions.diff.schema.facets.place import harmful
from versions.diff.schema.facets.unions import align, compare_unions, has_union

CAT: dict[str, Any] = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind"],
}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}}, "required": ["kind"]}
COW = {"type": "object", "properties": {"kind": {"const": "cow"}}, "required": ["kind"]}


def any_of(*members: Any) -> dict[str, Any]:
    return {"anyOf": list(members)}


def harm(old: Any, new: Any, direction: Direction = SENT) -> list[str]:
    """The keys of what may break somebody and is not proved harmless."""
    found = [draft for draft in compared(old, new, direction) if not draft.proved_harmless]
    return [draft.key for draft in found if harmful(draft.effect, direction)]


@pytest.mark.parametrize(
    ("node", "has"), [({}, False), ({"anyOf": []}, True), ({"oneOf": []}, True), ({"allOf": []}, False)]
)
def test_what_alternatives_are(node: Any, has: bool) -> None:
    assert has_union(node) is has


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (any_of(CAT), any_of(CAT, DOG), "member-added"),
        (any_of(CAT, DOG), any_of(CAT), "member-removed"),
        (any_of(CAT, DOG), any_of(CAT, DOG, COW), "member-added"),
        (CAT, any_of(CAT, DOG), "member-added"),
        (any_of(CAT, DOG), DOG, "member-removed"),
    ],
)
def test_a_member_that_came_or_went(old: Any, new: Any, key: str) -> None:
    assert [draft.key for draft in compared(old, new)] == [key]
    assert harm(old, new, SENT if key == "member-removed" else READ) == [key]


def test_members_are_named_as_a_person_calls_them() -> None:
    defs = {"$defs": {"Cat": CAT, "Dog": DOG}}
    ref = [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    found = compared({**any_of(ref[0]), **defs}, {**any_of(*ref), **defs}, READ)
    assert [(draft.key, draft.old, draft.new) for draft in found] == [("member-added", None, "object")]


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_the_order_of_members_says_nothing(word: str) -> None:
    assert harm({word: [CAT, DOG]}, {word: [DOG, CAT]}) == []
    assert harm({word: [CAT, DOG]}, {word: [DOG, CAT]}, READ) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (any_of({"type": "string"}, {"type": "integer"}), {"type": ["integer", "string"]}),
        (any_of({"type": "string"}, {"type": "null"}), {"type": ["string", "null"]}),
        (any_of({"maximum": 3, "type": "integer"}, {"type": "integer"}), {"type": "integer"}),
        ({"anyOf": [CAT, DOG, CAT]}, any_of(CAT, DOG)),
    ],
)
def test_the_same_union_in_other_words(old: Any, new: Any) -> None:
    assert harm(old, new) == []
    assert harm(new, old) == []


def test_members_with_one_tag_are_compared_with_each_other() -> None:
    stricter: dict[str, Any] = {**CAT, "properties": {**CAT["properties"], "lives": {"type": "integer", "maximum": 9}}}
    found = compared(any_of(CAT, DOG), any_of(DOG, stricter))
    assert [(draft.key, draft.name) for draft in found] == [("bound-added", "lives")]


def test_members_of_one_type_are_compared_with_each_other() -> None:
    old = any_of({"type": "string", "maxLength": 5}, {"type": "array"})
    new = any_of({"type": "string", "maxLength": 4}, {"type": "array"})
    assert harm(old, new) == ["bound-tightened"]


def test_a_claim_about_a_member_is_harmless_if_another_takes_its_values() -> None:
    old = any_of({"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 5})
    new = any_of({"type": "integer", "maximum": 4}, {"type": "integer", "minimum": 5})
    assert harm(old, new) == []


def test_what_one_of_refuses_twice_is_told() -> None:
    apart = {"oneOf": [{"type": "integer", "maximum": 3}, {"type": "integer", "minimum": 4}]}
    overlapping = {"oneOf": [{"type": "integer", "maximum": 4}, {"type": "integer", "minimum": 4}]}
    found = [draft for draft in compared(apart, overlapping) if draft.key == "keyword-undecided"]
    assert [(draft.keyword, draft.value) for draft in found] == [("oneOf", 4)]


def test_a_member_that_only_an_untyped_one_covers_is_left_to_a_person() -> None:
    old = any_of({"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "integer", "minimum": 5})
    found = [draft for draft in compared(old, any_of({"minimum": 5}, {"type": "null"})) if draft.doubtful]
    assert [(draft.key, draft.severity) for draft in found] == [("member-removed", Severity.REVIEW)]


def test_siblings_of_alternatives_are_compared_too() -> None:
    old = {**any_of({"required": ["a"]}, {"required": ["b"]}), "maxProperties": 5}
    new = {**any_of({"required": ["a"]}, {"required": ["b"]}), "maxProperties": 4}
    assert "property-count-tightened" in keys(compare_unions, old, new)


def test_both_keywords_are_every_combination() -> None:
    old = {"anyOf": [{"minimum": 0}, {"maximum": -9}], "oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}
    new = {"anyOf": [{"minimum": 3}, {"maximum": -9}], "oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}
    assert harm(old, new) != []


@pytest.mark.parametrize("direction", [SENT, READ])
def test_a_member_that_went_is_shown_by_a_value(direction: Direction) -> None:
    sides = (any_of(CAT, DOG), any_of(CAT)) if direction is SENT else (any_of(CAT), any_of(CAT, DOG))
    (draft,) = drafts(compare_unions, *sides, direction)
    assert draft.has_value
    assert draft.value["kind"] == "dog"


def same_kind(left: Any, right: Any) -> bool:
    return bool(left == right)


@pytest.mark.parametrize(
    ("before", "after", "pairs", "lost", "gained"),
    [
        ("ab", "ba", 0, "", ""),
        ("ab", "a", 0, "b", ""),
        ("a", "ab", 0, "", "b"),
        ("ab", "ac", 1, "", ""),
        ("abc", "ad", 0, "bc", "d"),
        ("aa", "a", 0, "a", ""),
        ("", "", 0, "", ""),
    ],
)
def test_members_are_aligned(before: str, after: str, pairs: int, lost: str, gained: str) -> None:
    def members(names: str) -> list[Any]:
        return [read({"const": name}) for name in names]

    found, went, came = align(same_kind, members(before), members(after))
    assert len(found) == pairs
    assert [node["const"] for node in went] == list(lost)
    assert [node["const"] for node in came] == list(gained)
