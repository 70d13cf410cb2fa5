"""Objects: which names exist, which are required, and what values each name may have."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT, drafts, keys, said
from tests.versions.nodes import read
from versions.diff.findings import Direction, Severity
from versions.diff.schema.facets.objects import hidden_word, is_closed, object_facets, schema_of

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
SHUT = {"additionalProperties": False}


def thing(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"properties": properties}
    return {**found, "required": required} if required else found


@pytest.mark.parametrize(
    ("old", "new", "sent", "read_back"),
    [
        (thing(), thing(a=TEXT), "optional-added", "optional-added"),
        (thing(), thing(["a"], a=TEXT), "required-added", "required-added"),
        (
            thing(),
            thing(["a"], a={**TEXT, "default": "x"}),
            "required-added-with-default",
            "required-added-with-default",
        ),
        ({**thing(), **SHUT}, {**thing(a=TEXT), **SHUT}, "optional-added-closed", "optional-added-closed"),
        (thing(a=TEXT), thing(), "optional-removed", "response-optional-removed"),
        (thing(["a"], a=TEXT), thing(), "required-removed", "response-required-removed"),
        ({**thing(a=TEXT), **SHUT}, {**thing(), **SHUT}, "removed-closed", "response-optional-removed"),
        (thing(a=TEXT), thing(["a"], a=TEXT), "became-required", "became-required"),
        (
            thing(a={**TEXT, "default": "x"}),
            thing(["a"], a={**TEXT, "default": "x"}),
            "became-required-with-default",
            "became-required-with-default",
        ),
        (thing(["a"], a=TEXT), thing(a=TEXT), "became-optional", "became-optional"),
        (thing(a=TEXT), thing(a=WHOLE), "type-swapped", "type-swapped"),
    ],
)
def test_what_is_said_of_a_name(old: Any, new: Any, sent: str, read_back: str) -> None:
    assert (keys(object_facets, old, new, SENT)[0], keys(object_facets, old, new, READ)[0]) == (sent, read_back)
    assert {name for _key, name, _effect in said(object_facets, old, new)} <= {"a", ""}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({}, SHUT, [("closed", "", "narrower")]),
        (SHUT, {}, [("opened", "", "wider")]),
        (SHUT, {"additionalProperties": TEXT}, [("unknown-names-untyped", "", "wider")]),
        ({"additionalProperties": TEXT}, SHUT, [("closed", "", "narrower")]),
        ({"additionalProperties": TEXT}, {"additionalProperties": WHOLE}, [("type-swapped", "*", "different")]),
        ({"additionalProperties": True}, {}, []),
        (SHUT, {"unevaluatedProperties": False}, []),
        ({"unevaluatedProperties": False}, {}, [("opened", "", "wider")]),
    ],
)
def test_what_is_said_of_undeclared_names(old: Any, new: Any, found: list[tuple[str, str, str]]) -> None:
    assert said(object_facets, old, new) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"required": []}, {"required": ["z"]}, [("became-required", "z", "narrower")]),
        ({"required": ["z"]}, {}, [("became-optional", "z", "wider")]),
        ({}, {"minProperties": 2}, [("bound-added", "", "narrower")]),
        ({"maxProperties": 2}, {"maxProperties": 3}, [("property-count-loosened", "", "wider")]),
        ({"maxProperties": 3}, {"maxProperties": 2}, [("property-count-tightened", "", "narrower")]),
        ({"minProperties": 1}, {}, [("bound-removed", "", "wider")]),
        ({"required": ["a"], "minProperties": 1}, {"required": ["a"]}, []),
        ({}, {"dependentRequired": {"a": ["b"]}}, [("keyword-narrowed", "", "narrower")]),
        (
            {"dependentRequired": {"a": ["b", "c"]}},
            {"dependentRequired": {"a": ["b"]}},
            [("keyword-widened", "", "wider")],
        ),
        (
            {"propertyNames": {"maxLength": 3}},
            {"propertyNames": {"maxLength": 2}},
            [("bound-tightened", "*", "narrower")],
        ),
        ({}, {"patternProperties": {"^a": TEXT}}, [("keyword-narrowed", "", "narrower")]),
        ({"patternProperties": {"^a": TEXT}}, {}, [("keyword-widened", "", "wider")]),
        (
            {"patternProperties": {"^a": TEXT}},
            {"patternProperties": {"^a": WHOLE}},
            [("type-swapped", "*", "different")],
        ),
    ],
)
def test_what_is_said_of_an_object(old: Any, new: Any, found: list[tuple[str, str, str]]) -> None:
    assert said(object_facets, old, new) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"additionalProperties": TEXT}, {"additionalProperties": TEXT, "patternProperties": {"^a": TEXT}}),
        ({"patternProperties": {"^a": TEXT}}, {"patternProperties": {"^a": TEXT, "^ab": TEXT}}),
        ({"patternProperties": {"^a$": TEXT}, **thing(a=TEXT)}, thing(a=TEXT)),
        ({"patternProperties": {"^a": {}}}, {}),
    ],
)
def test_a_pattern_that_follows_from_what_else_is_said_is_not_told(old: Any, new: Any) -> None:
    assert keys(object_facets, old, new) == []


def test_a_pattern_takes_a_removed_name() -> None:
    old, new = thing(ab=WHOLE), {**thing(), "patternProperties": {"^a": TEXT}}
    assert ("type-swapped", "ab", "different") in said(object_facets, old, new)
    same = {**thing(), "patternProperties": {"^a": WHOLE}}
    assert "optional-removed" not in keys(object_facets, old, same)


def test_a_removed_name_that_the_rest_takes_is_compared_with_the_rest() -> None:
    old, new = thing(["a"], a=TEXT), {"additionalProperties": WHOLE}
    found = said(object_facets, old, new)
    assert ("became-optional", "a", "wider") in found
    assert ("type-swapped", "a", "different") in found


def test_an_added_name_that_the_rest_took_is_compared_with_the_rest() -> None:
    old, new = {"additionalProperties": WHOLE}, {**thing(a=TEXT), "additionalProperties": WHOLE}
    assert said(object_facets, old, new) == [("type-swapped", "a", "different")]


def test_a_name_that_is_forbidden_now_is_told() -> None:
    assert ("keyword-narrowed", "a", "narrower") in said(object_facets, {}, thing(a=False))


@pytest.mark.parametrize(
    ("direction", "word", "old", "new", "key"),
    [
        (SENT, "readOnly", False, True, "became-read-only"),
        (READ, "writeOnly", False, True, "became-write-only"),
        (SENT, "readOnly", True, False, "access-widened"),
        (READ, "writeOnly", True, False, "access-widened"),
    ],
)
def test_a_field_that_begins_or_ends_to_travel(direction: Direction, word: str, old: bool, new: bool, key: str) -> None:
    before, after = (thing(a={**TEXT, word: side}) for side in (old, new))
    assert keys(object_facets, before, after, direction) == [key]


def test_a_field_that_begins_to_travel_and_is_required() -> None:
    before, after = (thing(["a"], a={**TEXT, "readOnly": side}) for side in (True, False))
    assert keys(object_facets, before, after, SENT) == ["required-access-widened"]


@pytest.mark.parametrize(
    ("old", "new"), [(thing(a={"readOnly": True}), thing()), (thing(), thing(a={"readOnly": True}))]
)
def test_a_field_that_does_not_travel_comes_and_goes_in_silence(old: Any, new: Any) -> None:
    assert keys(object_facets, old, new, SENT) == []
    assert keys(object_facets, old, new, READ) != []


def test_what_is_said_of_a_field_that_should_not_be_sent_is_left_to_a_person() -> None:
    old, new = (thing(a={"maximum": limit, "readOnly": True}) for limit in (5, 4))
    (draft,) = drafts(object_facets, old, new, SENT)
    assert (draft.key, draft.severity, draft.doubtful) == ("bound-tightened", Severity.REVIEW, True)


def test_names_are_told_in_the_order_of_the_old_side_and_new_ones_last() -> None:
    old, new = thing(b={"maximum": 2}, a={"maximum": 3}), thing(c=TEXT, a={"maximum": 2}, b={"maximum": 1})
    assert [name for _key, name, _effect in said(object_facets, old, new)] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("schema", "closed"),
    [({}, False), (SHUT, True), ({"unevaluatedProperties": False}, True), ({"additionalProperties": TEXT}, False)],
)
def test_a_closed_object_refuses_unknown_names(schema: Any, closed: bool) -> None:
    assert is_closed(read(schema)) is closed


@pytest.mark.parametrize(
    ("schema", "name", "held"),
    [
        ({}, "a", None),
        ({"additionalProperties": True}, "a", None),
        (SHUT, "a", {"type": []}),
        ({"patternProperties": {"^a": TEXT}, **SHUT}, "ab", {"type": ["string"]}),
        ({"patternProperties": {"^a": TEXT}, **SHUT}, "b", {"type": []}),
        ({"unevaluatedProperties": TEXT}, "a", {"type": ["string"]}),
    ],
)
def test_what_an_undeclared_name_must_fit(schema: Any, name: str, held: Any) -> None:
    assert schema_of(read(schema), name) == held


def test_fields_that_do_not_travel_have_a_word_for_each_direction() -> None:
    assert hidden_word(SENT) == "readOnly"
    assert hidden_word(READ) == "writeOnly"
