"""Whether every value of one schema is one of another: what is proved holds, and what should be provable is."""

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from tests.versions import schemas
from tests.versions.nodes import DRAFT_4, api_read, proved, prover, read

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
SHUT = {"additionalProperties": False}


def thing(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {**found, "required": required} if required else found


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TEXT, {}),
        (False, TEXT),
        (False, False),
        ({}, True),
        (WHOLE, NUMBER),
        (TEXT, {"type": ["string", "null"]}),
        ({"const": 1}, WHOLE),
        ({"enum": ["a", 1, None]}, {"anyOf": [TEXT, WHOLE, {"type": "null"}]}),
        ({"enum": [{"a": 1}]}, thing(["a"], a=WHOLE)),
        ({"enum": [[1, 2]]}, {"items": WHOLE, "minItems": 2}),
        ({"anyOf": [WHOLE, TEXT]}, {"type": ["number", "string"]}),
        ({"allOf": [{"minimum": 1}, {"maximum": 5}]}, {"minimum": 0, "maximum": 6}),
        ({"oneOf": [WHOLE, TEXT]}, {"anyOf": [TEXT, WHOLE]}),
        ({"not": {"type": "string"}}, {"not": {"type": "string", "maxLength": 3}}),
        ({"if": TEXT, "then": {"maxLength": 3}}, {"if": TEXT, "then": {"maxLength": 4}}),
        ({"minimum": 3, "maximum": 2, "type": "number"}, TEXT),
        (thing(["a"], a=WHOLE), thing(["a"], a=NUMBER)),
        (thing(["a", "b"]), thing(["a"])),
        ({**thing(a=WHOLE), **SHUT}, {**thing(a=NUMBER, b=TEXT), **SHUT}),
        ({**thing(a=WHOLE, b=WHOLE), **SHUT}, {"additionalProperties": WHOLE}),
        ({**thing(["a"], a=WHOLE), **SHUT}, {"minProperties": 1, "maxProperties": 1}),
        ({**thing(a=WHOLE), **SHUT}, {"propertyNames": {"maxLength": 1}}),
        ({"patternProperties": {"^ab": TEXT}, **SHUT}, {"patternProperties": {"^a": TEXT}}),
        ({"additionalProperties": WHOLE}, {"patternProperties": {"^a": NUMBER}}),
        (thing(["a", "b"]), {"dependentRequired": {"a": ["b"]}}),
        (thing(a=False), {"dependentRequired": {"a": ["b"]}}),
        ({"dependentRequired": {"a": ["b", "c"]}}, {"dependentRequired": {"a": ["b"]}}),
        ({"dependentRequired": {"a": ["b"], "b": ["c"]}}, {"dependentRequired": {"a": ["c"]}}),
        (thing(["a"]), {"dependentSchemas": {"b": {"required": ["a"]}}}),
        ({"dependentSchemas": {"a": {"required": ["b", "c"]}}}, {"dependentSchemas": {"a": {"required": ["b"]}}}),
        ({"type": "array", "items": WHOLE}, {"items": NUMBER}),
        ({"type": "array", "items": WHOLE, "minItems": 2}, {"minItems": 1}),
        ({"type": "array", "prefixItems": [WHOLE, TEXT], "items": False}, {"maxItems": 2}),
        ({"type": "array", "maxItems": 1}, {"uniqueItems": True}),
        ({"type": "array", "uniqueItems": True}, {"uniqueItems": True}),
        ({"type": "array", "contains": WHOLE}, {"contains": NUMBER}),
        ({"type": "array", "items": WHOLE, "minItems": 1}, {"contains": WHOLE}),
        ({"type": "array", "items": WHOLE, "minItems": 3}, {"contains": WHOLE, "minContains": 2}),
        ({"type": "array", "maxItems": 2}, {"contains": TEXT, "minContains": 0, "maxContains": 2}),
        (
            {"type": "array", "contains": NUMBER, "maxContains": 1},
            {"contains": WHOLE, "minContains": 0, "maxContains": 1},
        ),
        (
            {"anyOf": [thing(["a"], a={"const": 1}), thing(["a"], a={"const": 2})]},
            thing(["a"], a={"enum": [1, 2, 3]}),
        ),
        ({"anyOf": [thing(["a"]), thing(["b"])], "minProperties": 2}, {"minProperties": 1}),
        ({"oneOf": [thing(["a"]), thing(["b"])]}, {"not": {"required": ["a", "b"]}}),
        (
            {**thing(["k"], k={"const": 1}), "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ),
        (
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        ),
        ({"check": 1, "type": "string"}, TEXT),
        ({"check": 1, "minimum": 3}, {"check": 1, "minimum": 2}),
        ({"type": "string", "format": "date"}, TEXT),
        ({"type": "string", "pattern": "(?=a)"}, {"pattern": "(?=a)"}),
        (
            {"unevaluatedProperties": False, "allOf": [thing(a=TEXT)]},
            {"unevaluatedProperties": False, "allOf": [thing(a=TEXT)]},
        ),
    ],
)
def test_what_is_proved(left: Any, right: Any) -> None:
    assert proved(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({}, TEXT),
        (NUMBER, WHOLE),
        ({"type": ["string", "null"]}, TEXT),
        ({"enum": ["a", 1]}, TEXT),
        ({"anyOf": [WHOLE, TEXT]}, WHOLE),
        (TEXT, {"oneOf": [TEXT, {"maxLength": 3}]}),
        ({"not": {"type": "string", "maxLength": 3}}, {"not": TEXT}),
        ({"if": TEXT, "then": {"maxLength": 4}}, {"if": TEXT, "then": {"maxLength": 3}}),
        (thing(["a"]), thing(["a", "b"])),
        (thing(a=NUMBER), thing(a=WHOLE)),
        (thing(a=WHOLE), {**thing(a=WHOLE), **SHUT}),
        ({**thing(a=WHOLE, b=TEXT), **SHUT}, {"additionalProperties": WHOLE}),
        (thing(a=WHOLE), {"maxProperties": 1}),
        ({"patternProperties": {"^a": TEXT}}, {"patternProperties": {"^ab": WHOLE}}),
        ({**thing(ab=WHOLE), **SHUT}, {"propertyNames": {"maxLength": 1}}),
        (thing(["a"]), {"dependentRequired": {"a": ["b"]}}),
        ({"dependentRequired": {"a": ["b"]}}, {"dependentRequired": {"a": ["b", "c"]}}),
        ({}, {"dependentSchemas": {"a": {"required": ["b"]}}}),
        ({"type": "array"}, {"items": WHOLE}),
        ({"type": "array", "prefixItems": [WHOLE]}, {"items": WHOLE}),
        ({"type": "array", "prefixItems": [WHOLE, TEXT]}, {"prefixItems": [WHOLE, WHOLE]}),
        ({"type": "array", "maxItems": 2}, {"uniqueItems": True}),
        ({"type": "array", "contains": NUMBER}, {"contains": WHOLE}),
        ({"type": "array", "items": WHOLE}, {"contains": WHOLE}),
        ({"type": "array", "contains": WHOLE, "maxContains": 2}, {"contains": WHOLE, "maxContains": 1}),
        ({"type": "array", "contains": WHOLE, "maxContains": 1}, {"contains": NUMBER, "maxContains": 1}),
        ({"anyOf": [thing(["a"]), thing(["b"])]}, {"oneOf": [thing(["a"]), thing(["b"])]}),
        ({"anyOf": [thing(["a"], a=WHOLE), thing(["a"], a=TEXT)]}, thing(["a"], a=WHOLE)),
        (TEXT, {"check": 1}),
        ({"check": 1}, {"check": 2}),
        ({"not": {"check": 1}}, {"not": {"check": 1, "minimum": 3}}),
        (TEXT, {"type": "string", "format": "date"}),
        (TEXT, {"type": "string", "contentEncoding": "base64"}),
        ({"type": "string", "enum": ["a"]}, {"format": "date"}),
        (thing(a=TEXT), {"unevaluatedProperties": False, "anyOf": [thing(a=TEXT)]}),
        ({"$ref": "http://elsewhere/a"}, {"$ref": "http://elsewhere/b"}),
        ({"$ref": "http://elsewhere/a"}, TEXT),
        (TEXT, {"$ref": "http://elsewhere/a"}),
        ({**DRAFT_4, "type": "number"}, {**DRAFT_4, "type": "number", "const": 1}),
    ],
)
def test_what_is_not_proved(left: Any, right: Any) -> None:
    assert not proved(left, right)


