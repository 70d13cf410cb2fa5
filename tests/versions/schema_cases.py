"""One pair at least for each row of the rule table: what changes, and what it means to a sender and to a reader."""

from typing import Any

from tests.versions.words import TEXT, WHOLE, B, C, R


def thing(**properties: Any) -> dict[str, Any]:
    """An open object."""
    return {"type": "object", "properties": properties}


SHUT = {"additionalProperties": False}
CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": WHOLE}, "required": ["kind"]}
OVERLAPPING = [{"type": "object", "properties": {"d": TEXT}}, {"type": "object", "properties": {"g": TEXT}}]
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "name": TEXT}, "required": ["kind"]}


def tagged(name: str = "kind", **mapping: str) -> dict[str, Any]:
    """Alternatives with a discriminator."""
    found: dict[str, Any] = {"propertyName": name}
    return {"anyOf": [CAT, DOG], "discriminator": {**found, "mapping": mapping} if mapping else found}


# (rule, key, old, new, verdict for a sender, verdict for a reader); None: the row says nothing in that direction
SCHEMAS: list[tuple[int, str, Any, Any, str | None, str | None]] = [
    (9, "optional-added", thing(a=TEXT), thing(a=TEXT, zone=WHOLE), C, C),
    (10, "optional-added-closed", {**thing(a=TEXT), **SHUT}, {**thing(a=TEXT, zone=WHOLE), **SHUT}, C, B),
    (11, "required-added", thing(a=TEXT), {**thing(a=TEXT, zone=WHOLE), "required": ["zone"]}, B, C),
    (12, "required-added-with-default", thing(), {**thing(n={**WHOLE, "default": 1}), "required": ["n"]}, B, C),
    (13, "optional-removed", thing(a=TEXT, zone=WHOLE), thing(a=TEXT), B, None),
    (14, "removed-closed", {**thing(a=TEXT, zone=WHOLE), **SHUT}, {**thing(a=TEXT), **SHUT}, B, None),
    (15, "required-removed", {**thing(zone=WHOLE), "required": ["zone"]}, thing(), R, None),
    (16, "response-required-removed", {**thing(zone=WHOLE), "required": ["zone"]}, thing(), None, B),
    (17, "response-optional-removed", thing(a=TEXT, zone=WHOLE), thing(a=TEXT), None, R),
    (18, "renamed", thing(max_tokens=WHOLE), thing(maxTokens=WHOLE), B, B),
    (19, "became-required", thing(a=TEXT), {**thing(a=TEXT), "required": ["a"]}, B, C),
    (
        19,
        "became-required-with-default",
        thing(a={**TEXT, "default": "x"}),
        {**thing(a={**TEXT, "default": "x"}), "required": ["a"]},
        B,
        C,
    ),
    (20, "became-optional", {**thing(a=TEXT), "required": ["a"]}, thing(a=TEXT), C, B),
    (21, "became-nullable", TEXT, {"anyOf": [TEXT, {"type": "null"}]}, C, B),
    (21, "became-nullable", TEXT, {"type": ["string", "null"]}, C, B),
    (22, "became-not-nullable", {"type": ["string", "null"]}, TEXT, B, C),
    (23, "integer-to-number", WHOLE, {"type": "number"}, C, B),
    (24, "number-to-integer", {"type": "number"}, WHOLE, B, C),
    (25, "type-swapped", TEXT, WHOLE, B, B),
    (26, "type-added", TEXT, {"type": ["string", "array"]}, C, B),
    (26, "member-added", {"anyOf": [CAT]}, {"anyOf": [CAT, DOG]}, C, B),
    (27, "type-removed", {"type": ["string", "array"]}, TEXT, B, C),
    (27, "member-removed", {"anyOf": [CAT, DOG]}, {"anyOf": [CAT]}, B, C),
    (28, "rewritten", {"anyOf": [WHOLE]}, WHOLE, C, C),
    (
        29,
        "all-of-added",
        {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
        {"allOf": [{"pattern": "a"}, {"pattern": "b"}, {"pattern": "c"}]},
        B,
        C,
    ),
    (
        29,
        "all-of-removed",
        {"allOf": [{"pattern": "a"}, {"pattern": "b"}, {"pattern": "c"}]},
        {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
        C,
        B,
    ),
    (30, "bound-tightened", {"type": "number", "maximum": 2}, {"type": "number", "maximum": 1}, B, C),
    (30, "bound-tightened", {**TEXT, "minLength": 1}, {**TEXT, "minLength": 2}, B, C),
    (31, "bound-loosened", {"type": "number", "maximum": 1}, {"type": "number", "maximum": 2}, C, B),
    (32, "bound-added", {"type": "number"}, {"type": "number", "minimum": 0}, B, C),
    (33, "bound-removed", {**TEXT, "maxLength": 8}, TEXT, C, B),
    (34, "bound-became-exclusive", {"type": "number", "minimum": 0}, {"type": "number", "exclusiveMinimum": 0}, B, C),
    (34, "bound-became-inclusive", {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}, C, B),
    (35, "same-integer-bound", {**WHOLE, "exclusiveMinimum": 0}, {**WHOLE, "minimum": 1}, C, C),
    (36, "items-tightened", {"type": "array", "maxItems": 4}, {"type": "array", "maxItems": 2}, B, C),
    (37, "items-loosened", {"type": "array", "minItems": 2}, {"type": "array", "minItems": 1}, C, B),
    (38, "multiple-of-narrowed", {**WHOLE, "multipleOf": 8}, {**WHOLE, "multipleOf": 64}, B, C),
    (38, "multiple-of-widened", {**WHOLE, "multipleOf": 64}, {**WHOLE, "multipleOf": 8}, C, B),
    (38, "multiple-of-changed", {**WHOLE, "multipleOf": 8}, {**WHOLE, "multipleOf": 12}, B, B),
    (39, "unique-items-on", {"type": "array"}, {"type": "array", "uniqueItems": True}, B, C),
    (39, "unique-items-off", {"type": "array", "uniqueItems": True}, {"type": "array"}, C, B),
    (
        40,
        "property-count-tightened",
        {"type": "object", "maxProperties": 4},
        {"type": "object", "maxProperties": 2},
        B,
        C,
    ),
    (
        40,
        "property-count-loosened",
        {"type": "object", "maxProperties": 2},
        {"type": "object", "maxProperties": 4},
        C,
        B,
    ),
    (41, "enum-value-removed", {"enum": ["a", "b"]}, {"enum": ["a"]}, B, C),
    (42, "enum-value-added", {"enum": ["a"]}, {"enum": ["a", "b"]}, C, R),
    (
        42,
        "open-enum-value-added",
        {"enum": ["a"], "x-extensible-enum": True},
        {"enum": ["a", "b"], "x-extensible-enum": True},
        C,
        C,
    ),
    (43, "enum-added", TEXT, {**TEXT, "enum": ["a", "b"]}, B, C),
    (43, "enum-dropped", {**TEXT, "enum": ["a", "b"]}, TEXT, C, B),
    (44, "const-changed", {"const": "a"}, {"const": "b"}, B, B),
    (45, "default-changed", {**WHOLE, "default": 1}, {**WHOLE, "default": 2}, R, C),
    (46, "pattern-added", TEXT, {**TEXT, "pattern": "^a"}, B, C),
    (46, "pattern-removed", {**TEXT, "pattern": "^a"}, TEXT, C, B),
    (47, "pattern-narrowed", {**TEXT, "pattern": "^[ab]+$"}, {**TEXT, "pattern": "^a+$"}, B, C),
    (47, "pattern-widened", {**TEXT, "pattern": "^a+$"}, {**TEXT, "pattern": "^[ab]+$"}, C, B),
    (47, "pattern-changed", {**TEXT, "pattern": "^a+$"}, {**TEXT, "pattern": "^b+$"}, B, B),
    (47, "pattern-undecided", {**TEXT, "pattern": r"(?=.*\d)(?=x)y"}, {**TEXT, "pattern": r"(?=.*\d)(?=z)y"}, R, R),
    (48, "format-added", TEXT, {**TEXT, "format": "email"}, R, C),
    (48, "format-removed", {**TEXT, "format": "email"}, TEXT, C, R),
    (49, "format-swapped", {**TEXT, "format": "date"}, {**TEXT, "format": "date-time"}, B, B),
    (49, "content-changed", {**TEXT, "contentEncoding": "base64"}, {**TEXT, "contentEncoding": "base16"}, B, B),
    (50, "format-widened", {**WHOLE, "format": "int32"}, {**WHOLE, "format": "int64"}, C, B),
    (50, "format-narrowed", {**WHOLE, "format": "int64"}, {**WHOLE, "format": "int32"}, B, R),
    (51, "closed", thing(a=TEXT), {**thing(a=TEXT), **SHUT}, B, C),
    (51, "opened", {**thing(a=TEXT), **SHUT}, thing(a=TEXT), C, R),
    (51, "unknown-names-untyped", {**thing(a=TEXT), **SHUT}, {**thing(a=TEXT), "additionalProperties": WHOLE}, C, B),
    (52, "became-read-only", thing(a=TEXT), thing(a={**TEXT, "readOnly": True}), R, None),
    (52, "became-write-only", thing(a=TEXT), thing(a={**TEXT, "writeOnly": True}), None, R),
    (52, "access-widened", thing(a={**TEXT, "readOnly": True}), thing(a=TEXT), C, None),
    (
        52,
        "required-access-widened",
        {**thing(a={**TEXT, "readOnly": True}), "required": ["a"]},
        {**thing(a=TEXT), "required": ["a"]},
        R,
        None,
    ),
    (53, "discriminator-changed", tagged("kind"), tagged("type"), B, B),
    (53, "discriminator-value-added", tagged(cat="#/a"), tagged(cat="#/a", dog="#/b"), C, R),
    (53, "discriminator-presence", {"anyOf": [CAT, DOG]}, tagged(), R, R),
    (63, "keyword-narrowed", {"type": "array", "contains": WHOLE}, {"type": "array", "contains": {"const": 1}}, B, C),
    (63, "keyword-widened", {**thing(a=TEXT, b=TEXT), "dependentRequired": {"a": ["b"]}}, thing(a=TEXT, b=TEXT), C, B),
    (
        63,
        "keyword-undecided",
        {"type": "object", "not": {"required": ["a"]}},
        {"type": "object", "not": {"required": ["b"]}},
        B,
        B,
    ),
    (63, "unproved", {"oneOf": OVERLAPPING}, {"oneOf": OVERLAPPING[:1]}, R, None),
    (64, "unsatisfiable-before", {**TEXT, "minLength": 2, "maxLength": 1}, TEXT, R, R),
    (64, "unsatisfiable-after", TEXT, {**TEXT, "minLength": 2, "maxLength": 1}, R, R),
    (64, "unknown-keyword", {**TEXT, "checkedBy": "a"}, {**TEXT, "checkedBy": "b"}, R, R),
    (64, "unreadable", thing(a=TEXT), thing(a=None), R, R),
    (64, "unreadable-unchanged", thing(a=None, zone=TEXT), thing(a=None, zone=WHOLE), C, C),
    (65, "prose-notice", {**TEXT, "description": "A name."}, {**TEXT, "description": "No longer used."}, C, C),
    (5, "deprecated", TEXT, {**TEXT, "deprecated": True}, C, C),
    (6, "stability-lowered", {**TEXT, "x-stability-level": "stable"}, {**TEXT, "x-stability-level": "beta"}, B, B),
]
