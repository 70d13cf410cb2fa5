"""Pairs that were called compatible once and break a caller: what changed, and in which direction."""

from typing import Any

from tests.versions.words import TEXT, WHOLE

NAMED: dict[str, Any] = {"type": "object", "properties": {"name": TEXT}}
SPECIAL: dict[str, Any] = {
    **NAMED, "if": {"properties": {"name": {"const": "special"}}}, "then": {"required": ["name"]},
}  # fmt: skip
ONE: dict[str, Any] = {"type": "object", "oneOf": [{"properties": {"d": TEXT}}, {"properties": {"g": TEXT}}]}
TUPLE: dict[str, Any] = {"type": "array", "prefixItems": [TEXT]}
AB: dict[str, Any] = {"type": "object", "properties": {"a": TEXT, "b": TEXT}}
BOTH_OPEN: list[Any] = [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": WHOLE}}]

# (what it is, old, new, direction)
BREAKS: list[tuple[str, Any, Any, str]] = [
    ("a condition added beside its siblings", NAMED, SPECIAL, "request"),
    ("a condition removed beside its siblings", SPECIAL, NAMED, "response"),
    ("a dependent schema added", AB, {**AB, "dependentSchemas": {"a": {"required": ["b"]}}}, "request"),
    ("a dependent schema removed", {**AB, "dependentSchemas": {"a": {"required": ["b"]}}}, AB, "response"),
    ("a dependency of draft 7 added", AB, {**AB, "dependencies": {"a": ["b"]}}, "request"),
    ("a negation added", AB, {**AB, "not": {"required": ["a", "b"]}}, "request"),
    ("a negation grows", {**AB, "not": {"required": ["a", "b"]}}, {**AB, "not": {"required": ["a"]}}, "request"),
    ("a member of oneOf leaves", ONE, {**ONE, "oneOf": ONE["oneOf"][:1]}, "request"),
    ("anyOf becomes oneOf", {"anyOf": BOTH_OPEN}, {"oneOf": BOTH_OPEN}, "request"),
    ("an object is wrapped into overlapping oneOf", NAMED, {"oneOf": [NAMED, {"type": "object"}]}, "request"),
    ("a member of oneOf grows into another", {"oneOf": [{"const": 1}, WHOLE]}, {"oneOf": [WHOLE, WHOLE]}, "request"),
    ("an old side that is empty", {**TEXT, "pattern": "^.{36}$", "maxLength": 29}, {**TEXT, "maxLength": 3}, "request"),
    ("a new side that is empty", TEXT, {**TEXT, "minLength": 3, "maxLength": 2}, "response"),
    ("a required name without a schema", {"type": "object"}, {"type": "object", "required": ["a"]}, "request"),
    ("a declared name required and not declared", NAMED, {"type": "object", "required": ["name"]}, "request"),
    ("a required name gets a schema", {"type": "object", "required": ["name"]}, {**NAMED, "required": ["name"]},
     "request"),
    ("numbers become booleans", {"enum": [0, 1]}, {"enum": [False, True]}, "request"),
    ("a boolean becomes a number", {"const": True}, {"const": 1}, "request"),
    ("numbers become booleans inside", {"enum": [[0, {"a": 1}]]}, {"enum": [[False, {"a": True}]]}, "request"),
    ("a number becomes a boolean in a property", {"properties": {"a": {"const": 0}}},
     {"properties": {"a": {"const": False}}}, "request"),
    ("large divisors", {**WHOLE, "multipleOf": 16777216}, {**WHOLE, "multipleOf": 25165824}, "request"),
    ("large divisors, the other way", {**WHOLE, "multipleOf": 25165824}, {**WHOLE, "multipleOf": 16777216}, "response"),
    ("texts of one letter", {**TEXT, "maxLength": 1}, {"enum": ["", "a", "x", "q", "z", "☃"]}, "request"),
    ("a format of a boolean", {"type": "boolean"}, {"type": "boolean", "format": "date"}, "request"),
    ("a format of an object", {"type": "object"}, {"type": "object", "format": "uuid"}, "request"),
    ("a tuple is closed by what is unevaluated", TUPLE, {**TUPLE, "unevaluatedItems": False}, "request"),
    ("an object is closed by what is unevaluated", AB, {"allOf": [AB], "unevaluatedProperties": False}, "request"),
    ("alternatives no longer evaluate a name",
     {"anyOf": [{"properties": {"a": TEXT}}, {}], "unevaluatedProperties": False},
     {"anyOf": [{}], "unevaluatedProperties": False}, "request"),
    ("a pattern of names overlaps a declared one", {**AB, "additionalProperties": False},
     {**AB, "patternProperties": {"^a": {"maxLength": 1}}, "additionalProperties": False}, "request"),
    ("fewer items may be contained", {"type": "array", "contains": WHOLE},
     {"type": "array", "contains": WHOLE, "maxContains": 1}, "request"),
    ("names get a rule", AB, {**AB, "propertyNames": {"maxLength": 3}}, "request"),
    ("an unknown keyword beside a change", TEXT, {"anyOf": [{**TEXT, "checkedBy": "a"}]}, "request"),
]  # fmt: skip

SAFE: list[tuple[str, Any, Any, str]] = [
    ("an optional name beside alternatives", {"anyOf": [NAMED, TEXT]},
     {"anyOf": [{**NAMED, "properties": {"name": TEXT, "zone": TEXT}}, TEXT]}, "request"),
    ("a condition leaves a request", SPECIAL, NAMED, "request"),
    ("a condition enters a response", NAMED, SPECIAL, "response"),
    ("the consequence of a condition loosens", {**SPECIAL, "then": {"required": ["name", "b"]}}, SPECIAL, "request"),
    ("oneOf written in another order", ONE, {**ONE, "oneOf": ONE["oneOf"][::-1]}, "request"),
    ("a negation is negated", {"not": {"not": TEXT}}, TEXT, "request"),
    ("1 is 1.0", {"enum": [1, 2]}, {"enum": [1.0, 2.0]}, "request"),
    ("large divisors that divide", {**WHOLE, "multipleOf": 2 ** 40}, {**WHOLE, "multipleOf": 2 ** 30}, "request"),
    ("closing moves from additional to unevaluated", {**AB, "additionalProperties": False},
     {"allOf": [AB], "unevaluatedProperties": False}, "request"),
    ("an alternative leaves a response", {"oneOf": [WHOLE, TEXT]}, WHOLE, "response"),
]  # fmt: skip