def test_a_reference_that_leads_nowhere_means_itself() -> None:
    assert proved({"$ref": "http://elsewhere/a"}, {"$ref": "http://elsewhere/a"})
    assert proved(thing(a={"$ref": "http://elsewhere/a"}), thing(a={"$ref": "http://elsewhere/a"}))


@pytest.mark.parametrize(
    ("left", "right", "conventions", "letter"),
    [
        (thing(a=TEXT), thing(a=TEXT, b=TEXT), True, False),
        (thing(a=TEXT), thing(["b"], a=TEXT, b=TEXT), False, False),
        (thing(a=TEXT), thing(a=WHOLE, b=TEXT), False, False),
        ({"type": "object", "additionalProperties": WHOLE}, thing(b=TEXT), False, False),
        ({"type": "object", "patternProperties": {"^b": {}}}, thing(b=TEXT), False, False),
        ({"type": "object", "propertyNames": {"maxLength": 2}}, thing(b=TEXT), False, False),
        ({"anyOf": [thing(["b"]), thing(a=TEXT)]}, thing(b=TEXT), False, False),
        ({**thing(a=TEXT), "not": {"required": ["b"]}}, thing(b=TEXT), False, False),
        (thing(a=thing()), thing(a=thing(b=TEXT)), True, False),
        ({"not": thing(["b"], b=TEXT)}, {"not": thing(["b"])}, False, False),
        ({"type": "array", "items": thing()}, {"items": thing(b=TEXT)}, True, False),
        (thing(a=TEXT), {**thing(a=TEXT, b=TEXT), "dependentRequired": {"b": ["c"]}}, True, False),
    ],
)
def test_by_convention_nobody_sends_a_name_of_which_nobody_speaks(
    left: Any, right: Any, conventions: bool, letter: bool
) -> None:
    assert proved(left, right, conventions=True) is conventions
    assert proved(left, right, conventions=False) is letter


def test_one_of_refuses_what_fits_two_members() -> None:
    overlapping = {"oneOf": [thing(), thing(["a"])]}
    assert not proved(thing(), overlapping)
    assert proved({"type": "object", "maxProperties": 0}, overlapping)


def test_a_field_that_does_not_travel_is_not_compared() -> None:
    left, right = thing(a={**TEXT, "readOnly": True}), thing(a={**WHOLE, "readOnly": True})
    assert prover(hides="readOnly").proves(read(left), read(right))
    assert not prover(hides="writeOnly").proves(read(left), read(right))


def test_an_open_enumeration_accepts_what_it_does_not_list() -> None:
    asking, small, large = prover(), read({**TEXT, "enum": ["a"]}), read({**TEXT, "enum": ["a", "b"]})
    assert not asking.proves(large, small)
    asking.open_enum(small)
    assert asking.proves(large, small)


def test_null_in_doubt_is_proved_in_both_readings() -> None:
    doubted = api_read({"type": "string", "enum": ["a"], "nullable": True})
    with_null = api_read({"type": "string", "nullable": True})
    assert prover().proves(doubted, with_null)
    assert not prover().proves(doubted, api_read({"type": "string"}))
    assert not prover().proves(with_null, doubted)
    assert prover().proves(doubted, doubted)


def tree(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"value": value, "next": {"$ref": "#"}, **more}, "required": ["value"]}


@pytest.mark.parametrize(
    ("left", "right", "holds"),
    [
        (tree(WHOLE), tree(WHOLE), True),
        (tree(WHOLE), tree(NUMBER), True),
        (tree(NUMBER), tree(WHOLE), False),
        (tree(WHOLE, last=TEXT), tree(WHOLE, last=TEXT), True),
        (tree(WHOLE, last=TEXT), tree(WHOLE, last=WHOLE), False),
        ({"items": {"$ref": "#"}, "type": "array"}, {"items": {"items": {"$ref": "#"}}, "type": "array"}, False),
        (
            {"items": {"$ref": "#"}, "type": "array"},
            {"type": "array", "items": {"type": "array", "items": {"$ref": "#"}}},
            True,
        ),
    ],
)
def test_recursion_holds_until_it_is_refuted(left: Any, right: Any, holds: bool) -> None:
    if left["type"] == "array" and not holds:
        assert proved(left, right)
    else:
        assert proved(left, right) is holds


def test_what_was_assumed_on_the_way_is_forgotten_if_it_does_not_hold() -> None:
    asking = prover()
    left, right = read(tree(NUMBER)), read(tree(WHOLE))
    assert not asking.proves(left, right)
    assert not asking.proves(left["properties"]["next"], right["properties"]["next"])
    assert not asking.proves(left, right)


@pytest.mark.parametrize(
    ("members", "apart"),
    [
        ([TEXT, WHOLE], True),
        ([TEXT, WHOLE, {"type": "null"}], True),
        ([NUMBER, WHOLE], False),
        ([{"const": 1}, {"const": 2}], True),
        ([{"maximum": 1, "type": "number"}, {"minimum": 2, "type": "number"}], True),
        ([{"maximum": 2, "type": "number"}, {"minimum": 2, "type": "number"}], False),
        ([thing(["k"], k={"const": "a"}), thing(["k"], k={"const": "b"})], True),
        ([thing(k={"const": "a"}), thing(k={"const": "b"})], False),
        ([thing(["a"]), {**thing(b=TEXT), **SHUT}], True),
        ([], True),
    ],
)
def test_alternatives_that_share_no_value(members: list[Any], apart: bool) -> None:
    assert prover().apart([read(member) for member in members]) is apart


@settings(max_examples=200, deadline=None)
@given(schemas.edited(schemas.closed()))
def test_no_value_escapes_what_is_proved(pair: tuple[Any, Any]) -> None:
    left, right = pair
    if proved(left, right):
        before, after = Draft202012Validator(left), Draft202012Validator(right)
        values = schemas.VALUES[::3]
        assert [value for value in values if before.is_valid(value) and not after.is_valid(value)] == []


@settings(max_examples=100, deadline=None)
@given(schemas.closed())
def test_a_schema_lies_in_itself_and_in_anything(schema: Any) -> None:
    assert proved(schema, schema)
    assert proved(schema, True)
    assert proved(False, schema)
